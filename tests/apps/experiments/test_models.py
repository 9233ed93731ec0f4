import pytest

from apps.experiments.models import Run
from apps.retrievers.intents import Intent

pytestmark = pytest.mark.django_db


class TestRecording:
    def test_keeps_scores_and_where_they_come_from(self, report):
        run, is_new = Run.objects.record(report())
        assert is_new
        assert run.percent(Intent.QA) == pytest.approx(60)
        assert (run.search, run.commit, run.machine) == ("exact", "abc1234", "2 cores")
        assert run.measured_at.isoformat() == "2026-11-23T14:05:00+00:00"

    def test_a_second_time_replaces_the_row(self, report):
        Run.objects.record(report())
        run, is_new = Run.objects.record(report(scores={"QA": 0.7}))
        assert not is_new
        assert Run.objects.get() == run
        assert run.percent(Intent.QA) == pytest.approx(70)

    @pytest.mark.parametrize(
        "other",
        [
            {"digest": "d2"},
            {"retrieval": "hybrid"},
            {"system": {"search": "index"}},
            {"system": {"instructions": "off"}},
            {"system": {"revision": "def"}},
        ],
    )
    def test_of_another_system_or_collection_is_another_row(self, report, other):
        Run.objects.record(report())
        Run.objects.record(report(**other))
        assert Run.objects.count() == 2

    def test_of_another_ranking_by_the_same_product_replaces_it(self, report):
        Run.objects.record(report(system={"search": "index", "run": "one"}))
        Run.objects.record(report(system={"search": "index", "run": "two"}))
        assert Run.objects.count() == 1

    def test_names_the_command_that_a_person_typed(self, report):
        run, _ = Run.objects.record(report(), command="manage.py evaluate floods --record")
        assert run.command == "manage.py evaluate floods --record"


class TestRun:
    def test_knows_the_size_class_of_its_model(self, report):
        run, _ = Run.objects.record(report())
        assert run.size_class == "small"

    def test_has_no_size_class_without_a_model(self, report):
        run, _ = Run.objects.record(report(system={"model": "BM25", "card": "BM25"}))
        assert run.size_class == ""

    def test_has_no_figure_for_an_intent_without_queries(self, report):
        run, _ = Run.objects.record(report())
        assert run.percent(Intent.NLI) is None
