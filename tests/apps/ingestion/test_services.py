import threading
from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone
from kombu.exceptions import OperationalError

from apps.corpora.models import Document, StoredFile
from apps.ingestion import jobs, models, reading, services
from apps.ingestion.models import JobItem
from tests.factories import CorpusFactory, DocumentFactory, JobFactory, JobItemFactory

pytestmark = pytest.mark.django_db

State = JobItem.State


@pytest.fixture
def asked(monkeypatch):
    """What was asked of the ingest workers: the items' keys, in order."""
    keys = []
    monkeypatch.setattr(jobs, "request_ingest", lambda item_ids: keys.extend(item_ids))
    return keys


@pytest.fixture
def long_ago():
    return timezone.now() - timedelta(minutes=5)


class TestAccept:
    def test_keeps_the_file_whole_and_asks_for_it_on_commit(self, asked, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            item = services.accept(JobFactory(), ContentFile(b"Water at 3 m."), name="sitreps/1.txt")
            assert asked == []
        assert asked == [item.pk]
        assert item.source.file.read() == b"Water at 3 m."
        assert (item.name, item.state) == ("sitreps/1.txt", State.WAITING)

    def test_gives_a_file_the_kind_of_its_corpus(self):
        job = JobFactory(corpus=CorpusFactory(kind="guidance"))
        assert services.accept(job, ContentFile(b"x"), name="a.txt").kind == "guidance"
        assert services.accept(job, ContentFile(b"x"), name="a.txt", kind="tweet").kind == "tweet"

    def test_stores_the_same_bytes_once(self):
        job = JobFactory()
        for name in ("a.txt", "b.txt"):
            services.accept(job, ContentFile(b"same"), name=name)
        assert StoredFile.objects.count() == 1
        assert job.items.count() == 2

    def test_leaves_the_file_waiting_while_the_broker_is_away(self, monkeypatch, django_capture_on_commit_callbacks):
        def away(item_ids):
            raise OperationalError("connection refused")

        monkeypatch.setattr(jobs, "request_ingest", away)
        with django_capture_on_commit_callbacks(execute=True):
            item = services.accept(JobFactory(), ContentFile(b"x"), name="a.txt")
        item.refresh_from_db()
        assert item.state == State.WAITING

    @pytest.mark.parametrize(
        ("name", "kept"),
        [
            ("a\x00\x1b[31m.txt", "a[31m.txt"),
            ("/etc/passwd", "etc/passwd"),
            ("\n\t", "unnamed"),
            ("f" * 600 + ".pdf", "f" * 496 + ".pdf"),
            ("'; DROP TABLE corpora_corpus;--<script>.txt", "'; DROP TABLE corpora_corpus;--<script>.txt"),
        ],
    )
    def test_keeps_names_fit_to_be_shown(self, name, kept):
        assert services.accept(JobFactory(), ContentFile(b"x"), name=name).name == kept


@pytest.mark.django_db(transaction=True)
class TestAcceptAtOnce:
    def test_stores_the_bytes_once_and_gives_each_upload_its_item(self, asked):
        job = JobFactory()
        start = threading.Barrier(6)

        def upload(number):
            try:
                start.wait()
                services.accept(job, ContentFile(b"same bytes" * 100_000), name=f"{number}.txt")
            finally:
                connection.close()

        threads = [threading.Thread(target=upload, args=[number]) for number in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        stored = StoredFile.objects.get()
        assert job.items.filter(source=stored).count() == 6
        assert [path.name for path in Path(stored.file.storage.location).rglob("*") if path.is_file()] == [
            stored.sha256
        ]


class TestRetry:
    @pytest.mark.parametrize("state", [State.FAILED, State.QUARANTINED, State.CANCELLED])
    def test_lets_an_item_wait_with_all_its_starts_before_it(self, state, asked, django_capture_on_commit_callbacks):
        item = JobItemFactory(state=state, attempts=3, reason="damaged")
        with django_capture_on_commit_callbacks(execute=True):
            assert services.retry([item.pk]) == 1
        item.refresh_from_db()
        assert (item.state, item.attempts, item.reason) == (State.WAITING, 0, "")
        assert asked == [item.pk]

    @pytest.mark.parametrize("state", [State.WAITING, State.WORKING, State.DONE])
    def test_leaves_alone_what_did_not_fail(self, state):
        assert services.retry([JobItemFactory(state=state).pk]) == 0

    def test_takes_all_the_failed_ones_of_one_job(self):
        job = JobFactory()
        for state in (State.FAILED, State.QUARANTINED, State.DONE):
            JobItemFactory(job=job, state=state)
        other = JobItemFactory(state=State.FAILED)
        assert services.retry_all_failed(job) == 2
        other.refresh_from_db()
        assert other.state == State.FAILED


class TestCancel:
    def test_cancels_what_waits_and_lets_the_rest_end(self):
        job = JobFactory()
        waiting, working = JobItemFactory(job=job), JobItemFactory(job=job, state=State.WORKING)
        assert services.cancel(job) == 1
        waiting.refresh_from_db()
        working.refresh_from_db()
        assert (waiting.state, working.state) == (State.CANCELLED, State.WORKING)
        assert JobItem.objects.claim(waiting.pk) is None


class TestCorrectMapping:
    def test_asks_for_the_table_to_be_read_over(self, asked, django_capture_on_commit_callbacks):
        item = JobItemFactory(state=State.DONE, documents=1, passages=1, mapping={"text": ["a"]})
        with django_capture_on_commit_callbacks(execute=True):
            services.correct_mapping(item, {"text": ["b"]})
        item.refresh_from_db()
        assert (item.state, item.mapping, item.documents) == (State.WAITING, {"text": ["b"]}, 0)
        assert asked == [item.pk]

    def test_has_the_worker_take_away_once_what_came_out_of_it_before(self, asked, index, monkeypatch):
        monkeypatch.setattr(models, "DELETED_AT_ONCE", 2)
        item = JobItemFactory(state=State.DONE, name="log.csv", content=b"a,b\nBridge closed,Road dry")
        before = DocumentFactory.create_batch(5, corpus=item.job.corpus, source=item.source)
        elsewhere = DocumentFactory(source=item.source)
        services.correct_mapping(item, {"text": ["b"]})
        assert Document.objects.count() == 6  # however many there are, the page that asks does not wait for it

        reading.ingest(item.pk)

        item.refresh_from_db()
        assert (item.state, item.documents, item.starts_over) == (State.DONE, 1, False)
        assert Document.objects.filter(pk=elsewhere.pk).exists()
        assert not Document.objects.filter(pk__in=[document.pk for document in before]).exists()


class TestReap:
    @pytest.fixture
    def empty_queue(self, monkeypatch):
        monkeypatch.setattr(jobs, "messages_waiting", lambda: 0)

    @pytest.fixture
    def full_queue(self, monkeypatch):
        monkeypatch.setattr(jobs, "messages_waiting", lambda: 9)

    def reap(self, capture):
        with capture(execute=True):
            services.reap()

    def test_sends_again_what_a_dead_worker_held(self, asked, long_ago, full_queue, django_capture_on_commit_callbacks):
        item = JobItemFactory(state=State.WORKING, attempts=1, alive_at=long_ago)
        self.reap(django_capture_on_commit_callbacks)
        item.refresh_from_db()
        assert (item.state, item.attempts) == (State.WAITING, 1)
        assert asked == [item.pk]

    def test_leaves_a_living_worker_alone(self, asked, full_queue, django_capture_on_commit_callbacks):
        item = JobItemFactory(state=State.WORKING, alive_at=timezone.now())
        self.reap(django_capture_on_commit_callbacks)
        item.refresh_from_db()
        assert item.state == State.WORKING
        assert asked == []

    def test_sets_aside_after_the_third_start(self, asked, long_ago, full_queue, django_capture_on_commit_callbacks):
        item = JobItemFactory(state=State.WORKING, attempts=3, alive_at=long_ago)
        self.reap(django_capture_on_commit_callbacks)
        item.refresh_from_db()
        assert item.state == State.QUARANTINED
        assert "3 workers stopped" in item.reason
        assert asked == []

    def test_asks_again_for_what_lost_its_message(
        self, asked, long_ago, empty_queue, django_capture_on_commit_callbacks
    ):
        lost, fresh = JobItemFactory(waiting_since=long_ago), JobItemFactory()
        self.reap(django_capture_on_commit_callbacks)
        assert asked == [lost.pk]
        assert fresh.pk not in asked

    def test_asks_nothing_while_messages_wait(self, asked, long_ago, full_queue, django_capture_on_commit_callbacks):
        JobItemFactory(waiting_since=long_ago)
        self.reap(django_capture_on_commit_callbacks)
        assert asked == []

    def test_asks_for_what_was_lost_though_later_uploads_keep_the_queue_full(
        self, asked, long_ago, monkeypatch, django_capture_on_commit_callbacks
    ):
        lost, *_ = [JobItemFactory(waiting_since=long_ago - timedelta(seconds=n)) for n in (9, 5, 1)]
        monkeypatch.setattr(jobs, "messages_waiting", lambda: 2)
        self.reap(django_capture_on_commit_callbacks)
        assert asked == [lost.pk]


class TestMessagesWaiting:
    def test_tells_by_the_real_broker(self, services):
        from celery import current_app

        assert jobs.messages_waiting() == 0
        jobs.request_ingest([1])
        assert jobs.messages_waiting() == 1
        with current_app.connection_for_write() as connection:
            connection.default_channel.queue_purge(jobs.INGEST_QUEUE)
        assert jobs.messages_waiting() == 0
