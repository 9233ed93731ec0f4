"""Two runs side by side, and the systems at hand measured on one's own judgments."""

import pytest
from django.urls import reverse
from kombu.exceptions import OperationalError

from apps.experiments import evaluation_process, jobs, own, recording
from apps.experiments.models import OwnMeasurement, Run
from apps.feedback.collection import JudgedQuery
from apps.feedback.models import Judgment, Query
from apps.indexing.jobs import request_embedding
from apps.retrievers.intents import Intent
from apps.search.encoding import EncoderUnavailable
from tests.factories import CorpusFactory, DocumentFactory, PassageFactory, UserFactory

pytestmark = pytest.mark.django_db

COMPARE = reverse("compare-runs")


@pytest.fixture
def analyst():
    return UserFactory(analyst=True)


@pytest.fixture
def page(client, analyst):
    client.force_login(analyst)
    return client


@pytest.fixture
def record(report):
    def record(label, *scores, owner=None, digest="d1"):
        queries = {
            f"q{n}": {"intent": "QA", "text": f"how deep is river {n}?", "ndcg@10": score}
            for n, score in enumerate(scores)
        }
        changes = {"label": label, "queries": queries, "digest": digest, "system": {"model": label}}
        return Run.objects.record(report(**changes), owner=owner)[0]

    return record


def asked(ours, theirs):
    return {"ours": ours.pk, "theirs": theirs.pk}


class TestComparePage:
    def test_says_by_intent_who_is_better_and_whether_by_luck(self, page, record):
        ours, theirs = record("ours", *[0.9] * 9, 0.1), record("theirs", *[0.4] * 9, 0.2)
        comparison = page.get(COMPARE, asked(ours, theirs)).context["comparison"]
        (qa, all_queries) = comparison.lines
        assert (qa.name, all_queries.name) == ("QA", "All queries")
        assert qa.figures["gain"] == pytest.approx(44)
        assert qa.figures["low"] < 44 < qa.figures["high"]
        assert qa.verdict == "better †"

    def test_says_that_a_small_difference_is_none(self, page, record):
        ours, theirs = record("ours", 0.5, 0.4, 0.6), record("theirs", 0.4, 0.5, 0.5)
        assert page.get(COMPARE, asked(ours, theirs)).context["comparison"].lines[0].verdict == "no clear difference"

    def test_links_to_the_queries_that_changed_most(self, page, record):
        response = page.get(COMPARE, asked(record("ours", 0.9, 0.1), record("theirs", 0.4, 0.2)))
        comparison = response.context["comparison"]
        assert [change["id"] for change in comparison.gained] == ["q0"]
        assert [change["id"] for change in comparison.lost] == ["q1"]
        assert "?q=how+deep+is+river+0%3F&amp;intent=QA" in response.text

    def test_refuses_runs_of_different_collections(self, page, record):
        response = page.get(COMPARE, asked(record("ours", 0.9), record("theirs", 0.4, digest="d2")))
        assert response.status_code == 400
        assert "different queries or judgments" in response.text

    def test_shows_nobody_what_somebody_else_measured_on_judgments(self, page, record, analyst):
        others, own = record("theirs alone", 0.9, owner=UserFactory(analyst=True)), record("my own", 0.4, owner=analyst)
        response = page.get(COMPARE, asked(others, own))
        assert response.status_code == 400
        assert "theirs alone" not in response.text
        assert "theirs alone" not in page.get(reverse("quality"), {"set": "DisastIR-Test"}).text
        assert "my own" in page.get(reverse("quality"), {"set": "DisastIR-Test"}).text

    def test_asks_to_choose_at_first(self, page):
        assert "Choose two runs of one collection" in page.get(COMPARE).text


@pytest.fixture
def judged(analyst):
    """One question whose answer somebody graded."""
    corpus = CorpusFactory()
    document = DocumentFactory(corpus=corpus)
    answer = PassageFactory(document=document, position=0, text="The levee failed at dawn near the bridge.")
    PassageFactory(document=document, position=1, text="Boats carried families.")
    Judgment.objects.record(analyst, Query.objects.of("which levee failed?", Intent.QA), passage=answer, grade=3)
    return corpus


class TestOwnMeasurement:
    def test_measures_what_answers_now(self, page, judged, analyst, run_jobs):
        response = page.post(reverse("own-measurement-start"))
        assert run_jobs == [jobs.MEASURE_OWN]
        measurement = OwnMeasurement.objects.get()
        assert (response.url, measurement.state) == (measurement.get_absolute_url(), "DONE")
        (run,) = measurement.runs()  # no index is live: words alone
        assert (run.retrieval, run.average, run.owner) == ("lexical", 1.0, analyst)
        assert "words" in page.get(measurement.get_absolute_url()).text

    def test_asks_every_system_for_words_that_must_and_must_not_occur(self, judged, analyst, index, run_jobs):
        request_embedding(index_id=index.pk)
        passages = dict(judged.passages.values_list("pk", "text"))
        query = JudgedQuery("q1", '"families" carried -dawn', Intent.QA)
        rankings = own._answers(query, user=analyst, systems=own._systems())
        assert [[passages[pk] for pk in ranking] for ranking in rankings] == [["Boats carried families."]] * 3

    def test_takes_no_answer_by_words_alone_for_one_of_the_product(self, judged, analyst, index, run_jobs, monkeypatch):
        def fail(*_args, **_kwargs):
            raise EncoderUnavailable("the encoder did not answer in 1.5 s")

        request_embedding(index_id=index.pk)
        monkeypatch.setattr("apps.search.retrieving.encode_query", fail)
        measurement = OwnMeasurement.objects.create(asked_by=analyst)
        own.carry_out(measurement)
        assert measurement.state == "FAILED"
        assert "the encoder did not answer in 1.5 s" in measurement.reason

    def test_is_not_given_to_everybody_by_an_import(self, judged, analyst):
        own.measure(analyst, tell=lambda done, total: None)
        assert recording.import_results(evaluation_process.folder() / "results") == (0, 0)
        assert not Run.objects.filter(owner=None).exists()

    def test_says_when_the_folder_of_the_live_model_is_gone(self, judged, analyst, lost_model):
        measurement = OwnMeasurement.objects.create(asked_by=analyst)
        own.carry_out(measurement)
        measurement.refresh_from_db()
        assert (measurement.state, "No retriever is called 'ours'" in measurement.reason) == ("FAILED", True)

    def test_says_when_something_unexpected_stops_it(self, judged, analyst, monkeypatch):
        monkeypatch.setattr(own, "measure", lambda *_, **__: 1 / 0)
        measurement = OwnMeasurement.objects.create(asked_by=analyst)
        with pytest.raises(ZeroDivisionError):
            own.carry_out(measurement)
        measurement.refresh_from_db()
        assert measurement.state == "FAILED"

    @pytest.mark.parametrize(("done", "told"), [(0, "query 1 of 8"), (7, "query 8 of 8"), (8, "being scored")])
    def test_tells_how_far_it_is(self, page, analyst, done, told):
        measurement = OwnMeasurement.objects.create(asked_by=analyst, state="WORKING", done=done, total=8)
        assert told in page.get(measurement.get_absolute_url()).text

    def test_tells_of_one_whose_worker_was_killed_and_goes_on_with_the_next(self, judged, analyst):
        killed, next_one = (
            OwnMeasurement.objects.create(asked_by=analyst, state=state) for state in ("WORKING", "WAITING")
        )
        own.carry_out_waiting()
        killed.refresh_from_db()
        next_one.refresh_from_db()
        assert (killed.state, next_one.state) == ("FAILED", "DONE")
        assert "Measure again" in killed.reason

    def test_waits_for_a_broker_that_is_away(self, page, judged, monkeypatch):
        def refuse(*_args, **_kwargs):
            raise OperationalError("refused")

        monkeypatch.setattr("celery.app.base.Celery.send_task", refuse)
        response = page.post(reverse("own-measurement-start"), follow=True)
        assert "Waiting for a worker" in response.text

    def test_says_that_nothing_is_judged(self, page):
        response = page.post(reverse("own-measurement-start"), follow=True)
        assert "Nothing is judged yet" in response.text
        assert not OwnMeasurement.objects.exists()

    def test_belongs_to_who_asked(self, client, analyst):
        measurement = OwnMeasurement.objects.create(asked_by=analyst)
        client.force_login(UserFactory(analyst=True))
        assert client.get(measurement.get_absolute_url()).status_code == 404

    def test_shows_how_far_it_is_and_why_it_failed(self, page, analyst):
        measurement = OwnMeasurement.objects.create(asked_by=analyst)
        measurement.advance(3, total=7)
        assert "query 4 of 7" in page.get(measurement.get_absolute_url()).text
        measurement.end(OwnMeasurement.State.FAILED, "The encoder is away.")
        assert "The encoder is away." in page.get(measurement.get_absolute_url()).text
