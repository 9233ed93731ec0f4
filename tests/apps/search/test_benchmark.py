import time

import numpy as np
import pytest

from apps.corpora.models import Kind, Passage
from apps.indexing import services
from apps.indexing.models import PassageVector, PendingVector
from apps.search import lexical
from apps.search.benchmark import embedding, material, measuring, memory, queries, vectors
from apps.search.scope import Scope


class TestQueries:
    sentences = [" ".join(f"word{n}{m}" for m in range(20)) for n in range(9)]

    def test_are_all_different_and_the_same_on_every_machine(self):
        queries = measuring.new_queries(self.sentences, 100, seed=1)
        assert len(set(queries)) == 100
        assert queries == measuring.new_queries(self.sentences, 100, seed=1)
        assert queries != measuring.new_queries(self.sentences, 100, seed=2)


class TestSentences:
    def test_of_the_exercise_are_enough_for_a_corpus(self):
        assert len(set(material._exercise_sentences())) > 1000


@pytest.mark.django_db
class TestFiller:
    @pytest.fixture
    def filler(self, index, monkeypatch):
        monkeypatch.setattr(material, "_VACUUM", "ANALYZE")  # no VACUUM inside a test's transaction
        vectors = np.eye(50, index.dim, dtype=np.float32)
        return material.Filler(index, material.Material([f"Sentence {n} says so." for n in range(50)], vectors))

    def test_grows_to_the_size_asked_for_with_a_vector_each(self, filler, index):
        filler.grow_to(120)
        filler.grow_to(200)
        assert Passage.objects.count() == PassageVector.objects.filter(index=index).count() == 200
        assert not PendingVector.objects.exists()
        assert set(Passage.objects.values_list("kind", flat=True)) == {Kind.REPORT, Kind.GUIDANCE, Kind.TWEET}

    def test_makes_passages_that_are_found(self, filler):
        filler.grow_to(100)
        corpora = tuple(Passage.objects.values_list("corpus_id", flat=True).distinct())
        assert lexical.find("sentence 7", Scope(corpora=corpora), limit=5).passages


@pytest.mark.django_db
class TestPassagesToEmbed:
    def test_are_each_owed_a_vector_and_can_be_owed_again(self, index):
        material.write_passages(["one sentence", "another"])
        batch = services.lease(index, size=10, worker="test")
        services.store_vectors(index, batch.passage_ids, np.eye(2, index.dim, dtype=np.float32))
        assert not PendingVector.objects.exists()
        embedding._owe_all(index)
        assert services.progress(index).owed == 2
        assert not PassageVector.objects.exists()


class TestWideVectors:
    def test_keep_every_cosine(self):
        vectors = np.random.default_rng(0).standard_normal((5, 8)).astype(np.float32)
        wide = material.widened(material.Material(list("abcde"), vectors), 32).vectors
        assert wide.shape == (5, 32)
        assert np.allclose(wide @ wide.T, vectors @ vectors.T, atol=1e-4)


class TestTables:
    def test_show_each_figure_in_a_row(self):
        rows = [
            *embedding.table([embedding.Figures(0, 100, 50.0, 1.0, 0), embedding.Figures(1, 100, 47.0, 0.94, 0)]),
            *queries.table([queries.Figures(8, True, 320, 21.4, 40.2, 300.0)]),
            *vectors.table([vectors.Figures(2560, 20, "everything", 20, 0.98, (1, 2), (3, 4), 5, 6)]),
        ]
        assert "| encoder alone | 100 | 50.0 | 1.00 | 0 |" in rows
        assert "| 1 | 100 | 47.0 | 0.94 | 0 |" in rows
        assert "| 8 | yes | 21 | 40 | 300 |" in rows
        assert "| 2,560 | 20 | everything: 20 | 0.980 | 1.0 / 2.0 | 3.0 / 4.0 | 5 s | 6 MB |" in rows


class TestPeak:
    def test_keeps_the_highest_figure_that_it_saw(self, monkeypatch):
        monkeypatch.setattr(memory, "_EVERY_S", 0.01)
        seen = []

        def look():
            seen.append(7 if len(seen) == 2 else 3)
            return seen[-1]

        with memory.Peak(look) as peak:
            assert peak.bytes == 3  # however short the block is
            while len(seen) < 5:
                time.sleep(0.01)
        assert peak.bytes == 7
