import pytest
from django.urls import reverse

from apps.accounts.models import User
from tests.factories import CorpusFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def admin(client):
    admin = UserFactory(admin=True)
    client.force_login(admin)
    return admin


def fields(person, **changes):
    kept = {"username": person.username, "role": person.role, "corpora": [c.pk for c in person.corpora.all()]}
    return {**kept, **({"is_active": "on"} if person.is_active else {}), **changes}


class TestUsersPages:
    @pytest.mark.parametrize("role", [User.Role.MANAGER, User.Role.ANALYST])
    @pytest.mark.parametrize("page", ["users", "user-new"])
    def test_are_for_admins_only(self, client, role, page):
        client.force_login(UserFactory(role=role))
        response = client.get(reverse(page))
        assert response.status_code == 403
        assert "Only admins can open this page." in response.text

    def test_nobody_else_resets_a_password(self, client):
        person = UserFactory()
        client.force_login(UserFactory(analyst=True))
        assert client.post(reverse("user-reset-password", args=[person.pk])).status_code == 403

    def test_list_people_with_role_corpora_and_state(self, client, admin):
        person = UserFactory(analyst=True, username="mara", must_change_password=True)
        CorpusFactory(name="River bulletins", members=[person])
        page = client.get(reverse("users")).text
        assert "mara" in page
        assert "River bulletins" in page
        assert "One-time password" in page

    def test_cost_the_same_queries_however_many_people(self, client, admin, django_assert_max_num_queries):
        UserFactory.create_batch(20)
        with django_assert_max_num_queries(6):
            client.get(reverse("users"))

    def test_find_people_by_every_word(self, client, admin):
        UserFactory(username="mk", first_name="Mara", last_name="Kolb")
        UserFactory(username="mv", first_name="Mara", last_name="Voss")
        found = client.get(reverse("users"), {"q": "mara kol"}).context["page"].object_list
        assert [person.username for person in found] == ["mk"]

    def test_take_a_query_with_a_zero_byte(self, client, admin):
        assert client.get(reverse("users"), {"q": "a\0b"}).status_code == 200

    def test_show_html_in_a_name_as_text(self, client, admin):
        UserFactory(username="x", first_name="<script>alert(1)</script>")
        assert "<script>alert(1)" not in client.get(reverse("users")).text


class TestAddingSomebody:
    def test_shows_a_one_time_password_that_works(self, client, admin):
        corpus = CorpusFactory()
        response = client.post(
            reverse("user-new"), {"username": "mara", "role": User.Role.ANALYST, "corpora": [corpus.pk]}
        )
        mara = User.objects.get(username="mara")
        assert response.context["one_time"] in response.text
        assert mara.check_password(response.context["one_time"])
        assert mara.must_change_password
        assert list(mara.corpora.all()) == [corpus]

    def test_is_not_kept_by_a_cache(self, client, admin):
        response = client.post(reverse("user-new"), {"username": "mara", "role": User.Role.MANAGER})
        assert "no-store" in response["Cache-Control"]

    def test_refuses_a_name_that_is_taken(self, client, admin):
        response = client.post(reverse("user-new"), {"username": admin.username, "role": User.Role.MANAGER})
        assert "already exists" in response.text
        assert User.objects.count() == 1


class TestChangingSomebody:
    def test_sets_role_and_corpora(self, client, admin):
        person, corpus = UserFactory(), CorpusFactory()
        client.post(reverse("user", args=[person.pk]), fields(person, role=User.Role.ANALYST, corpora=[corpus.pk]))
        person.refresh_from_db()
        assert person.role == User.Role.ANALYST
        assert list(person.corpora.all()) == [corpus]

    def test_switching_off_ends_their_session_at_once(self, client, admin):
        person = UserFactory()
        theirs = type(client)()
        theirs.force_login(person)
        form = fields(person)
        del form["is_active"]
        client.post(reverse("user", args=[person.pk]), form)
        assert theirs.get(reverse("help")).status_code == 302

    @pytest.mark.parametrize("change", [{"role": User.Role.MANAGER}, {"is_active": ""}])
    def test_the_last_admin_stays_one(self, client, admin, change):
        UserFactory(admin=True, is_active=False)
        response = client.post(reverse("user", args=[admin.pk]), fields(admin, **change))
        assert "This is the last admin who can log in." in response.text
        admin.refresh_from_db()
        assert admin.is_admin
        assert admin.is_active

    def test_one_of_two_admins_may_go(self, client, admin):
        other = UserFactory(admin=True)
        client.post(reverse("user", args=[other.pk]), fields(other, role=User.Role.MANAGER))
        other.refresh_from_db()
        assert not other.is_admin

    def test_a_reset_password_logs_them_out_and_is_shown_once(self, client, admin):
        person = UserFactory()
        theirs = type(client)()
        theirs.force_login(person)
        one_time = client.post(reverse("user-reset-password", args=[person.pk])).context["one_time"]
        person.refresh_from_db()
        assert person.check_password(one_time)
        assert person.must_change_password
        assert theirs.get(reverse("help")).status_code == 302

    def test_nobody_is_404(self, client, admin):
        assert client.get(reverse("user", args=[10**9])).status_code == 404
