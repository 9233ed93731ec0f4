from concurrent.futures import ThreadPoolExecutor

import pytest
import redis
from django.core.cache import cache
from django.urls import reverse

from apps.accounts import throttle
from apps.accounts.throttle import Throttle, address_of, wait_after
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_tries_yet():
    cache.clear()


def try_to_log_in(client, username, password="wrong", **extra):  # noqa: S107
    return client.post(reverse("login"), {"username": username, "password": password}, **extra)


class TestLogin:
    def test_lets_in_with_the_right_password(self, client):
        person = UserFactory()
        response = try_to_log_in(client, person.username, PASSWORD)
        assert response.status_code == 302
        assert client.session["_auth_user_id"] == str(person.pk)

    def test_goes_on_to_the_page_asked_for(self, client):
        person = UserFactory()
        asked = client.get(reverse("help"))
        assert asked.url == f"{reverse('login')}?next={reverse('help')}"
        response = client.post(asked.url, {"username": person.username, "password": PASSWORD, "next": reverse("help")})
        assert response.url == reverse("help")

    def test_never_goes_on_to_another_site(self, client):
        person = UserFactory()
        fields = {"username": person.username, "password": PASSWORD, "next": "https://evil.example/"}
        assert client.post(reverse("login"), fields).url == "/"

    def test_says_the_same_for_a_wrong_name_as_for_a_wrong_password(self, client):
        person = UserFactory()
        wrong_password = try_to_log_in(client, person.username).context["form"].non_field_errors()
        wrong_name = try_to_log_in(client, "nobody").context["form"].non_field_errors()
        assert (
            wrong_password
            == wrong_name
            == ["This name and password do not go together. Upper and lower case count in both."]
        )

    def test_refuses_who_is_switched_off(self, client):
        person = UserFactory(is_active=False)
        assert try_to_log_in(client, person.username, PASSWORD).status_code == 200

    def test_survives_control_characters_in_a_name(self, client):
        assert try_to_log_in(client, "a\0b", PASSWORD).status_code == 200


class TestThrottle:
    def test_makes_the_sixth_try_wait_even_with_the_right_password(self, client):
        person = UserFactory()
        for _ in range(throttle.FREE_TRIES):
            assert try_to_log_in(client, person.username).status_code == 200
        response = try_to_log_in(client, person.username, PASSWORD)
        assert response.status_code == 429
        assert 0 < int(response["Retry-After"]) <= throttle.FIRST_WAIT_S
        assert "Too many wrong tries for this name" in response.text

    def test_counts_a_name_alike_in_upper_and_lower_case(self, client):
        for name in ["admin", "ADMIN", "Admin", "aDmin", "adMin"]:
            try_to_log_in(client, name)
        assert try_to_log_in(client, "ADMIN").status_code == 429

    def test_leaves_others_and_other_addresses_alone(self, client):
        person, colleague = UserFactory.create_batch(2)
        for _ in range(throttle.FREE_TRIES):
            try_to_log_in(client, person.username)
        assert try_to_log_in(client, person.username, PASSWORD, REMOTE_ADDR="10.0.0.9").status_code == 302
        client.logout()
        assert try_to_log_in(client, colleague.username, PASSWORD).status_code == 302

    def test_tells_people_behind_a_proxy_apart_by_what_the_proxy_saw(self, rf, settings):
        asked = rf.get("/", headers={"X-Forwarded-For": "6.6.6.6, 10.0.0.9"}, REMOTE_ADDR="127.0.0.1")
        settings.HTTPS = False
        assert address_of(asked) == "127.0.0.1"
        settings.HTTPS = True
        assert address_of(asked) == "10.0.0.9"

    def test_takes_one_try_when_the_wait_is_over_and_then_waits_longer(self, monkeypatch):
        tries = Throttle("admin", "10.0.0.1")
        assert [tries.take_try() for _ in range(throttle.FREE_TRIES)] == [0] * throttle.FREE_TRIES
        assert tries.take_try() == throttle.FIRST_WAIT_S
        cache.delete(tries._gate)  # what its time to live does
        assert tries.take_try() == 0
        assert tries.take_try() == 2 * throttle.FIRST_WAIT_S

    def test_takes_no_try_while_it_cannot_count(self, client, monkeypatch):
        def refuse(*_args, **_kwargs):
            raise redis.ConnectionError("refused")

        monkeypatch.setattr(throttle.cache, "add", refuse)
        client.raise_request_exception = False
        response = try_to_log_in(client, UserFactory().username, PASSWORD)
        assert response.status_code == 503
        assert "The message broker does not answer" in response.text

    def test_gets_a_hundred_tries_at_once_no_further_than_one_by_one(self):
        with ThreadPoolExecutor(20) as pool:
            waits = list(pool.map(lambda _: Throttle("admin", "10.0.0.1").take_try(), range(100)))
        assert waits.count(0) == throttle.FREE_TRIES

    def test_forgets_after_the_right_password(self, client):
        person = UserFactory()
        for _ in range(throttle.FREE_TRIES - 1):
            try_to_log_in(client, person.username)
        try_to_log_in(client, person.username, PASSWORD)
        assert Throttle(person.username, "127.0.0.1").take_try() == 0

    def test_waits_grow_to_a_quarter_of_an_hour_and_no_longer(self):
        assert [wait_after(tries) for tries in (1, 4, 5, 6, 7, 30, 10_000)] == [0, 0, 15, 30, 60, 900, 900]


class TestLoginRequired:
    def test_sends_htmx_to_the_login_page_as_a_whole(self, client):
        headers = {"HX-Request": "true", "HX-Current-URL": "http://testserver/help/"}
        response = client.get(reverse("status"), headers=headers)
        assert response["HX-Redirect"] == f"{reverse('login')}?next=/help/"

    def test_tells_programs_401(self, client):
        response = client.get(reverse("status"), headers={"Accept": "application/json"})
        assert (response.status_code, response.json()["error"]) == (401, "not logged in")
