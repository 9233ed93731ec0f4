import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from apps.indexing.measured import Certificate, Measurement
from apps.indexing.models import VectorIndex
from tests.factories import PassageFactory

pytestmark = pytest.mark.django_db


def index_command(*arguments):
    out = StringIO()
    call_command("index", *arguments, "--json", stdout=out)
    return json.loads(out.getvalue())


@pytest.fixture
def alone(index, run_jobs, django_capture_on_commit_callbacks):
    """The command, with workers that answer in this process."""

    def run(*arguments):
        with django_capture_on_commit_callbacks(execute=True):
            return index_command(*arguments)

    return run


class TestIndexCommand:
    def test_makes_builds_and_switches_an_index_beside_the_live_one(self, alone, index):
        PassageFactory.create_batch(3)
        made = alone("create", "hashing", "--m", "8", "--ef-construction", "32")
        assert (made["status"], made["owed"], made["m"]) == ("paused", 3, 8)
        alone("resume", str(made["id"]))
        built = alone("build", str(made["id"]))
        assert (built["status"], built["stored"], built["owed"]) == ("ready", 3, 0)
        assert alone("activate", str(made["id"]))["status"] == "live"
        assert alone("rollback")["id"] == index.pk
        assert alone("drop", str(made["id"])) == {"dropped": made["id"]}
        assert [row["id"] for row in alone("list")] == [index.pk]

    def test_a_model_that_is_not_there_is_refused_with_the_way_to_get_it(self, alone):
        with pytest.raises(CommandError, match="models download"):
            alone("create", "DMRetriever-4B")
        with pytest.raises(CommandError, match="Did you mean"):
            alone("create", "DMRetriever-4C")
        assert VectorIndex.objects.count() == 1

    def test_an_unknown_index_is_told(self, alone):
        with pytest.raises(CommandError, match="There is no index 99"):
            alone("show", "99")

    def test_bad_settings_change_nothing(self, alone, index):
        with pytest.raises(CommandError, match="ef_search"):
            alone("set", str(index.pk), "--ef-search", "5")
        index.refresh_from_db()
        assert index.ef_search == 100

    def test_a_floor_that_is_not_reached_makes_searches_exact_at_once(self, alone, index):
        curve = [{"ef_search": 100, "recall": 0.9, "p50_ms": 1, "p95_ms": 2}]
        Certificate.objects.create(index=index, state=Measurement.DONE, ef_search=100, recall=0.9, curve=curve)
        assert alone("set", str(index.pk), "--exact-below-floor", "yes")["searches_exactly"]
        assert not alone("set", str(index.pk), "--recall-floor", "0.85")["searches_exactly"]

    def test_meaning_can_count_more_beside_words(self, alone, index):
        alone("set", str(index.pk), "--dense-share", "NLI=1", "Twitter=0.85")
        index.refresh_from_db()
        assert index.dense_shares == {"NLI": 1.0, "Twitter": 0.85}
        for wrong, told in (("NLI=2", "from 0 to 1"), ("nli=1", "not an intent"), ("NLI", "look like this")):
            with pytest.raises(CommandError, match=told):
                alone("set", str(index.pk), "--dense-share", wrong)
        alone("set", str(index.pk), "--dense-share", "usual")
        index.refresh_from_db()
        assert index.dense_shares == {}
