"""A graph is built beside searches and uploads, on the real database and outside of any transaction."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from django.db import OperationalError, connection, connections

from apps.indexing import ann, building, services, switching
from apps.indexing.models import PassageVector, VectorIndex
from apps.retrievers.family import get_card
from tests.factories import PassageFactory
from workers.encoders.hashing import HashingEncoder

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def index(monkeypatch):
    """An index of three vectors, enough for a graph."""
    monkeypatch.setattr(building, "HNSW_FROM", 3)
    monkeypatch.setattr(services.jobs, "request_embedding", lambda **_: None)
    index = services.create_index(get_card("hashing"), revision="1")
    store(index, PassageFactory.create_batch(3))
    return index


def store(index, passages):
    vectors = HashingEncoder().encode([passage.text for passage in passages])
    return services.store_vectors(index, [passage.pk for passage in passages], vectors)


@pytest.fixture
def someone_writes(index):
    """A transaction of somebody's that has written to the index and is not over: whoever builds waits for it."""
    passage = PassageFactory()
    where = connection.get_connection_params()
    with psycopg.connect(**{name: where[name] for name in ("host", "user", "dbname")}) as other:
        other.execute(
            f"INSERT INTO {ann.partition_name(index.pk)} (index_id, passage_id, embedding) "
            f"SELECT index_id, %s, embedding FROM {ann.partition_name(index.pk)} LIMIT 1",
            [passage.pk],
        )
        yield other


@pytest.fixture
def in_thread():
    """Call something in a thread with a connection of its own."""
    with ThreadPoolExecutor(1) as pool:

        def call(work, *arguments):
            def run():
                try:
                    return work(*arguments)
                finally:
                    connections.close_all()

            return pool.submit(run)

        yield call


def wait_until_building(index):
    until = time.monotonic() + 20
    while ann.graph_progress(index) is None:
        assert time.monotonic() < until, "nobody builds"
        time.sleep(0.02)


class TestWhileTheGraphIsBuilt:
    def test_an_upload_does_not_wait(self, index, someone_writes, in_thread):
        built = in_thread(building.build_graph, index)
        wait_until_building(index)
        with connection.cursor() as cursor:
            cursor.execute("SET lock_timeout = '1s'")
        arrived = PassageFactory()
        assert store(index, [arrived]) == 1
        assert not built.done(), "built too soon to prove anything"
        someone_writes.commit()
        assert built.result(timeout=20)
        assert ann.has_hnsw(index)
        with ann.scanning(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_sort = off")
            vector = HashingEncoder().encode([arrived.text])[0]
            assert arrived.pk in PassageVector.objects.nearest(vector, index=index).values_list("passage_id", flat=True)

    def test_nobody_builds_a_second_one(self, index, someone_writes, in_thread):
        built = in_thread(building.build_graph, index)
        wait_until_building(index)
        assert building.build_graph(index) is False
        someone_writes.commit()
        assert built.result(timeout=20)

    def test_dropping_the_index_ends_the_building(self, index, someone_writes, in_thread):
        VectorIndex.objects.update(status=VectorIndex.Status.BUILDING)
        built = in_thread(building.build_graph, index)
        wait_until_building(index)
        dropping = threading.Timer(0.5, someone_writes.rollback)
        dropping.start()
        switching.drop(index)
        assert built.result(timeout=20) is False
        assert not VectorIndex.objects.exists()

    def test_an_index_paused_meanwhile_does_not_go_live(self, index, someone_writes, in_thread):
        VectorIndex.objects.update(status=VectorIndex.Status.BUILDING)
        index.refresh_from_db()
        index.pending.all().delete()
        tended = in_thread(services.tend, index)
        wait_until_building(index)
        switching.pause(VectorIndex.objects.get())
        someone_writes.commit()
        tended.result(timeout=20)
        assert ann.has_hnsw(index)
        assert VectorIndex.objects.get().status == VectorIndex.Status.PAUSED


class TestBuildingCutShort:
    def test_leaves_nothing_that_the_next_one_trips_over(self, index, someone_writes, in_thread):
        built = in_thread(building.build_graph, index)
        wait_until_building(index)
        ann.stop_building(index)
        with pytest.raises(OperationalError, match="cancel"):
            built.result(timeout=20)
        assert not ann.has_hnsw(index)
        someone_writes.commit()
        assert building.build_graph(index)
        assert ann.has_hnsw(index)
