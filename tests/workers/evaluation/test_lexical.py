import bm25s
import numpy as np
import pytest

from apps.retrievers.intents import Intent
from apps.retrievers.words import K1, B
from workers.evaluation.baseline import BaselineRetrieval, LibraryRetrieval
from workers.evaluation.bm25 import BM25
from workers.evaluation.collection import Collection
from workers.evaluation.dense import DenseRetrieval
from workers.evaluation.lexical import LexicalRetrieval
from workers.evaluation.retrieval import HybridRetrieval
from workers.evaluation.shares import SHARES, sweep, table
from workers.records import Passage, Qrel, Query


def ids(hits):
    return [hit.passage_id for hit in hits]


class TestLexicalRetrieval:
    def test_finds_other_forms_of_a_word(self, floods):
        rankings = LexicalRetrieval().search(floods, k=10)
        assert sorted(ids(rankings["q-families"])) == ["boats", "shelter"]

    def test_finds_nothing_where_no_word_is_shared(self, floods):
        assert LexicalRetrieval().search(asking("zzyzx", floods), k=10) == {"asked": []}

    def test_a_query_of_stop_words_finds_nothing(self, floods):
        assert LexicalRetrieval().search(asking("the of and", floods), k=10) == {"asked": []}

    def test_leaves_out_the_passage_that_is_the_query(self, floods):
        assert ids(LexicalRetrieval().search(floods, k=1)["q-twin"]) == ["levee"]

    def test_prefers_the_rarer_word_and_the_shorter_passage(self):
        """BM25's two ideas: "dam" is in one passage, and "flood" weighs more where less is said."""
        collection = Collection.build(
            "rare",
            passages=[
                Passage(id="long", text="flood in the northern and eastern and southern provinces"),
                Passage(id="short", text="flood warning"),
                Passage(id="rare", text="dam warning"),
            ],
            queries=[Query(id="q", text="flood dam", intent=Intent.QA)],
            judgments=[Qrel(query_id="q", passage_id="rare", grade=1)],
        )
        assert ids(LexicalRetrieval().search(collection, k=3)["q"]) == ["rare", "short", "long"]

    def test_does_not_count_the_words_that_say_nothing_into_a_passages_length(self):
        """Both passages say as much; one of them says it in sentences."""
        collection = Collection.build(
            "chatty",
            passages=[
                Passage(id="chatty", text="the dam is not what it was: it has a flood of its own"),
                Passage(id="terse", text="dam flood"),
                Passage(id="other", text="school"),
            ],
            queries=[Query(id="q", text="flood", intent=Intent.QA)],
            judgments=[Qrel(query_id="q", passage_id="terse", grade=1)],
        )
        chatty, terse = LexicalRetrieval().search(collection, k=3)["q"]
        assert chatty.score == terse.score


class Fixed:
    """An arm that has made up its mind."""

    def __init__(self, *passage_ids):
        self._passage_ids = passage_ids

    def describe(self):
        return {"model": "fixed", "revision": "1"}

    def find(self, collection, pieces, *, k):
        rows = {collection.passages[piece.passage].id: row for row, piece in enumerate(pieces)}
        found = {rows[passage_id]: 1.0 - place / 10 for place, passage_id in enumerate(self._passage_ids[:k])}
        return {query.id: found for query in collection.queries}

    def score(self, collection, pieces, rows):
        found = self.find(collection, pieces, k=len(pieces))
        return {query_id: {row: found[query_id].get(row, 0.1) for row in wanted} for query_id, wanted in rows.items()}


class TestHybridRetrieval:
    def test_puts_first_what_both_arms_found(self, floods):
        hybrid = HybridRetrieval(Fixed("levee", "boats"), Fixed("shelter", "boats"), fusion="ranks")
        assert ids(hybrid.search(floods, k=3)["q-levee"]) == ["boats", "levee", "shelter"]

    def test_fuses_by_score_where_nothing_else_is_said(self, floods):
        hybrid = HybridRetrieval(Fixed("levee", "boats"), Fixed("shelter"))
        assert ids(hybrid.search(floods, k=3)["q-levee"])[:2] == ["levee", "boats"]
        assert "QAdoc 0.35" in hybrid.describe()["shares"]

    def test_weighs_the_arms_as_it_is_told(self, floods):
        hybrid = HybridRetrieval(Fixed("levee", "boats"), Fixed("shelter"), shares={"QA": 0.0, "QAdoc": 0.0})
        assert ids(hybrid.search(floods, k=3)["q-levee"])[0] == "shelter"
        assert "QAdoc 0.0" in hybrid.describe()["shares"]

    def test_names_the_dense_model_and_both_arms(self):
        description = HybridRetrieval(Fixed(), LexicalRetrieval()).describe()
        assert description["model"] == "fixed"
        assert description["lexical"].startswith("words: BM25")

    def test_scores_what_only_the_other_arm_found(self, encoder, store, floods):
        """Words find the levee alone; meaning knows how near the others are, though its one best is the levee too."""
        retrieval = HybridRetrieval(DenseRetrieval(encoder, store), LexicalRetrieval())
        ranked = retrieval.search(floods, k=2)["q-families"]
        assert {hit.passage_id for hit in ranked} == {"shelter", "boats"}
        assert ranked[0].score == pytest.approx(1.0)


def asking(words, collection):
    return Collection.build(
        "asked",
        passages=collection.passages,
        queries=[Query(id="asked", text=words, intent=Intent.QA)],
        judgments=[Qrel(query_id="asked", passage_id="levee", grade=1)],
    )


class TestBM25:
    def test_is_lucenes_as_the_library_reckons_it(self):
        """bm25s leaves the constant k1 + 1 out; the order and the proportions are the same."""
        texts = [text.split() for text in ("flood flood dam", "dam warning", "school flood in the north", "school")]
        library = bm25s.BM25(k1=K1, b=B, method="lucene")
        library.index(texts, show_progress=False)
        ours = BM25(texts, lengths=list(map(len, texts)))
        for query in (["flood"], ["dam", "school"], ["flood", "north", "dam"]):
            np.testing.assert_allclose(
                ours.scores({stem: ours.idf(stem) for stem in query}), library.get_scores(query) * (K1 + 1), rtol=1e-5
            )

    def test_of_nothing_is_nothing(self):
        assert BM25([["flood"], []], lengths=[1, 0]).scores({"zzyzx": 1.0}).tolist() == [0, 0]


class TestBaselineRetrieval:
    def test_ranks_whole_passages(self, floods):
        rankings = BaselineRetrieval().search(floods, k=10)
        assert sorted(ids(rankings["q-families"])) == ["boats", "shelter"]
        assert ids(rankings["q-twin"]) == ["levee"]


class TestLibraryRetrieval:
    @pytest.fixture
    def library(self):
        return LibraryRetrieval(splitter=None, cut_for="")

    def test_gives_the_scores_of_the_products_own(self, library, floods):
        """Two implementations of one formula; the library leaves the constant k1 + 1 out."""
        ours, theirs = (retrieval.search(floods, k=10) for retrieval in (LexicalRetrieval(), library))
        assert ours.keys() == theirs.keys()
        for query_id, hits in ours.items():
            scores = {hit.passage_id: hit.score * (K1 + 1) for hit in theirs[query_id]}
            assert {hit.passage_id: hit.score for hit in hits} == pytest.approx(scores, rel=1e-5)

    def test_finds_nothing_where_no_word_is_shared(self, library, floods):
        assert library.search(asking("zzyzx", floods), k=10) == {"asked": []}
        assert library.search(asking("the of and", floods), k=10) == {"asked": []}

    def test_leaves_out_the_passage_that_is_the_query(self, library, floods):
        assert ids(library.search(floods, k=1)["q-twin"]) == ["levee"]


class TestSweep:
    def test_tells_what_each_share_scores(self, floods):
        """Meaning alone finds the levee for each query, words the shelter: what is right is right from half on."""
        found = sweep([floods], HybridRetrieval(Fixed("levee"), Fixed("shelter")), splitter=None)
        for intent, scores in found.items():
            of_levee = [
                query for query in floods.queries if query.intent == intent and "levee" in floods.qrels[query.id]
            ]
            assert list(scores) == list(SHARES)
            if of_levee:
                assert scores[1.0] > scores[0.0]
        assert "| product's share |" in table(found)
