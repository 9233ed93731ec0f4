import pytest
from django.db import connection

from apps.corpora.models import Passage
from apps.indexing import services
from apps.indexing.models import EmbeddingBatch, PassageVector, PendingVector
from apps.retrievers.family import get_card
from apps.retrievers.intents import Intent
from apps.search.encoding import encode_query
from tests.factories import DocumentFactory
from tests.flows.conftest import forget_messages, wait_until
from workers.encoders.hashing import HashingEncoder

pytestmark = pytest.mark.flow


def many_passages(count):
    document = DocumentFactory()
    Passage.objects.bulk_create(
        Passage(
            document=document,
            corpus=document.corpus,
            kind=document.kind,
            position=position,
            text=f"Gauge {position} reads {position % 90} cm above the mark.",
            start=0,
            end=10,
            tokens=10,
        )
        for position in range(count)
    )


def assert_each_passage_has_one_vector(index, count):
    assert not PendingVector.objects.exists()
    assert PassageVector.objects.filter(index=index).count() == count
    assert PassageVector.objects.filter(index=index).values("passage").distinct().count() == count


class TestEmbedWorker:
    def test_killed_in_mid_load_it_resumes_with_nothing_lost_or_doubled(self, start_worker, monkeypatch):
        index = services.create_index(get_card("hashing"), revision="1")
        many_passages(6000)
        worker = start_worker("embed")
        services.request_embedding_everywhere()
        wait_until(lambda: PassageVector.objects.filter(index=index).exists())
        worker.kill()
        worker.wait()
        left = services.progress(index).owed
        assert left > 0, "killed too late to prove anything"
        PendingVector.objects.update(leased_until=None)  # what time does by itself
        start_worker("embed")
        services.tend_all()
        wait_until(lambda: not services.progress(index).owed)
        assert_each_passage_has_one_vector(index, 6000)

    def test_survives_the_database_being_cut_off_in_mid_load(self, start_worker):
        index = services.create_index(get_card("hashing"), revision="1")
        many_passages(6000)
        start_worker("embed")
        services.request_embedding_everywhere()
        wait_until(lambda: PassageVector.objects.filter(index=index).exists())
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        PendingVector.objects.update(leased_until=None)

        def tended_to_the_end():
            services.tend_all()
            return not services.progress(index).owed

        wait_until(tended_to_the_end, every=1)
        assert_each_passage_has_one_vector(index, 6000)

    def test_goes_on_when_the_broker_lost_all_messages_in_mid_load(self, start_worker):
        index = services.create_index(get_card("hashing"), revision="1")
        many_passages(3000)
        start_worker("embed")
        services.request_embedding_everywhere()
        wait_until(lambda: PassageVector.objects.filter(index=index).exists())
        forget_messages()
        services.tend_all()
        wait_until(lambda: not services.progress(index).owed)
        assert_each_passage_has_one_vector(index, 3000)

    def test_two_workers_share_a_load(self, start_worker, tmp_path):
        index = services.create_index(get_card("hashing"), revision="1")
        start_worker("embed")
        start_worker("embed")
        logs = [tmp_path / "embed-0.log", tmp_path / "embed-1.log"]

        def both_have_their_encoder():
            services.request_embedding_everywhere()  # nothing is owed yet
            return all("succeeded in" in log.read_text() for log in logs)

        wait_until(both_have_their_encoder, every=0.5)
        many_passages(4000)
        for _ in range(2):
            services.request_embedding_everywhere()
        wait_until(lambda: not services.progress(index).owed)
        assert_each_passage_has_one_vector(index, 4000)
        done = EmbeddingBatch.objects.filter(state=EmbeddingBatch.State.DONE)
        assert done.values("worker").distinct().count() == 2
        assert sum(done.values_list("stored", flat=True)) == 4000


class TestQueryWorker:
    def test_answers_with_the_vector_of_the_query(self, start_worker, settings):
        settings.QUERY_TIMEOUT_S = 30.0
        index = services.create_index(get_card("hashing"), revision="1")
        start_worker("query", pool="threads", concurrency=8)
        vector = encode_query("which road is open", Intent.QA, index=index)
        assert vector @ HashingEncoder().encode(["which road is open"])[0] == pytest.approx(1, abs=1e-5)
