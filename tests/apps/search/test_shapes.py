"""Looking at what a corpus holds."""

import pytest

from apps.search import shapes
from tests.factories import CorpusFactory, DocumentFactory, PassageFactory

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nothing_kept():
    shapes._kept.clear()


def corpus_of(*documents):
    corpus = CorpusFactory()
    for texts in documents:
        document = DocumentFactory(corpus=corpus)
        for position, text in enumerate(texts):
            PassageFactory(document=document, position=position, text=text)
    return corpus


class TestShapesOf:
    def test_looks_at_how_documents_begin(self):
        corpus = corpus_of(["How deep is it?"], ["is it safe to drink"], ["Where is it?"])
        (shape,) = shapes.shapes_of([corpus])
        assert (shape.documents, shape.questions, shape.words, shape.passages) == (3, 1.0, 4, 1.0)
        assert shape.are_questions

    def test_counts_passages(self):
        (shape,) = shapes.shapes_of([corpus_of(["First.", "Second.", "Third."])])
        assert shape.passages == 3
        assert not shape.is_short

    def test_leaves_empty_corpora_out(self):
        assert shapes.shapes_of([corpus_of()]) == []

    def test_asks_the_database_once(self, django_assert_num_queries):
        corpus = corpus_of(["One."])
        shapes.shapes_of([corpus])
        with django_assert_num_queries(0):
            shapes.shapes_of([corpus])
