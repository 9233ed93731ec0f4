import pytest
from django.urls import reverse

from apps.search.intent import LABELS
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


class TestHelpPage:
    @pytest.fixture
    def text(self, client):
        client.force_login(UserFactory(admin=True, username="mk", first_name="Mara", last_name="Kolb"))
        UserFactory(admin=True, username="gone", is_active=False)
        return client.get(reverse("help")).text

    def test_explains_every_way_to_ask_by_the_name_the_search_page_gives_it(self, text):
        assert [label for label in LABELS.values() if label not in text] == []

    def test_names_the_admins_one_can_ask(self, text):
        assert "Mara Kolb" in text
        assert "gone" not in text.split("Whom to ask")[-1]

    def test_tells_only_those_who_may_how_to_upload(self, client, text):
        assert "drop files or folders" in text
        client.force_login(UserFactory())
        assert "drop files or folders" not in client.get(reverse("help")).text
