from datetime import timedelta

import numpy as np
import pytest
from django.db import OperationalError, connection
from django.utils import timezone

from apps.corpora.models import Passage
from apps.indexing import ann, batches, building, health, making, services, switching
from apps.indexing.models import EmbeddingBatch, PassageVector, PendingVector, VectorIndex
from apps.retrievers.checkpoints import get_checkpoint
from apps.retrievers.family import get_card
from tests.apps.retrievers.test_checkpoints import write_checkpoint, write_modules
from tests.factories import DocumentFactory, PassageFactory
from workers.encoders.hashing import HashingEncoder

encoder = HashingEncoder()


@pytest.fixture
def jobs_sent(monkeypatch):
    sent = []
    monkeypatch.setattr(services.jobs, "request_embedding", lambda **kwargs: sent.append(kwargs))
    return sent


@pytest.fixture
def index(db, jobs_sent):
    return services.create_index(get_card("hashing"), revision="1")


def embed(index, *, size=100):
    batch = services.lease(index, size=size)
    return services.store_vectors(index, batch.passage_ids, encoder.encode(batch.texts))


class TestOwing:
    def test_every_new_passage_is_owed_to_the_growing_indexes(self, index):
        passage = PassageFactory()
        assert list(PendingVector.objects.values_list("index_id", "passage_id")) == [(index.pk, passage.pk)]

    def test_bulk_inserts_are_owed_too(self, index):
        passages = PassageFactory.build_batch(3, document=DocumentFactory())
        for position, passage in enumerate(passages):
            passage.position, passage.corpus = position, passage.document.corpus
        Passage.objects.bulk_create(passages)
        assert PendingVector.objects.filter(index=index).count() == 3

    def test_a_new_index_owes_what_was_there_before(self, db, jobs_sent):
        PassageFactory.create_batch(3)
        index = services.create_index(get_card("hashing"), revision="1")
        assert services.progress(index) == services.Progress(stored=0, owed=3, set_aside=0)

    def test_a_retired_index_is_owed_nothing(self, index):
        VectorIndex.objects.update(status=VectorIndex.Status.RETIRED)
        PassageFactory()
        assert not PendingVector.objects.exists()

    def test_a_deleted_passage_takes_its_vector_along(self, index):
        passage = PassageFactory()
        embed(index)
        passage.delete()
        assert services.progress(index) == services.Progress(stored=0, owed=0, set_aside=0)


class TestLeasing:
    def test_two_workers_never_get_the_same_passage(self, index):
        PassageFactory.create_batch(5)
        mine, theirs = services.lease(index, size=3), services.lease(index, size=3)
        assert len(mine.passage_ids) == 3
        assert len(theirs.passage_ids) == 2
        assert not set(mine.passage_ids) & set(theirs.passage_ids)

    def test_a_lease_that_ran_out_is_given_to_the_next(self, index):
        PassageFactory()
        services.lease(index, size=1)
        assert not services.lease(index, size=1).passage_ids
        PendingVector.objects.update(leased_until=timezone.now())
        assert services.lease(index, size=1).passage_ids

    def test_the_third_failed_start_sets_a_passage_aside_with_a_reason(self, index):
        PassageFactory()
        for _ in range(services.MAX_ATTEMPTS):
            assert services.lease(index, size=1).passage_ids
            PendingVector.objects.update(leased_until=timezone.now())
        assert not services.lease(index, size=1).passage_ids
        assert "workers died" in PendingVector.objects.get().reason
        assert services.progress(index).set_aside == 1

    def test_the_one_that_kills_its_workers_is_set_aside_and_not_those_beside_it(self, index):
        poison = PassageFactory.create_batch(20)[7].pk
        for _ in range(40):
            batch = services.lease(index, size=16)
            if not batch.passage_ids:
                break
            if poison in batch.passage_ids:  # the worker dies
                PendingVector.objects.update(leased_until=timezone.now())
            else:
                services.store_vectors(index, batch.passage_ids, encoder.encode(batch.texts))
        assert services.progress(index) == services.Progress(stored=19, owed=0, set_aside=1)
        assert PendingVector.objects.get().passage_id == poison

    def test_a_worker_that_is_slow_keeps_what_it_has(self, index):
        PassageFactory()
        batch = services.lease(index, size=1)
        PendingVector.objects.update(leased_until=timezone.now())
        batches.renew_lease(batch.record, batch.passage_ids)
        assert not services.lease(index, size=1).passage_ids

    def test_each_start_is_written_down_and_a_lost_one_told(self, index, settings):
        PassageFactory.create_batch(2)
        services.lease(index, size=2, worker="embed-1:17")
        assert batches.mark_lost() == 0
        EmbeddingBatch.objects.update(alive_at=timezone.now() - timedelta(seconds=settings.EMBED_LEASE_S + 1))
        assert batches.mark_lost() == 1
        lost = EmbeddingBatch.objects.get()
        assert (lost.state, lost.worker, lost.passages, lost.attempt) == ("LOST", "embed-1:17", 2, 1)
        assert "worker stopped" in lost.reason

    def test_what_was_set_aside_can_be_tried_again(self, index, jobs_sent, django_capture_on_commit_callbacks):
        passage = PassageFactory()
        services.lease(index, size=1)
        services.set_aside(index, [passage.pk], reason="not a text")
        assert services.retry_set_aside(index) == 1
        assert services.lease(index, size=1).passage_ids == [passage.pk]


class TestStoring:
    def test_the_vector_comes_back_as_it_went_in(self, index):
        passage = PassageFactory(text="The levee at Marram failed at dawn.")
        embed(index)
        stored = np.array(PassageVector.objects.get(passage=passage).embedding)
        assert stored @ encoder.encode([passage.text])[0] == pytest.approx(1, abs=1e-3)

    def test_the_same_batch_twice_leaves_one_vector_each(self, index):
        passages = PassageFactory.create_batch(3)
        ids, vectors = [p.pk for p in passages], encoder.encode([p.text for p in passages])
        assert services.store_vectors(index, ids, vectors) == 3
        assert services.store_vectors(index, ids, vectors) == 0
        assert services.progress(index) == services.Progress(stored=3, owed=0, set_aside=0)

    def test_a_passage_deleted_meanwhile_does_not_harm_the_others(self, index):
        gone, stays = PassageFactory.create_batch(2)
        ids, vectors = [gone.pk, stays.pk], encoder.encode([gone.text, stays.text])
        gone.delete()
        assert services.store_vectors(index, ids, vectors) == 1
        assert list(PassageVector.objects.values_list("passage_id", flat=True)) == [stays.pk]

    def test_vectors_of_another_dimension_are_refused(self, index):
        passage = PassageFactory()
        with pytest.raises(ValueError, match="dims"):
            services.store_vectors(index, [passage.pk], np.ones((1, 7), dtype=np.float32))
        assert services.progress(index).owed == 1


class TestTending:
    def test_the_graph_is_built_after_the_first_bulk_load(self, index, monkeypatch):
        monkeypatch.setattr(building, "HNSW_FROM", 3)
        PassageFactory.create_batch(3)
        services.tend(index)
        assert not ann.has_hnsw(index)  # still owing
        embed(index)
        services.tend(index)
        assert ann.has_hnsw(index)
        PassageFactory()
        assert embed(index) == 1  # kept up by later inserts

    def test_a_small_index_is_scanned_exactly(self, index):
        PassageFactory()
        embed(index)
        services.tend(index)
        assert not ann.has_hnsw(index)

    def test_a_second_model_takes_over_only_when_it_owes_nothing(self, index):
        PassageFactory()
        embed(index)
        candidate = services.create_index(get_card("hashing"), revision="2")
        services.tend(candidate)
        assert VectorIndex.objects.live() == index
        embed(candidate)
        services.tend(candidate)
        assert VectorIndex.objects.live() == candidate
        index.refresh_from_db()
        assert index.status == VectorIndex.Status.STANDBY

    def test_an_admins_index_waits_to_be_told(self, index):
        candidate = services.create_index(get_card("hashing"), revision="2", making=services.Making(goes_live=False))
        PassageFactory()
        services.tend(candidate)
        assert VectorIndex.objects.get(pk=candidate.pk).status == VectorIndex.Status.BUILDING
        embed(candidate)
        services.tend(candidate)
        assert VectorIndex.objects.get(pk=candidate.pk).status == VectorIndex.Status.READY
        assert VectorIndex.objects.live() == index

    def test_the_settings_do_not_replace_what_an_admin_chose(self, index, settings):
        other = services.create_index(get_card("hashing"), revision="2", making=services.Making(goes_live=False))
        services.tend(other)
        switching.activate(other)
        VectorIndex.objects.filter(pk=index.pk).delete()
        assert services.ensure_index() == other

    def test_what_an_admin_chose_meanwhile_is_not_replaced_either(self, index):
        PassageFactory()
        embed(index)
        asked_for = services.create_index(get_card("hashing"), revision="2")
        chosen = services.create_index(get_card("hashing"), revision="3", making=services.Making(goes_live=False))
        embed(chosen)
        services.tend(chosen)
        switching.activate(chosen)
        embed(asked_for)
        services.tend(asked_for)
        assert VectorIndex.objects.live() == chosen
        assert VectorIndex.objects.get(pk=asked_for.pk).status == VectorIndex.Status.READY

    def test_the_reaper_asks_again_for_what_was_left_behind(self, index, jobs_sent):
        PassageFactory()
        jobs_sent.clear()
        services.tend_all()
        assert [job["index_id"] for job in jobs_sent] == [index.pk]

    def test_one_index_that_cannot_be_tended_keeps_no_other_waiting(self, index, monkeypatch):
        candidate = services.create_index(get_card("hashing"), revision="2", making=services.Making(goes_live=False))
        wants_graph = building.wants_graph

        def full(of):
            if of == index:
                raise OperationalError("could not extend file: No space left on device")
            return wants_graph(of)

        monkeypatch.setattr(building, "wants_graph", full)
        services.tend_all()
        index.refresh_from_db()
        assert "No space left on device" in index.trouble
        assert "No space left on device" in health.check_embedding().remedy
        assert VectorIndex.objects.get(pk=candidate.pk).status == VectorIndex.Status.READY

        monkeypatch.setattr(building, "wants_graph", wants_graph)
        services.tend_all()
        index.refresh_from_db()
        assert index.trouble == ""


class TestEnsuringAnIndex:
    def test_the_first_goes_live_and_the_second_call_finds_it(self, db, jobs_sent, settings):
        settings.RETRIEVER = "hashing"
        index = services.ensure_index()
        assert index.status == VectorIndex.Status.LIVE
        assert services.ensure_index() == index

    @pytest.mark.parametrize(("declared", "name"), [("DMRetriever-33M", "DMRetriever-33M"), (None, "flood-bert")])
    def test_a_folder_that_settings_name_is_where_its_weights_are(
        self, db, jobs_sent, settings, tmp_path, declared, name
    ):
        folder = write_checkpoint(tmp_path / "flood-bert", declared=declared)
        if not declared:
            write_modules(folder, pooling="cls", length=24)
        settings.RETRIEVER = str(folder)
        index = services.ensure_index()
        assert (index.retriever, index.folder, index.card.name) == (name, folder, name)
        assert index.revision == get_checkpoint(index.card, folder=folder).revision
        assert health.check_model().facts["path"] == str(folder)
        assert making.plan("").checkpoint == str(folder)
        assert services.ensure_index() == index

    @pytest.mark.parametrize("status", ["STANDBY", "READY", "BUILDING"])
    def test_one_that_settings_ask_for_again_takes_over(self, index, settings, status):
        settings.RETRIEVER = "hashing"
        services.go_live(services.create_index(get_card("hashing-128"), revision="1"))
        VectorIndex.objects.filter(pk=index.pk).update(status=status)
        assert services.ensure_index() == index
        services.tend_all()
        assert VectorIndex.objects.live() == index

    def test_the_live_one_stays_though_another_of_its_model_stands_by(self, index, settings):
        settings.RETRIEVER = "hashing"
        other = services.create_index(get_card("hashing"), revision="1", making=services.Making(goes_live=False))
        services.go_live(other)
        assert services.ensure_index() == other
        services.tend_all()
        assert VectorIndex.objects.live() == other

    def test_vectors_of_two_indexes_live_in_partitions_of_their_own(self, index):
        other = services.create_index(get_card("hashing"), revision="2")
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'indexing_passagevector'::regclass"
            )
            assert {ann.partition_name(index.pk), ann.partition_name(other.pk)} <= {
                name for (name,) in cursor.fetchall()
            }
