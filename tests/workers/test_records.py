import json

import pytest

from apps.retrievers.intents import Intent, instruction
from workers.records import Passage, Qrel, Query, Triple, read_jsonl, read_qrels, write_jsonl

RECORDS = [
    Passage(id="p1", title="Situation report", text="The levee failed – twice."),
    Query(id="q1", text="Which levee failed?", intent=Intent.QA, exclude="p1"),
    Qrel(query_id="q1", passage_id="p1", grade=3),
    Triple(query="levee", intent=Intent.QA, positives=("It failed.",), negatives=("It held.",), negative_scores=(0.2,)),
]


class TestJsonLines:
    @pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
    def test_a_record_comes_back_as_it_went(self, record, tmp_path):
        assert write_jsonl(tmp_path / "records.jsonl", [record, record]) == 2
        assert list(read_jsonl(tmp_path / "records.jsonl", type(record))) == [record, record]

    def test_defaults_fill_what_a_line_leaves_out(self, tmp_path):
        path = tmp_path / "TW_tweets.jsonl"
        path.write_text('{"query": "need water", "pos": ["water please"], "neg": []}\n')
        (triple,) = read_jsonl(path, Triple, defaults={"intent": "Twitter"})
        assert triple.intent is Intent.TWITTER

    @pytest.mark.parametrize(
        ("line", "complaint"),
        [
            ("{not json", "Expecting property name"),
            ('{"_id": "p2"}', "'text'"),
            ('{"_id": 7, "text": "t"}', "'_id' is int, not text"),
            ('{"_id": "", "text": "t"}', "a passage needs an id"),
            ('["a list"]', "not a Passage"),
        ],
    )
    def test_a_bad_line_is_named(self, line, complaint, tmp_path):
        path = tmp_path / "corpus.jsonl"
        path.write_text(f'{{"_id": "p1", "text": "fine"}}\n\n{line}\n')
        with pytest.raises(ValueError, match=r"corpus\.jsonl, line 3: not a Passage") as failure:
            list(read_jsonl(path, Passage))
        assert complaint in str(failure.value)


class TestQuery:
    def test_needs_words(self):
        with pytest.raises(ValueError, match="query 'q1' has no text"):
            Query(id="q1", text="  ", intent=Intent.QA)

    def test_needs_one_of_the_six_intents(self):
        with pytest.raises(ValueError, match="'chat' is not a valid Intent"):
            Query.from_json({"_id": "q", "text": "t", "metadata": {"intent": "chat"}})


class TestTriple:
    @pytest.mark.parametrize("intent", Intent)
    def test_the_prompt_of_the_published_files_names_the_intent(self, intent):
        line = {"query": "q", "pos": ["p"], "neg": ["n"], "prompt": f"{instruction(intent)}: "}
        assert Triple.from_json(line).intent is intent

    def test_an_unknown_prompt_is_refused(self):
        with pytest.raises(ValueError, match="no intent has the instruction 'Find it'"):
            Triple.from_json({"query": "q", "pos": ["p"], "neg": [], "prompt": "Find it"})

    def test_needs_a_positive(self):
        with pytest.raises(ValueError, match="no positive for query 'levee'"):
            Triple(query="levee", intent=Intent.QA, positives=())

    def test_scores_belong_to_texts(self):
        with pytest.raises(ValueError, match="2 negative scores for 1 negatives"):
            Triple(query="q", intent=Intent.QA, positives=("p",), negatives=("n",), negative_scores=(0.1, 0.2))

    def test_one_text_is_not_a_list_of_texts(self):
        with pytest.raises(TypeError, match="'pos' is not a list of texts"):
            Triple.from_json({"query": "q", "pos": "p", "neg": [], "intent": "QA"})

    def test_carries_its_prompt_for_other_trainers(self, tmp_path):
        write_jsonl(tmp_path / "t.jsonl", [RECORDS[3]])
        assert json.loads((tmp_path / "t.jsonl").read_text())["prompt"] == instruction(Intent.QA)


class TestQrels:
    def test_reads_what_beir_writes(self, tmp_path):
        path = tmp_path / "test.tsv"
        path.write_text("query-id\tcorpus-id\tscore\nq1\tp1\t2\n")
        assert list(read_qrels(path)) == [Qrel(query_id="q1", passage_id="p1", grade=2)]

    @pytest.mark.parametrize("row", ["q1\tp1\thigh", "q1\tp1"])
    def test_a_bad_row_is_named(self, row, tmp_path):
        path = tmp_path / "test.tsv"
        path.write_text(f"query-id\tcorpus-id\tscore\n{row}\n")
        with pytest.raises(ValueError, match=r"test\.tsv, line 2"):
            list(read_qrels(path))
