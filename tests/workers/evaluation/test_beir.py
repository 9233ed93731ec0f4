import pytest

from apps.retrievers.intents import Intent
from workers.evaluation.beir import read_beir

CORPUS = [{"_id": "p1", "title": "T", "text": "one"}, {"_id": "p2", "title": "", "text": "two"}]
QUERIES = [
    {"_id": "q1", "text": "first", "metadata": {"intent": "NLI", "exclude": "p2"}},
    {"_id": "q2", "text": "unjudged", "metadata": {"intent": "NLI"}},
]
QRELS = "query-id\tcorpus-id\tscore\nq1\tp1\t2\nq1\tp2\t0\n"


@pytest.fixture
def folder(write, tmp_path):
    write("set/corpus.jsonl", CORPUS)
    write("set/queries.jsonl", QUERIES)
    write("set/qrels/test.tsv", QRELS)
    return tmp_path / "set"


class TestReadBeir:
    def test_reads_passages_judged_queries_and_grades(self, folder):
        collection = read_beir(folder)
        assert collection.name == "set"
        assert [passage.id for passage in collection.passages] == ["p1", "p2"]
        assert [(query.id, query.intent, query.exclude) for query in collection.queries] == [("q1", Intent.NLI, "p2")]
        assert collection.qrels == {"q1": {"p1": 2, "p2": 0}}
        assert collection.tasks == {"q1": (Intent.NLI, "")}

    def test_gives_the_intent_asked_for_to_queries_that_name_none(self, folder, write):
        write("set/queries.jsonl", [{"_id": "q1", "text": "first", "metadata": {}}, QUERIES[1]])
        assert read_beir(folder, intent=Intent.QADOC).queries[0].intent == Intent.QADOC

    @pytest.mark.parametrize(
        ("name", "intent"),
        [("trec-covid", Intent.QA), ("climate-fever", Intent.FACTCHECK), ("BIOSSES", Intent.STS)],
    )
    def test_knows_the_instruction_of_the_papers_side_sets(self, write, tmp_path, name, intent):
        write(f"{name}/corpus.jsonl", CORPUS)
        write(f"{name}/queries.jsonl", [{"_id": "q1", "text": "first"}])
        write(f"{name}/qrels/test.tsv", QRELS)
        assert read_beir(tmp_path / name).queries[0].intent == intent

    def test_says_which_query_line_names_no_intent(self, folder, write):
        write("set/queries.jsonl", [QUERIES[0], {"_id": "q2", "text": "second"}])
        with pytest.raises(ValueError, match=r"queries\.jsonl, line 2"):
            read_beir(folder)

    def test_says_which_corpus_line_is_broken(self, folder, write):
        write("set/corpus.jsonl", '{"_id": "p1", "text": "one"}\n{"_id": "p2", "te\n')
        with pytest.raises(ValueError, match=r"corpus\.jsonl, line 2"):
            read_beir(folder)

    def test_says_which_judgment_is_broken(self, folder, write):
        write("set/qrels/test.tsv", QRELS + "q1\tp3\thighly\n")
        with pytest.raises(ValueError, match=r"test\.tsv, line 4"):
            read_beir(folder)

    def test_refuses_two_passages_with_one_id(self, folder, write):
        write("set/corpus.jsonl", [CORPUS[0], CORPUS[0]])
        with pytest.raises(ValueError, match="two records with the id 'p1'"):
            read_beir(folder)

    def test_refuses_judgments_of_other_queries(self, folder, write):
        write("set/qrels/test.tsv", "query-id\tcorpus-id\tscore\nelsewhere\tp1\t1\n")
        with pytest.raises(ValueError, match="no query with a judgment"):
            read_beir(folder)


class TestDigest:
    def test_changes_with_the_judgments_and_with_nothing_else(self, folder, write):
        before = read_beir(folder).digest()
        assert read_beir(folder).digest() == before
        write("set/qrels/test.tsv", QRELS.replace("q1\tp1\t2", "q1\tp1\t3"))
        assert read_beir(folder).digest() != before
