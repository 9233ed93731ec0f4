import pytest
from django.test import Client
from django.urls import reverse

from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db


class TestErrorPages:
    def test_404_says_what_to_do(self, client):
        client.force_login(UserFactory())
        response = client.get("/nowhere")
        assert response.status_code == 404
        assert "There is nothing here" in response.text

    def test_404_shows_no_part_of_the_address_as_html(self, client):
        client.force_login(UserFactory())
        assert "<script>alert" not in client.get("/<script>alert(1)</script>").text

    def test_403_gives_the_reason(self, client):
        client.force_login(UserFactory())
        assert "Only admins can open this page." in client.get(reverse("users")).text

    def test_a_form_without_its_token_is_refused_with_a_way_out(self):
        person = UserFactory()
        response = Client(enforce_csrf_checks=True).post(
            reverse("login"), {"username": person.username, "password": PASSWORD}
        )
        assert response.status_code == 403
        assert "This form has expired" in response.text

    def test_400_for_a_host_that_is_not_ours(self, client):
        response = client.get(reverse("help"), headers={"Host": "evil.example"})
        assert response.status_code == 400
        assert "This request cannot be read" in response.text

    def test_programs_get_json(self, client):
        client.force_login(UserFactory())
        response = client.get("/nowhere", headers={"Accept": "application/json"})
        assert (response.status_code, response.json()["error"]) == (404, "There is nothing here")

    def test_cost_no_query(self, client, django_assert_num_queries):
        with django_assert_num_queries(0):
            client.get("/nowhere")

    def test_keep_the_look_one_chose(self, client):
        client.cookies["theme"] = "dark"
        assert 'data-theme="dark"' in client.get("/nowhere").text


class TestTheme:
    def test_is_kept_in_a_cookie(self, client):
        client.post(reverse("theme"), {"theme": "dark"})
        assert 'data-theme="dark"' in client.get(reverse("login")).text

    def test_takes_no_third_look(self, client):
        client.post(reverse("theme"), {"theme": '"><script>'})
        client.cookies["theme"] = '"><script>'
        assert "data-theme" not in client.get(reverse("login")).text

    def test_leads_back_to_the_page_one_was_on_but_never_to_another_site(self, client):
        ours = client.post(reverse("theme"), {"theme": "dark"}, headers={"Referer": "http://testserver/help/"})
        theirs = client.post(reverse("theme"), {"theme": "dark"}, headers={"Referer": "https://evil.example/"})
        assert (ours.url, theirs.url) == ("http://testserver/help/", "/")
