from datetime import UTC, date, datetime

import numpy as np
import pytest
from django.db import connection, transaction

from apps.corpora.models import Passage
from apps.indexing import ann
from apps.indexing.models import PassageVector
from apps.indexing.services import store_vectors
from apps.search import dense
from apps.search.scope import Scope
from tests.factories import DocumentFactory, PassageFactory

pytestmark = pytest.mark.django_db

DIM = 384
MANY = 6_000
SELECTIVITIES = (0.5, 0.1, 0.01, 0.001)


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def fill(index):
    """Put random vectors, in clusters as real ones are, into corpora of the given sizes."""
    random = np.random.default_rng(7)
    centres = random.standard_normal((40, DIM))

    def fill(*sizes, published=None):
        made = []
        for size in sizes:
            document = DocumentFactory(published_at=published)
            passages = Passage.objects.bulk_create(
                Passage(
                    document=document,
                    corpus=document.corpus,
                    kind="report",
                    published_at=published,
                    position=n,
                    text="-",
                    start=0,
                    end=1,
                    tokens=1,
                )
                for n in range(size)
            )
            vectors = unit(centres[random.integers(40, size=size)] + 0.6 * random.standard_normal((size, DIM)))
            store_vectors(index, [p.pk for p in passages], vectors)
            made.append((document.corpus, dict(zip([p.pk for p in passages], vectors, strict=True))))
        return made

    return fill


@pytest.fixture
def query():
    return unit(np.random.default_rng(8).standard_normal(DIM))


def best(vectors, query, k):
    """Return the ids of the k nearest, by numpy on what the database holds: half precision."""
    ids = np.array(list(vectors))
    cosines = np.stack([v.astype(np.float16).astype(np.float32) for v in vectors.values()]) @ query
    return set(ids[np.argsort(-cosines)[:k]])


class TestSmallScope:
    def test_is_answered_exactly(self, index, fill, query):
        ((corpus, vectors),) = fill(300)
        found = dense.find(query, Scope(corpora=(corpus.pk,)), index=index, limit=10)
        assert {f.passage_id for f in found} == best(vectors, query, 10)
        assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)

    def test_scores_by_cosine(self, index, fill, query):
        ((corpus, vectors),) = fill(20)
        first = dense.find(query, Scope(corpora=(corpus.pk,)), index=index, limit=1)[0]
        assert first.score == pytest.approx(float(vectors[first.passage_id] @ query), abs=1e-3)

    def test_with_fewer_than_asked_gives_them_all(self, index, fill, query):
        ((corpus, _),) = fill(4)
        assert len(dense.find(query, Scope(corpora=(corpus.pk,)), index=index, limit=10)) == 4

    def test_is_bounded_by_dates(self, index, fill, query):
        fill(5, published=datetime(2026, 4, 10, 23, 59, tzinfo=UTC))
        ((corpus, _),) = fill(5, published=datetime(2026, 4, 11, 23, 59, tzinfo=UTC))
        everywhere = tuple(Passage.objects.values_list("corpus_id", flat=True).distinct())
        scope = Scope(corpora=everywhere, since=date(2026, 4, 11), until=date(2026, 4, 11))
        found = dense.find(query, scope, index=index, limit=10)
        assert {f.document_id for f in found} == {Passage.objects.filter(corpus=corpus).first().document_id}

    def test_may_be_empty(self, index, query):
        assert dense.find(query, Scope(corpora=()), index=index, limit=10) == ()


class TestLargeScope:
    @pytest.fixture
    def graph(self, index, fill):
        """One large corpus and one for each selectivity, with a graph over all."""
        made = fill(MANY, *(max(12, int(MANY * share)) for share in SELECTIVITIES))
        ann.build_hnsw(index)
        return made

    @pytest.mark.parametrize("exact_up_to", [5_000, 0], ids=["as set", "graph only"])
    def test_returns_k_at_every_selectivity(self, index, graph, query, monkeypatch, exact_up_to):
        monkeypatch.setattr(dense, "EXACT_UP_TO", exact_up_to)
        for share, (corpus, vectors) in zip(SELECTIVITIES, graph[1:], strict=True):
            found = dense.find(query, Scope(corpora=(corpus.pk,)), index=index, limit=10)
            assert len(found) == 10, share
            assert len({f.passage_id for f in found} & best(vectors, query, 10)) >= 9, share

    def test_goes_through_the_graph(self, index, graph, query):
        corpora = tuple(corpus.pk for corpus, _ in graph)
        in_scope = PassageVector.objects.filter(Scope(corpora=corpora).condition("passage__"))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE corpora_passage")
        with ann.scanning():
            ordered = in_scope.nearest(query, index=index).values_list("passage_id", "passage__document_id", "distance")
            plan = ordered[:100].explain()
        assert ann.hnsw_name(index.pk) in plan
        assert "Sort" not in plan

        exactly = PassageVector.objects.nearest_exactly(query, index=index)
        assert ann.hnsw_name(index.pk) not in exactly[:10].explain()

    def test_falls_back_to_exact_when_the_graph_gives_too_few(self, index, graph, query, monkeypatch):
        monkeypatch.setattr(dense, "EXACT_UP_TO", 0)
        corpus, _ = graph[-1]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL hnsw.max_scan_tuples = 1")
            cursor.execute("SET LOCAL enable_seqscan = off")
            assert len(dense.find(query, Scope(corpora=(corpus.pk,)), index=index, limit=10)) == 10


def test_a_scope_without_corpora_holds_nothing():
    PassageFactory()
    assert not Scope(corpora=()).passages().exists()
