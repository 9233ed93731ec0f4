"""Something said of so many documents that a worker has to do it."""

from datetime import UTC, datetime

import pytest
from django.db import OperationalError
from django.urls import reverse

from apps.corpora import corrections
from apps.corpora.models import Correction, Document, Passage
from apps.ingestion import correcting, jobs
from apps.ingestion.models import BulkCorrection
from tests.factories import CorpusFactory, DocumentFactory, JobItemFactory, PassageFactory, UserFactory
from workers.app import app

pytestmark = pytest.mark.django_db
EVENT = {"event": {"event": "Copper Tern"}}
FIVE = 5


@pytest.fixture(autouse=True)
def small_steps_and_turns(monkeypatch):
    monkeypatch.setattr(correcting, "AT_ONCE", 2)
    monkeypatch.setattr(correcting, "STEP", 2)
    monkeypatch.setattr(correcting, "TURN_S", 0.0)


@pytest.fixture
def analyst(client):
    user = UserFactory(analyst=True, username="anna")
    client.force_login(user)
    return user


@pytest.fixture
def corpus(analyst):
    corpus = CorpusFactory(private=True, members=[analyst])
    for n in range(FIVE):
        PassageFactory(document=DocumentFactory(corpus=corpus, title=f"Report {n}"))
    return corpus


@pytest.fixture
def asked(corpus, analyst):
    return correcting.ask(corpus, EVENT, upload=None, by=analyst)


@pytest.fixture
def failing(monkeypatch):
    """The second step fails after it has written; returns how to say with what."""
    save, calls = corrections._save, []

    def fail_with(error):
        def failing_save(rows):
            calls.append(rows)
            save(rows)
            if len(calls) == 2:
                raise error

        monkeypatch.setattr(corrections, "_save", failing_save)

    return fail_with


def work():
    while correcting.carry_on():
        pass


def events():
    return list(Document.objects.order_by("pk").values_list("event", flat=True))


def post(client, name, bulk):
    return client.post(reverse(name, args=[bulk.pk]))


class TestThePage:
    def test_leaves_many_documents_to_a_worker_and_tells_how_far_it_is(self, client, corpus):
        answer = client.post(reverse("corpus-correct", args=[corpus.slug]), {"event": "Copper Tern"})
        page = answer.url
        assert events() == [""] * FIVE
        correcting.carry_on()
        shown = client.get(page).text
        assert "2 of 5 documents" in shown
        assert "Event: Copper Tern" in shown
        assert 'hx-trigger="every 2s"' in shown
        work()
        assert "Set for 5 documents" in client.get(page).text
        assert "every 2s" not in client.get(page).text

    def test_says_what_is_set_and_nothing_else(self, corpus, analyst):
        values = {
            **EVENT,
            "hazards": {"hazards": ["flood", "dam-failure"]},
            "published_at": {"published_at": "2026-04-11T06:00:00+00:00"},
        }
        lines = correcting.ask(corpus, values, upload=None, by=analyst).lines
        assert [(line.label, line.values) for line in lines] == [
            ("Hazard", ("Flood", "Dam failure")),
            ("Event", ("Copper Tern",)),
            ("Date", ()),
        ]
        assert lines[-1].moment == datetime(2026, 4, 11, 6, tzinfo=UTC)

    def test_sets_few_documents_at_once(self, client, corpus):
        Document.objects.filter(title__gt="Report 1").delete()
        answer = client.post(reverse("corpus-correct", args=[corpus.slug]), {"event": "Copper Tern"})
        assert "Set for 2 documents" in answer.text
        assert not BulkCorrection.objects.exists()

    def test_says_when_no_worker_is_there(self, client, asked):
        assert "No maintenance worker is there" in client.get(asked.get_absolute_url()).text

    def test_is_found_again_from_the_corpus(self, client, corpus, asked):
        link = f'href="{asked.get_absolute_url()}"'
        assert link in client.get(corpus.get_absolute_url()).text
        work()
        assert link not in client.get(corpus.get_absolute_url()).text
        assert link in client.get(reverse("corpus-correct", args=[corpus.slug])).text

    def test_is_for_those_who_may_correct(self, client, corpus, asked):
        for other in (UserFactory(), UserFactory(analyst=True)):
            client.force_login(other)
            assert client.get(asked.get_absolute_url()).status_code == 404
            for name in ("bulk-correction-undo", "bulk-correction-retry"):
                assert post(client, name, asked).status_code == 404
        asked.refresh_from_db()
        assert not asked.is_undo


class TestTheWorker:
    def test_is_asked_by_name_and_reaches_documents_and_passages(
        self, client, corpus, run_jobs, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            client.post(reverse("corpus-correct", args=[corpus.slug]), {"event": "Copper Tern"})
        assert set(run_jobs) == {jobs.CORRECT}
        assert set(events()) == set(Passage.objects.values_list("event", flat=True)) == {"Copper Tern"}
        assert Document.objects.first().origins["event"]["by"] == "anna"

    def test_asks_for_another_turn_until_all_is_done(self, asked, run_jobs):
        app.send_task(jobs.CORRECT)
        assert events() == ["Copper Tern"] * FIVE
        assert len(run_jobs) > 3  # two, two and one

    def test_is_asked_again_by_beat(self):
        assert jobs.CORRECT in {entry["task"] for entry in app.conf.beat_schedule.values()}

    def test_touches_the_documents_of_the_upload_alone(self, corpus, analyst):
        item = JobItemFactory(job__corpus=corpus)
        Document.objects.filter(title__in=["Report 1", "Report 3"]).update(source=item.source)
        correcting.ask(corpus, EVENT, upload=item.job, by=analyst)
        work()
        assert events() == ["", "Copper Tern", "", "Copper Tern", ""]

    def test_begins_where_the_last_whole_step_ended_when_it_died(self, asked, failing):
        failing(OperationalError("terminating connection due to administrator command"))
        with pytest.raises(OperationalError):
            work()
        assert events() == ["Copper Tern"] * 2 + [""] * 3
        work()
        asked.refresh_from_db()
        assert (asked.state, asked.looked_at, asked.changed) == ("DONE", FIVE, FIVE)
        assert Correction.objects.filter(act=asked.act).count() == FIVE

    def test_says_that_an_error_stopped_it_and_goes_on_when_told_to(self, client, asked, failing):
        failing(ValueError("Never seen before"))
        with pytest.raises(ValueError, match="Never seen before"):
            work()
        shown = client.get(asked.get_absolute_url()).text
        assert "Stopped after 2 of 5 documents" in shown
        assert "An unexpected error stopped it" in shown
        work()
        assert events() == ["Copper Tern"] * 2 + [""] * 3
        post(client, "bulk-correction-retry", asked)
        work()
        assert events() == ["Copper Tern"] * FIVE

    def test_leaves_what_somebody_set_by_hand_meanwhile(self, client, asked):
        one = Document.objects.filter(title="Report 3")
        corrections.correct(one, {"event": {"event": "Another"}}, by=UserFactory(analyst=True))
        work()
        assert events() == ["Copper Tern"] * 3 + ["Another", "Copper Tern"]
        assert "Set for 4 documents" in client.get(asked.get_absolute_url()).text

    def test_lets_what_was_asked_for_last_stand(self, corpus, asked, analyst):
        correcting.ask(corpus, {"event": {"event": "Later"}}, upload=None, by=analyst)
        work()
        assert set(events()) == {"Later"}

    def test_leaves_a_deleted_corpus_alone(self, corpus, asked):
        corpus.mark_deleted()
        assert not correcting.carry_on()
        assert set(events()) == {""}


class TestUndo:
    def test_puts_everything_back(self, client, asked):
        work()
        post(client, "bulk-correction-undo", asked)
        assert "Taking it back:" in client.get(asked.get_absolute_url()).text
        work()
        assert set(events()) == set(Passage.objects.values_list("event", flat=True)) == {""}
        assert "Undone for 5 documents" in client.get(asked.get_absolute_url()).text
        assert not Correction.objects.exists()

    def test_stops_what_is_under_way(self, client, asked):
        correcting.carry_on()
        assert "Stop and undo" in client.get(asked.get_absolute_url()).text
        post(client, "bulk-correction-undo", asked)
        work()
        assert events() == [""] * FIVE
        assert "Undone for 2 documents" in client.get(asked.get_absolute_url()).text

    def test_leaves_what_was_set_since(self, client, asked):
        work()
        corrections.correct(
            Document.objects.filter(title="Report 1"), {"event": {"event": "Since"}}, by=UserFactory(analyst=True)
        )
        post(client, "bulk-correction-undo", asked)
        work()
        assert events() == ["", "Since", "", "", ""]

    def test_counts_a_document_once_though_much_was_set_on_it(self, client, corpus, analyst):
        values = {**EVENT, "language": {"language": "fr"}, "publisher": {"publisher": "Agency"}}
        bulk = correcting.ask(corpus, values, upload=None, by=analyst)
        work()
        post(client, "bulk-correction-undo", bulk)
        work()
        assert "Undone for 5 documents" in client.get(bulk.get_absolute_url()).text

    def test_asked_for_twice_is_made_once(self, client, asked):
        work()
        post(client, "bulk-correction-undo", asked)
        work()
        post(client, "bulk-correction-undo", asked)
        asked.refresh_from_db()
        assert (asked.state, asked.changed) == ("DONE", FIVE)
