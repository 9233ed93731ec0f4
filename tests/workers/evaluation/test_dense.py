import pytest

from apps.retrievers.family import HASHING, PACKAGED, get_card
from apps.retrievers.intents import Intent, instruct
from workers.evaluation.collection import Collection
from workers.evaluation.dense import DenseRetrieval, instructed
from workers.records import Passage, Qrel, Query


def ids(hits):
    return [hit.passage_id for hit in hits]


class TestDenseRetrieval:
    def test_ranks_what_shares_words_first(self, encoder, store, floods):
        rankings = DenseRetrieval(encoder, store).search(floods, k=2)
        assert set(ids(rankings["q-families"])) == {"shelter", "boats"}

    def test_ranks_the_whole_corpus_where_it_is_smaller_than_k(self, encoder, store, floods):
        rankings = DenseRetrieval(encoder, store).search(floods, k=100)
        assert sorted(ids(rankings["q-levee"])) == ["boats", "levee", "shelter", "twin"]

    def test_leaves_out_the_passage_that_is_the_query_and_still_fills_k(self, encoder, store, floods):
        rankings = DenseRetrieval(encoder, store).search(floods, k=3)
        assert ids(rankings["q-twin"])[0] == "levee"
        assert len(rankings["q-twin"]) == 3

    def test_reads_the_title_with_the_text(self, encoder, store, floods):
        DenseRetrieval(encoder, store).search(floods, k=1)
        assert "Sacramento\n\nthe levee failed at dawn" in encoder.encoded

    def test_scores_a_document_by_its_best_piece(self, encoder, store, split_at):
        """Whole, the long report is mostly about schools; one of its sentences is all that is asked."""
        report = "schools schools schools schools schools schools. levee failed"
        collection = documents(report, "levee and dam")
        assert ids(DenseRetrieval(encoder, store).search(collection, k=2)["q"]) == ["d1", "d0"]
        split = DenseRetrieval(encoder, store, splitter=split_at(". "))
        hits = split.search(collection, k=2)["q"]
        assert ids(hits) == ["d0", "d1"]
        assert hits[0].score == pytest.approx(1.0, abs=1e-6)

    def test_finds_k_documents_where_one_alone_has_more_than_k_good_pieces(self, encoder, store, split_at):
        collection = documents(". ".join(f"levee failed {n}" for n in range(20)), "levee", "failed", "weir")
        split = DenseRetrieval(encoder, store, splitter=split_at(". "))
        assert ids(split.search(collection, k=3)["q"])[0] == "d0"
        assert sorted(ids(split.search(collection, k=3)["q"])) == ["d0", "d1", "d2"]

    def test_a_document_without_a_word_still_has_its_place(self, encoder, store, split_at):
        split = DenseRetrieval(encoder, store, splitter=split_at(" "))
        assert sorted(ids(split.search(documents("levee", " "), k=5)["q"])) == ["d0", "d1"]

    def test_puts_the_instruction_before_queries_alone_when_told_to(self, encoder, store, floods):
        retrieval = DenseRetrieval(encoder, store, instructions="on")
        retrieval.search(floods, k=1)
        assert retrieval.describe()["instructions"] == "on"
        assert instruct("families", Intent.TWITTER) in encoder.encoded
        assert sum(text.startswith("Given the") for text in encoder.encoded) == 3


class TestInstructed:
    def test_leaves_a_card_as_it_is_by_default(self):
        assert instructed(PACKAGED, "card") == PACKAGED

    def test_teaches_the_instructions_to_a_model_without(self):
        card = instructed(PACKAGED, "on")
        assert card.query_text("levees", Intent.QA) == instruct("levees", Intent.QA)
        assert card.passage_text("levees") == "levees"

    def test_takes_them_away_from_a_model_with(self):
        card = get_card("DMRetriever-33M")
        assert instructed(card, "off").query_text("levees", Intent.QA) == "levees"
        assert instructed(card, "on") == card


def documents(*texts):
    return Collection.build(
        "documents",
        passages=[Passage(id=f"d{number}", text=text) for number, text in enumerate(texts)],
        queries=[Query(id="q", text="levee failed", intent=Intent.QADOC)],
        judgments=[Qrel(query_id="q", passage_id="d0", grade=1)],
    )


def test_the_stand_in_knows_no_instructions():
    """Or else the tests above would prove nothing."""
    assert not HASHING.knows_intents
