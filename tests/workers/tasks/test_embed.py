import threading
import time

import numpy as np
import pytest

from apps.indexing import services
from apps.indexing.models import EmbeddingBatch, PassageVector, PendingVector, VectorIndex
from apps.retrievers.family import get_card
from tests.factories import PassageFactory
from workers.encoders.hashing import HashingEncoder
from workers.tasks import embed


class PickyEncoder(HashingEncoder):
    """Fails on a batch that holds a text with 'poison', as a model may on one bad text."""

    def encode(self, texts):
        if any("poison" in text for text in texts):
            raise RuntimeError("cannot embed this")
        return super().encode(texts)


@pytest.fixture
def asked(monkeypatch):
    sent = []
    monkeypatch.setattr(services.jobs, "request_embedding", lambda **kwargs: sent.append(("embed", kwargs)))
    monkeypatch.setattr(embed.jobs, "request_tending", lambda **kwargs: sent.append(("tend", kwargs)))
    return sent


@pytest.fixture
def index(db, asked):
    return services.create_index(get_card("hashing"), revision="1")


class TestEmbedPending:
    def test_stores_a_vector_for_all_that_is_owed_and_asks_for_tending(self, index, asked):
        PassageFactory.create_batch(3)
        assert embed.embed_pending(index_id=index.pk) == 3
        assert services.progress(index).stored == 3
        assert asked[-1] == ("tend", {"index_id": index.pk})

    def test_finds_the_passage_to_blame_and_stores_the_others(self, index, monkeypatch):
        monkeypatch.setattr(embed, "get_encoder", lambda *_, **__: PickyEncoder())
        PassageFactory.create_batch(4)
        poison = PassageFactory(text="poison in the well")
        assert embed.embed_pending(index_id=index.pk) == 4
        assert not PassageVector.objects.filter(passage=poison).exists()
        assert PendingVector.objects.get().reason == "cannot embed this"

    def test_leaves_an_index_of_another_revision_alone(self, index, monkeypatch):
        VectorIndex.objects.update(revision="somebody else's")
        PassageFactory()
        assert embed.embed_pending(index_id=index.pk) == 0
        assert services.progress(index).owed == 1

    def test_says_why_it_does_nothing_when_the_model_s_folder_is_gone(self, lost_model):
        PassageFactory()
        assert embed.embed_pending(index_id=lost_model.pk) == 0
        assert "No retriever is called 'ours'" in VectorIndex.objects.get().trouble

    def test_goes_on_in_a_new_task_when_its_minute_is_over(self, index, asked, monkeypatch):
        monkeypatch.setattr(embed, "STINT_S", 0.0)
        PassageFactory()
        asked.clear()
        embed.embed_pending(index_id=index.pk)
        assert asked == [("embed", {"index_id": index.pk})]

    @pytest.mark.parametrize("gone", ["deleted", "retired"])
    def test_does_nothing_for_an_index_that_is(self, index, gone):
        PassageFactory()
        VectorIndex.objects.update(status=VectorIndex.Status.RETIRED)
        assert embed.embed_pending(index_id=index.pk if gone == "retired" else index.pk + 1) == 0
        assert not PassageVector.objects.exists()

    def test_vectors_are_those_of_the_text_with_the_model_s_prompt(self, index):
        passage = PassageFactory(text="The ferry hall is full.")
        embed.embed_pending(index_id=index.pk)
        stored = np.array(PassageVector.objects.get(passage=passage).embedding)
        expected = HashingEncoder().encode([index.card.passage_text(passage.text)])[0]
        assert stored @ expected == pytest.approx(1, abs=1e-3)


class TestAnOutageOfTheEncoder:
    """Whatever is asked of it, it fails: no passage is to blame."""

    @pytest.fixture
    def outage(self, monkeypatch):
        """The encoder works for so many calls, then it is gone."""

        class Mortal(HashingEncoder):
            calls_left = 0

            def encode(self, texts):
                if self.calls_left <= 0:
                    raise RuntimeError("the server went away")
                self.calls_left -= 1
                if any("poison" in text for text in texts):
                    raise ValueError("cannot embed this")
                return super().encode(texts)

        encoder = Mortal()
        monkeypatch.setattr(embed, "get_encoder", lambda *_, **__: encoder)
        monkeypatch.setattr(embed, "BATCH", 2)
        return encoder

    def test_sets_nothing_aside_counts_one_start_and_tells_the_admin(self, index, outage):
        PassageFactory.create_batch(5)
        for _ in range(services.MAX_ATTEMPTS + 1):
            assert embed.embed_pending(index_id=index.pk) == 0
        owed = PendingVector.objects.filter(reason="", attempts__lte=1, leased_until=None)
        assert owed.count() == 5
        assert "the server went away" in VectorIndex.objects.get().trouble
        for batch in EmbeddingBatch.objects.all():
            assert (batch.state, batch.reason, batch.set_aside) == ("FAILED", "the server went away", 0)

    def test_that_one_text_brings_about_each_time_ends_with_that_text_set_aside(self, index, outage, monkeypatch):
        PassageFactory(text="poison in the well")
        PassageFactory.create_batch(3)

        def fall(texts):
            if outage.calls_left <= 0 or any("poison" in text for text in texts):
                outage.calls_left = 0
                raise RuntimeError("the server went away")
            return HashingEncoder().encode(texts)

        monkeypatch.setattr(outage, "encode", fall)
        for _ in range(services.MAX_ATTEMPTS + 1):
            outage.calls_left = 1  # somebody started it again
            embed.embed_pending(index_id=index.pk)
        assert services.progress(index) == services.Progress(stored=3, owed=0, set_aside=1)

    def test_ends_the_stint_and_does_not_ask_at_once_again(self, index, outage, asked):
        PassageFactory.create_batch(9)
        asked.clear()
        embed.embed_pending(index_id=index.pk)
        assert asked == []
        assert EmbeddingBatch.objects.count() == 2  # that in hand, and the one that was queued beside it

    def test_in_the_middle_of_a_batch_keeps_what_was_done(self, index, outage, monkeypatch):
        monkeypatch.setattr(embed, "BATCH", 4)
        PassageFactory(text="poison in the well")
        PassageFactory.create_batch(3)
        # The four, the known good, the first two, the known good, the first, the known good, the second.
        outage.calls_left = 7
        assert embed.embed_pending(index_id=index.pk) == 1
        assert services.progress(index) == services.Progress(stored=1, owed=2, set_aside=1)
        batch = EmbeddingBatch.objects.get()
        assert (batch.stored, batch.set_aside, batch.reason) == (1, 1, "cannot embed this; the server went away")
        assert PendingVector.objects.exclude(reason="").get().reason == "cannot embed this"

    def test_that_goes_on_takes_no_batch_and_its_end_is_noticed(self, index, outage):
        VectorIndex.objects.update(trouble="no answer")
        PassageFactory()
        embed.embed_pending(index_id=index.pk)
        assert not EmbeddingBatch.objects.exists()
        outage.calls_left = 9
        assert embed.embed_pending(index_id=index.pk) == 1
        assert not VectorIndex.objects.get().trouble


class TestOverlap:
    """Rows are read and stored while the encoder works."""

    @pytest.fixture
    def told(self, monkeypatch):
        """What happened, in order."""
        events = []

        def telling(name, function):
            def tell(*arguments, **options):
                events.append(name)
                return function(*arguments, **options)

            return tell

        monkeypatch.setattr(embed, "BATCH", 2)
        monkeypatch.setattr(services, "lease", telling("read", services.lease))
        monkeypatch.setattr(services, "store_vectors", telling("store", services.store_vectors))
        return events

    def test_the_next_batch_is_read_before_the_last_is_stored(self, index, told, monkeypatch):
        read_on = threading.Event()
        real_lease = services.lease

        class Patient(HashingEncoder):
            def encode(self, texts):
                assert read_on.wait(20), "nothing more was read while this batch was computed"
                return super().encode(texts)

        def lease(*arguments, **options):
            if "read" in told:
                read_on.set()
            return real_lease(*arguments, **options)

        monkeypatch.setattr(services, "lease", lease)
        monkeypatch.setattr(embed, "get_encoder", lambda *_, **__: Patient())
        PassageFactory.create_batch(6)
        assert embed.embed_pending(index_id=index.pk) == 6
        assert told[:3] == ["read", "read", "store"]

    def test_a_batch_that_a_worker_may_have_died_of_goes_alone(self, index, told):
        PassageFactory.create_batch(4)
        PendingVector.objects.update(attempts=2)
        assert embed.embed_pending(index_id=index.pk) == 4
        assert told == ["read", "store"] * 4 + ["read"]

    def test_no_lease_is_kept_after_a_failure(self, index, told, monkeypatch):
        def fail(*_):
            raise ConnectionError("the database went away")

        monkeypatch.setattr(services, "store_vectors", fail)
        PassageFactory.create_batch(6)
        before = threading.enumerate()
        with pytest.raises(ConnectionError):
            embed.embed_pending(index_id=index.pk)

        def left():
            started = [thread for thread in threading.enumerate() if thread not in before]
            return [thread for thread in started if thread.name.startswith(("lease-", "encode"))]

        until = time.monotonic() + 10
        while left() and time.monotonic() < until:
            time.sleep(0.05)
        assert not left()
