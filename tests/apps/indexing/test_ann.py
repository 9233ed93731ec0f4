"""Graphs over vectors of every size, on the real database."""

from dataclasses import replace

import numpy as np
import pytest
from django.db import connection

from apps.corpora.models import Passage
from apps.indexing import ann, services
from apps.indexing.models import PassageVector
from apps.retrievers.family import get_card
from apps.search import dense
from apps.search.scope import Scope
from tests.factories import DocumentFactory

pytestmark = pytest.mark.django_db

MANY, FEW = 600, 300
SIZES = (get_card("DMRetriever-4B").dim, get_card("DMRetriever-7.6B").dim)


def clustered(random, count, dim):
    """Unit vectors as a model's are: few directions matter, and texts of one subject lie together."""
    plane = random.standard_normal((48, dim), np.float32)
    centres = random.standard_normal((30, 48), np.float32)
    subjects = centres[random.integers(30, size=count)]
    vectors = (subjects + 0.7 * random.standard_normal(subjects.shape, np.float32)) @ plane
    vectors += random.standard_normal(vectors.shape, np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def passages(count):
    document = DocumentFactory()
    return Passage.objects.bulk_create(
        Passage(
            document=document, corpus=document.corpus, kind="report", position=n, text="-", start=0, end=1, tokens=1
        )
        for n in range(count)
    )


@pytest.fixture(params=SIZES)
def large(request, monkeypatch):
    """An index of large vectors in two corpora, its graph built, and twenty queries."""
    monkeypatch.setattr(services.jobs, "request_embedding", lambda **_: None)
    monkeypatch.setattr(dense, "EXACT_UP_TO", 0)
    monkeypatch.setattr(dense, "COMPARED_IN_A_STEP", 0)
    index = services.create_index(replace(get_card("hashing"), dim=request.param), revision="1")
    vectors = clustered(np.random.default_rng(7), MANY + FEW + 20, request.param)
    made = passages(MANY) + passages(FEW)
    services.store_vectors(index, [p.pk for p in made], vectors[: len(made)])
    ann.build_hnsw(index)
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL enable_sort = off")  # so few that the planner would rather compare with all
    return index, made, vectors[len(made) :]


def recall(index, scope, queries):
    def ids(found):
        return {each.passage_id for each in found}

    return np.mean(
        [
            len(
                ids(dense.find(query, scope, index=index, limit=10))
                & ids(dense.find_exactly(query, scope, index=index, limit=10))
            )
            / 10
            for query in queries
        ]
    )


class TestLargeVectors:
    def test_are_found_through_the_graph_as_by_comparing_with_all(self, large):
        index, made, queries = large
        everywhere = Scope(corpora=tuple({p.corpus_id for p in made}))
        assert recall(index, everywhere, queries) >= 0.95
        with ann.scanning():
            assert ann.hnsw_name(index.pk) in PassageVector.objects.nearest(queries[0], index=index)[:10].explain()

    def test_are_found_in_one_corpus_of_several(self, large):
        index, made, queries = large
        scope = Scope(corpora=(made[-1].corpus_id,))
        found = dense.find(queries[0], scope, index=index, limit=10)
        assert len(found) == 10
        assert {f.passage_id for f in found} <= {p.pk for p in made[MANY:]}
        assert recall(index, scope, queries) >= 0.95

    def test_come_in_order_of_their_cosine(self, large):
        index, made, _ = large
        everywhere = Scope(corpora=tuple({p.corpus_id for p in made}))
        stored = np.array(PassageVector.objects.get(index=index, passage=made[0]).embedding)
        found = dense.find(stored, everywhere, index=index, limit=5)
        assert found[0].passage_id == made[0].pk
        assert found[0].score == pytest.approx(1, abs=1e-3)
        assert [f.score for f in found] == sorted((f.score for f in found), reverse=True)


class TestGraphOnSigns:
    def test_is_for_what_a_graph_of_halfvecs_does_not_take(self):
        small, large = SIZES
        assert ann.suitable_precision(small) == "halfvec"
        assert ann.suitable_precision(large) == "binary"
