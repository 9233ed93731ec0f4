from apps.retrievers.intents import Intent
from workers.evaluation.collection import Collection
from workers.evaluation.lexical import LexicalRetrieval
from workers.evaluation.retrieval import HybridRetrieval
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


class Fixed:
    """A retrieval that has made up its mind."""

    kind = "dense"

    def __init__(self, *passage_ids):
        self._hits = [(passage_id, 1.0) for passage_id in passage_ids]

    def describe(self):
        return {"model": "fixed", "revision": "1"}

    def search(self, collection, *, k):
        from workers.evaluation.ranking import Hit

        return {query.id: [Hit(*hit) for hit in self._hits[:k]] for query in collection.queries}


class TestHybridRetrieval:
    def test_puts_first_what_both_arms_found(self, floods):
        hybrid = HybridRetrieval(Fixed("levee", "boats"), Fixed("shelter", "boats"))
        assert ids(hybrid.search(floods, k=3)["q-levee"]) == ["boats", "levee", "shelter"]

    def test_fuses_by_score_when_told_to(self, floods):
        hybrid = HybridRetrieval(Fixed("levee", "boats"), Fixed("shelter"), fusion="scores")
        assert ids(hybrid.search(floods, k=3)["q-levee"])[:2] == ["levee", "boats"]
        assert "QAdoc 0.35" in hybrid.describe()["shares"]

    def test_names_the_dense_model_and_both_arms(self):
        description = HybridRetrieval(Fixed(), LexicalRetrieval()).describe()
        assert description["model"] == "fixed"
        assert description["lexical"].startswith("BM25")


def asking(words, collection):
    return Collection.build(
        "asked",
        passages=collection.passages,
        queries=[Query(id="asked", text=words, intent=Intent.QA)],
        judgments=[Qrel(query_id="asked", passage_id="levee", grade=1)],
    )
