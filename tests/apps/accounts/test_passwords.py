import re

import pytest
from django.urls import reverse

from apps.accounts.models import one_time_password
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db
OWN = "river gauge at the mill"


@pytest.fixture
def newcomer(client):
    """Somebody who has just logged in with a one-time password."""
    person = UserFactory(must_change_password=True)
    client.force_login(person)
    return person


class TestOneTimePassword:
    def test_is_four_groups_that_can_be_read_aloud(self):
        assert re.fullmatch(r"([a-hj-km-np-z2-9]{4}-){3}[a-hj-km-np-z2-9]{4}", one_time_password())

    def test_is_never_the_same_twice(self):
        assert len({one_time_password() for _ in range(100)}) == 100


class TestFirstPassword:
    def test_comes_before_every_other_page(self, client, newcomer):
        assert client.get(reverse("status")).url == reverse("password")

    def test_comes_first_for_htmx_too(self, client, newcomer):
        assert client.get(reverse("status"), headers={"HX-Request": "true"})["HX-Redirect"] == reverse("password")

    def test_leaves_help_and_logging_out_open(self, client, newcomer):
        assert client.get(reverse("help")).status_code == 200
        assert client.post(reverse("logout")).url == reverse("login")

    def test_opens_the_pages_and_keeps_the_login(self, client, newcomer):
        client.post(reverse("password"), {"new_password1": OWN, "new_password2": OWN})
        newcomer.refresh_from_db()
        assert newcomer.check_password(OWN)
        assert client.get(reverse("status")).status_code == 200

    def test_must_differ_from_the_one_time_password(self, client, newcomer):
        response = client.post(reverse("password"), {"new_password1": PASSWORD, "new_password2": PASSWORD})
        assert "Choose a password that differs" in response.text
        newcomer.refresh_from_db()
        assert newcomer.must_change_password

    @pytest.mark.parametrize("weak", ["short", "password123", "1234567890"])
    def test_must_not_be_weak(self, client, newcomer, weak):
        client.post(reverse("password"), {"new_password1": weak, "new_password2": weak})
        newcomer.refresh_from_db()
        assert newcomer.must_change_password


class TestOwnPassword:
    def test_asks_for_the_present_one(self, client):
        person = UserFactory()
        client.force_login(person)
        fields = {"old_password": "wrong", "new_password1": OWN, "new_password2": OWN}
        client.post(reverse("password"), fields)
        person.refresh_from_db()
        assert person.check_password(PASSWORD)
        client.post(reverse("password"), {**fields, "old_password": PASSWORD})
        person.refresh_from_db()
        assert person.check_password(OWN)

    def test_ends_logins_elsewhere(self, client, django_user_model):
        person = UserFactory()
        elsewhere = type(client)()
        client.force_login(person)
        elsewhere.force_login(person)
        client.post(reverse("password"), {"old_password": PASSWORD, "new_password1": OWN, "new_password2": OWN})
        assert client.get(reverse("help")).status_code == 200
        assert elsewhere.get(reverse("help")).status_code == 302
