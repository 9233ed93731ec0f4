import numpy as np
import pytest

from apps.corpora.models import Kind, Passage
from apps.indexing.models import PassageVector, PendingVector
from apps.search import lexical
from apps.search.benchmark import material, measuring
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
