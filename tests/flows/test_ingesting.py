import time

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from apps.corpora.models import Document, Passage
from apps.indexing import services as indexing
from apps.indexing.models import PassageVector, PendingVector
from apps.ingestion import jobs, services
from apps.ingestion.models import JobItem
from apps.retrievers.family import get_card
from dmsearch.celery import app
from tests.factories import CorpusFactory, JobFactory
from tests.flows.conftest import wait_until

pytestmark = pytest.mark.flow

State = JobItem.State
ROWS = 4000


@pytest.fixture
def index(transactional_db):
    return indexing.create_index(get_card("hashing"), revision="1")


@pytest.fixture
def table():
    rows = (f"{number},Gauge {number} at Fenwater reads {number % 90} cm above the mark." for number in range(ROWS))
    return ContentFile("\n".join(("id,text", *rows)).encode())


def lose_all_messages():
    with app.connection_for_write() as broker:
        broker.default_channel.queue_purge(jobs.INGEST_QUEUE)
    assert jobs.messages_waiting() == 0


def give_up_silent_workers():
    """What time does by itself: the dead worker has been silent for long enough."""
    JobItem.objects.filter(state=State.WORKING).update(alive_at=timezone.now() - 2 * services.SILENT)


class TestIngestWorker:
    def test_reads_what_was_uploaded_and_the_embed_worker_goes_on(self, index, start_worker):
        job = JobFactory()
        for number in range(5):
            services.accept(job, ContentFile(f"The gauge reads {number} m.".encode()), name=f"{number}.txt")
        start_worker("ingest", pool="prefork")
        start_worker("embed")
        wait_until(lambda: PassageVector.objects.filter(index=index).count() == 5)
        assert set(job.items.values_list("state", flat=True)) == {State.DONE}

    def test_killed_in_mid_file_another_goes_on_with_nothing_lost_or_doubled(self, index, table, start_worker):
        item = services.accept(JobFactory(), table, name="gauges.csv")
        worker = start_worker("ingest")
        wait_until(lambda: Document.objects.exists())
        worker.kill()
        worker.wait()
        assert Document.objects.count() < ROWS, "killed too late to prove anything"
        give_up_silent_workers()
        start_worker("ingest")
        services.reap()
        wait_until(lambda: JobItem.objects.get().state == State.DONE)
        item.refresh_from_db()
        assert (item.documents, item.passages, item.duplicates, item.attempts) == (ROWS, ROWS, 0, 2)
        assert Document.objects.count() == Passage.objects.count() == PendingVector.objects.count() == ROWS

    def test_a_file_that_kills_three_workers_is_set_aside_and_the_next_one_read(self, index, table, start_worker):
        deadly = services.accept(JobFactory(), table, name="gauges.csv")
        beside = services.accept(JobFactory(), ContentFile(b"The gauge reads 3 m."), name="a.txt")
        for start in range(1, services.MAX_ATTEMPTS + 1):
            worker = start_worker("ingest")
            wait_until(lambda start=start: JobItem.objects.filter(pk=deadly.pk, attempts=start).exists(), every=0.01)
            worker.kill()
            worker.wait()
            deadly.refresh_from_db()
            assert deadly.state == State.WORKING, "killed too late to prove anything"
            give_up_silent_workers()
            services.reap()
        deadly.refresh_from_db()
        assert deadly.state == State.QUARANTINED
        assert "3 workers stopped" in deadly.reason
        start_worker("ingest")
        wait_until(lambda: JobItem.objects.get(pk=beside.pk).state == State.DONE)
        assert services.retry([deadly.pk]) == 1
        wait_until(lambda: JobItem.objects.get(pk=deadly.pk).state == State.DONE)
        assert Document.objects.count() == Passage.objects.count() == PendingVector.objects.count() == ROWS + 1

    def test_survives_the_database_being_cut_off_in_mid_file(self, index, table, start_worker):
        services.accept(JobFactory(), table, name="gauges.csv")
        worker = start_worker("ingest")
        wait_until(lambda: Document.objects.exists())
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )

        give_up_silent_workers()
        services.reap()
        wait_until(lambda: JobItem.objects.get().state == State.DONE)
        assert worker.poll() is None
        assert Document.objects.count() == Passage.objects.count() == PendingVector.objects.count() == ROWS

    def test_goes_on_when_the_broker_lost_all_messages(self, index, start_worker):
        item = services.accept(JobFactory(), ContentFile(b"The gauge reads 3 m."), name="a.txt")
        lose_all_messages()
        JobItem.objects.update(waiting_since=timezone.now() - 2 * services.LOST)
        start_worker("ingest")
        time.sleep(1)
        assert JobItem.objects.get(pk=item.pk).state == State.WAITING
        services.reap()
        wait_until(lambda: JobItem.objects.get(pk=item.pk).state == State.DONE)

    def test_two_workers_reading_one_table_twice_make_one_of_each_row(self, index, table, start_worker):
        corpus = CorpusFactory()
        items = [services.accept(JobFactory(corpus=corpus), table, name="gauges.csv") for _ in range(2)]
        start_worker("ingest", pool="prefork", concurrency=2)
        wait_until(lambda: not JobItem.objects.open().exists())
        for item in items:
            item.refresh_from_db()
        assert [item.state for item in items] == [State.DONE] * 2
        assert sum(item.documents for item in items) == sum(item.duplicates for item in items) == ROWS
        assert Document.objects.count() == Passage.objects.count() == ROWS

    def test_is_heard_of_while_it_lives(self, start_worker):
        wait_until(lambda: not jobs.somebody_listens())  # those of other tests were killed and are still missed
        worker = start_worker("ingest")
        wait_until(jobs.somebody_listens)
        worker.terminate()
        wait_until(lambda: not jobs.somebody_listens())
