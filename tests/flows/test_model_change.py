"""A model of other dims takes over while people search: built beside, a worker killed, switched, and back."""

import threading
import time

import pytest
from django.db import connection

from apps.corpora.models import Passage
from apps.indexing import services, switching
from apps.indexing.models import EmbeddingBatch, PassageVector, PendingVector, VectorIndex
from apps.retrievers.family import get_card
from apps.retrievers.intents import Intent
from apps.search import readiness
from apps.search.outcome import Asked
from apps.search.services import search
from tests.factories import PassageFactory, UserFactory
from tests.flows.conftest import wait_until
from tests.flows.test_embedding import many_passages

pytestmark = pytest.mark.flow

PASSAGES = 4_000
LEASE_S = "3"
Status = VectorIndex.Status


class Searcher(threading.Thread):
    """Somebody who asks one new question after another, and keeps which model answered and what was missing."""

    def __init__(self, user):
        super().__init__(daemon=True)
        self.user, self.over = user, threading.Event()
        self.answers, self.failures = [], []

    def run(self):
        number = 0
        try:
            while not self.over.is_set():
                number += 1
                asked = Asked(query=f"gauge {number} above the mark", intent=Intent.QA)
                outcome = search(asked, user=self.user)
                self.answers.append(outcome.model)
                if outcome.why_words or not outcome.hits:
                    self.failures.append(outcome.why_words or "nothing found")
        except Exception as failure:
            self.failures.append(repr(failure))
        finally:
            connection.close()

    def stop(self):
        self.over.set()
        self.join(timeout=30)


@pytest.fixture
def searcher(transactional_db):
    searcher = Searcher(UserFactory())
    yield searcher
    searcher.stop()


def tended(index, status):
    """What beat asks for every half minute; say whether `index` has come so far."""
    services.tend_all()
    return VectorIndex.objects.get(pk=index.pk).status == status


def vectors_of(index):
    return PassageVector.objects.filter(index=index).count()


class TestModelChange:
    def test_no_search_fails_while_another_model_takes_over_and_gives_back(self, searcher, start_worker, settings):
        settings.QUERY_TIMEOUT_S, settings.EMBED_LEASE_S = 20.0, float(LEASE_S)
        old = services.create_index(get_card("hashing"), revision="1")
        many_passages(PASSAGES)
        first = start_worker("embed", EMBED_LEASE_S=LEASE_S)
        for _ in range(2):
            start_worker("query", pool="threads", concurrency=4)
        services.request_embedding_everywhere()
        wait_until(lambda: not PendingVector.objects.exists())
        wait_until(lambda: len(readiness.query_workers()) == 2 and not readiness.lacking(old))
        searcher.start()

        making = services.Making(goes_live=False)
        new = services.create_index(get_card("hashing-128"), revision="1", making=making)
        wait_until(lambda: vectors_of(new))
        first.kill()
        first.wait()
        assert services.progress(new).owed > 0, "killed too late to prove anything"
        late = PassageFactory(text="Gauge 9999 was washed away.")
        start_worker("embed", EMBED_LEASE_S=LEASE_S)
        wait_until(lambda: tended(new, Status.READY), every=1)
        wait_until(lambda: not PendingVector.objects.exists())
        assert EmbeddingBatch.objects.filter(state=EmbeddingBatch.State.LOST).count() <= 2

        switching.activate(new)
        assert readiness.lacking(new) == []
        wait_until(lambda: searcher.answers[-1] == "hashing-128")
        started = time.monotonic()
        assert switching.roll_back() == old
        took = time.monotonic() - started
        wait_until(lambda: searcher.answers[-1] == "hashing")
        searcher.stop()

        assert searcher.failures == []
        assert took < 1
        assert vectors_of(old) == vectors_of(new) == Passage.objects.count() == PASSAGES + 1
        assert set(PassageVector.objects.filter(passage=late).values_list("index", flat=True)) == {old.pk, new.pk}
