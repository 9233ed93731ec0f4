import pytest
from django.urls import reverse

from apps.experiments.models import Run
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def analyst(client):
    client.force_login(UserFactory(analyst=True))
    return client


def systems(response):
    return [row.system for row in response.context["rows"]]


class TestQualityPage:
    url = reverse("quality")

    def test_is_for_analysts_and_admins(self, client):
        client.force_login(UserFactory())
        assert client.get(self.url).status_code == 403
        assert "Quality" not in client.get(reverse("help")).text

    def test_is_in_the_menu_of_an_analyst(self, analyst):
        assert f'href="{self.url}"' in analyst.get(reverse("help")).text

    def test_says_which_command_measures_while_nothing_of_ours_is(self, analyst):
        response = analyst.get(self.url)
        assert "manage.py evaluate FOLDER --record" in response.text
        assert "DMRetriever-33M" in systems(response)

    def test_tells_measured_from_published(self, analyst, report):
        Run.objects.record(report(label="Ours on our machine"))
        response = analyst.get(self.url)
        assert {row.figures for row in response.context["rows"]} == {"measured", "published"}
        assert "23 Nov 2026 14:05Z" in response.text
        assert "Nothing of ours" not in response.text

    def test_sorts_by_a_column_and_links_to_the_other_order(self, analyst):
        response = analyst.get(self.url, {"sort": "-QA"})
        scores = [row.cells["QA"].score for row in response.context["rows"]]
        assert scores == sorted(scores, reverse=True)
        assert 'aria-sort="descending"' in response.text
        assert "?sort=QA" in response.text

    def test_keeps_to_a_size_class_and_a_kind_of_figures(self, analyst, report):
        Run.objects.record(report())
        response = analyst.get(self.url, {"size": "xl"})
        assert {row.size_class for row in response.context["rows"]} == {"xl"}
        assert len(systems(analyst.get(self.url, {"figures": "measured"}))) == 1

    def test_shows_another_set(self, analyst, report):
        Run.objects.record(report(set="floods", label="ours"))
        assert systems(analyst.get(self.url, {"set": "floods"})) == ["ours"]

    @pytest.mark.parametrize("query", [{"set": "nothing"}, {"sort": "-'"}, {"size": "huge"}, {"figures": "\x00"}])
    def test_takes_a_broken_link_for_the_whole_table(self, analyst, query):
        assert len(systems(analyst.get(self.url, query))) == len(systems(analyst.get(self.url)))

    def test_says_so_when_a_filter_leaves_nothing(self, analyst):
        assert "No figures to show" in analyst.get(self.url, {"figures": "measured"}).text

    def test_gives_htmx_the_table_alone(self, analyst):
        response = analyst.get(self.url, headers={"HX-Request": "true", "HX-Target": "leaderboard"})
        assert "<html" not in response.text
        assert 'id="leaderboard"' in response.text

    def test_escapes_a_hostile_name(self, analyst, report):
        Run.objects.record(report(label="<script>alert(1)</script>"))
        assert "<script>alert" not in analyst.get(self.url).text


class TestDownloads:
    def test_have_the_rows_of_the_page(self, analyst):
        text = analyst.get(reverse("quality-markdown"), {"size": "xl"}).text
        data = analyst.get(reverse("quality-json"), {"size": "xl"}).json()
        names = [row["system"] for row in data["rows"]]
        assert names
        assert all(f"| {name} |" in text for name in names)

    def test_are_files_with_a_safe_name(self, analyst, report):
        Run.objects.record(report(set='flo"ods/..'))
        response = analyst.get(reverse("quality-json"), {"set": 'flo"ods/..'})
        assert response["Content-Disposition"] == 'attachment; filename="leaderboard-floods.json"'

    def test_are_for_analysts_too(self, client):
        client.force_login(UserFactory())
        assert client.get(reverse("quality-json")).status_code == 403
