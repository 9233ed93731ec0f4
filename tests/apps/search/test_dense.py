from datetime import UTC, date, datetime
from functools import partial

import numpy as np
import pytest
from django.db import connection, transaction

from apps.corpora.models import Passage
from apps.indexing import ann
from apps.indexing.models import PassageVector
from apps.indexing.services import create_index, store_vectors
from apps.retrievers.family import get_card
from apps.search import dense
from apps.search.lately import Lately
from apps.search.scope import Scope
from tests.factories import DocumentFactory, PassageFactory

pytestmark = pytest.mark.django_db

DIM = 384
MANY = 6_000
# Clusters that lie further apart than this are not joined by every graph: which is a matter of chance.
CLUSTERS, NOISE = 40, 1.0
SELECTIVITIES = (0.5, 0.1, 0.01, 0.001)


def unit(vectors):
    return (vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)).astype(np.float32)


@pytest.fixture
def fill(index):
    return partial(filled, index)


def filled(index, *sizes, published=None):
    """Put random vectors, in clusters as real ones are, into corpora of the given sizes."""
    random = np.random.default_rng(7)
    centres = random.standard_normal((CLUSTERS, DIM))
    made = []
    for size in sizes:
        document = DocumentFactory(published_at=published)
        passages = Passage.objects.bulk_create(
            Passage(
                document=document,
                corpus=document.corpus,
                kind="tweet" if n % 2 else "report",
                published_at=published,
                position=n,
                text="-",
                start=0,
                end=1,
                tokens=1,
            )
            for n in range(size)
        )
        vectors = unit(centres[random.integers(CLUSTERS, size=size)] + NOISE * random.standard_normal((size, DIM)))
        store_vectors(index, [p.pk for p in passages], vectors)
        made.append((document.corpus, dict(zip([p.pk for p in passages], vectors, strict=True))))
    return made


@pytest.fixture
def query():
    """Somewhere in the first cluster: a graph finds its way to where there is something, as real queries ask for."""
    return unit(np.random.default_rng(7).standard_normal(DIM) + np.random.default_rng(8).standard_normal(DIM))


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
    @pytest.fixture(scope="class")
    def made(self, django_db_setup, django_db_blocker):
        """An index of one large corpus and one for each selectivity, with a graph over all: once, for all tests."""
        with django_db_blocker.unblock():
            index = create_index(get_card("hashing"), revision="1")
            corpora = filled(index, MANY, *(max(12, int(MANY * share)) for share in SELECTIVITIES))
            ann.build_hnsw(index)
            yield index, corpora
            with connection.cursor() as cursor:
                ann.drop_partition(index.pk)
                cursor.execute("TRUNCATE corpora_corpus, indexing_vectorindex CASCADE")

    @pytest.fixture
    def index(self, made):
        return made[0]

    @pytest.fixture
    def graph(self, made):
        return made[1]

    @pytest.fixture
    def graph_only(self, monkeypatch):
        monkeypatch.setattr(dense, "EXACT_UP_TO", 0)
        monkeypatch.setattr(dense, "COMPARED_IN_A_STEP", 0)

    @pytest.fixture(params=["as set", "graph only"])
    def path(self, request):
        if request.param == "graph only":
            request.getfixturevalue("graph_only")

    @pytest.mark.usefixtures("path")
    def test_returns_k_at_every_selectivity(self, index, graph, query):
        for share, (corpus, vectors) in zip(SELECTIVITIES, graph[1:], strict=True):
            found = dense.find(query, Scope(corpora=(corpus.pk,)), index=index, limit=10)
            assert len(found) == 10, share
            assert len({f.passage_id for f in found} & best(vectors, query, 10)) >= 9, share

    @pytest.mark.usefixtures("path")
    def test_returns_k_of_each_of_several_kinds(self, index, graph, query):
        corpora = tuple(corpus.pk for corpus, _ in graph)
        scopes = [Scope(corpora=corpora, kinds=kinds) for kinds in (("report", "guidance"), ("tweet",), ("claim",))]
        found = dense.find_in_each(query, scopes, index=index, limit=30)
        assert [len(of_each) for of_each in found] == [30, 30, 0]
        for scope, of_each in zip(scopes, found, strict=True):
            exact = dense.find_exactly(query, scope, index=index, limit=10)
            assert len({f.passage_id for f in of_each} & {f.passage_id for f in exact}) >= 10 * (len(exact) > 0) - 1

    @pytest.mark.usefixtures("graph_only")
    def test_scans_the_graph_once_for_several_kinds(self, index, graph, query, django_assert_max_num_queries):
        corpora = tuple(corpus.pk for corpus, _ in graph)
        scopes = [Scope(corpora=corpora, kinds=(kind,)) for kind in ("report", "tweet")]
        dense.find_in_each(query, scopes, index=index, limit=10)
        with django_assert_max_num_queries(4):  # savepoint, settings, scan, release
            dense.find_in_each(query, scopes, index=index, limit=10)

    @pytest.mark.usefixtures("graph_only")
    def test_scans_it_again_for_a_kind_that_is_rare_among_the_nearest_only(
        self, index, graph, query, monkeypatch, django_assert_max_num_queries
    ):
        corpora = tuple(corpus.pk for corpus, _ in graph)
        scopes = [Scope(corpora=corpora, kinds=(kind,)) for kind in ("report", "tweet")]
        monkeypatch.setattr(dense, "WIDEST", 1)  # ten of both together
        dense.find_in_each(query, scopes, index=index, limit=10)
        with django_assert_max_num_queries(4):
            found = dense.find_in_each(query, scopes, index=index, limit=10)
        assert sum(map(len, found)) == 10

        monkeypatch.setattr(dense, "ENOUGH", 1.0)
        assert [len(each) for each in dense.find_in_each(query, scopes, index=index, limit=10)] == [10, 10]

    @pytest.mark.parametrize(
        ("in_scope", "in_index", "by_graph"),
        [
            (4_000, 4_000, False),
            (6_000, 6_000, True),
            (9_000, 100_000, False),
            (11_000, 100_000, True),
            (30_000, 1_000_000, False),
            (33_000, 1_000_000, True),
        ],
    )
    def test_is_gone_through_where_few_steps_lead_to_what_is_in_scope(
        self, index, monkeypatch, in_scope, in_index, by_graph
    ):
        monkeypatch.setattr(Scope, "estimate", lambda self: in_scope)
        monkeypatch.setattr(ann, "estimate", lambda index: in_index)
        monkeypatch.setattr(dense, "_sizes", Lately())
        assert dense.by_graph(Scope(corpora=(1,)), index, 100) is by_graph

    def test_estimates_its_size(self, index, graph):
        assert ann.estimate(index) == pytest.approx(sum(len(vectors) for _, vectors in graph), rel=0.05)

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

    @pytest.mark.usefixtures("graph_only")
    def test_falls_back_to_exact_when_the_graph_gives_too_few(self, index, graph, query):
        corpus, _ = graph[-1]
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL hnsw.max_scan_tuples = 1")
            cursor.execute("SET LOCAL enable_seqscan = off")
            assert len(dense.find(query, Scope(corpora=(corpus.pk,)), index=index, limit=10)) == 10


def test_a_scope_without_corpora_holds_nothing():
    PassageFactory()
    assert not Scope(corpora=()).passages().exists()
