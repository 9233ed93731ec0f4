import pytest

from apps.retrievers.intents import Intent
from workers.evaluation.ranking import Hit
from workers.evaluation.trec import RunFile, read_qrels, read_run, read_topics, read_trec, write_run

CLASSIC = """<top>
<num> Number: 301
<title> International Organized
 Crime
<desc> Description:
Identify organizations.
</top>
<top>
<num> Number: 302
<title> Poliomyelitis
</top>
"""
COVID = """<topics task="COVIDSearch">
  <topic number="1">
    <query>coronavirus origin</query>
    <question>what is the origin of COVID-19</question>
  </topic>
</topics>
"""


class TestReadTopics:
    def test_reads_classic_topics(self, write):
        queries = read_topics(write("topics", CLASSIC), intent=Intent.QA)
        assert [(q.id, q.text) for q in queries] == [
            ("301", "International Organized Crime"),
            ("302", "Poliomyelitis"),
        ]

    def test_prefers_the_question_of_trec_covid(self, write):
        (query,) = read_topics(write("topics", COVID), intent=Intent.QA)
        assert (query.id, query.text, query.intent) == ("1", "what is the origin of COVID-19", Intent.QA)

    def test_reads_lines_of_id_and_query(self, write):
        (query,) = read_topics(write("topics", "7\twhich levees failed\n"), intent=Intent.QADOC)
        assert (query.id, query.text, query.intent) == ("7", "which levees failed", Intent.QADOC)

    def test_says_where_a_topic_without_a_title_begins(self, write):
        with pytest.raises(ValueError, match="line 8"):
            read_topics(write("topics", CLASSIC.replace("<title> Poliomyelitis\n", "")), intent=Intent.QA)

    def test_says_which_line_has_no_tab(self, write):
        with pytest.raises(ValueError, match="line 2"):
            read_topics(write("topics", "7\tfine\n8 not fine\n"), intent=Intent.QA)


class TestReadQrels:
    def test_reads_four_columns(self, write):
        (judgment,) = read_qrels(write("qrels", "301 0 FBIS3-1 -2\n"))
        assert (judgment.query_id, judgment.passage_id, judgment.grade) == ("301", "FBIS3-1", -2)

    @pytest.mark.parametrize("broken", ["301 0 FBIS3-1\n", "301 0 FBIS3-1 yes\n"])
    def test_says_which_line_is_broken(self, write, broken):
        with pytest.raises(ValueError, match="line 2"):
            list(read_qrels(write("qrels", "301 0 FBIS3-1 1\n" + broken)))


class TestRuns:
    def test_come_back_as_they_were_written(self, tmp_path):
        rankings = {"q1": [Hit("b", 2.5), Hit("a", 2.5), Hit("c", -1.0)], "q2": [Hit("a", 0.25)]}
        write_run(tmp_path / "run", rankings, tag="our second model")
        assert read_run(tmp_path / "run") == rankings

    def test_are_read_by_score_and_not_by_rank(self, write):
        run = read_run(write("run", "q Q0 worse 1 0.1 t\nq Q0 better 2 0.9 t\n"))
        assert [hit.passage_id for hit in run["q"]] == ["better", "worse"]

    def test_say_which_line_is_broken(self, write):
        with pytest.raises(ValueError, match="line 1"):
            read_run(write("run", "q Q0 p 1 high t\n"))

    def test_are_ranked_as_they_are_without_what_a_query_excludes(self, write, floods):
        path = write("theirs.run", "q-twin Q0 twin 1 9 t\nq-twin Q0 levee 2 8 t\nq-twin Q0 boats 3 7 t\n")
        run = RunFile(path)
        assert run.describe()["model"] == "theirs"
        rankings = run.search(floods, k=1)
        assert rankings == {"q-levee": [], "q-families": [], "q-twin": [Hit("levee", 8.0)]}


class TestReadTrec:
    def test_reads_a_folder(self, write, tmp_path):
        write("robust/corpus.jsonl", [{"_id": "d1", "text": "polio"}])
        write("robust/topics.txt", CLASSIC)
        write("robust/qrels.txt", "302 0 d1 1\n")
        collection = read_trec(tmp_path / "robust")
        assert [query.id for query in collection.queries] == ["302"]
        assert collection.queries[0].intent == Intent.QA

    def test_says_what_a_folder_lacks(self, write, tmp_path):
        write("robust/corpus.jsonl", [{"_id": "d1", "text": "polio"}])
        with pytest.raises(ValueError, match=r"needs one file topics\*"):
            read_trec(tmp_path / "robust")
