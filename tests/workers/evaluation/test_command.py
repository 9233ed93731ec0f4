import json
import subprocess
import sys
from pathlib import Path

import pytest

from workers.evaluation.__main__ import RETRIEVALS, main
from workers.evaluation.trec import read_run

CORPUS = [
    {"_id": "levee", "text": "the levee failed at dawn"},
    {"_id": "school", "text": "shelters opened in the school"},
]
QUERIES = [{"_id": "q", "text": "levee failed", "metadata": {"intent": "QA"}}]


@pytest.fixture
def folder(write, tmp_path):
    write("floods/corpus.jsonl", CORPUS)
    write("floods/queries.jsonl", QUERIES)
    write("floods/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq\tlevee\t1\n")
    return tmp_path / "floods"


@pytest.fixture
def run(folder, tmp_path, capsys):
    """Evaluate the folder with the stand-in and return what was printed."""

    def run(*options, status=0):
        state = str(tmp_path / "state")
        assert main(["--model", "hashing", "--folder", state, *options, str(folder)]) == status
        return capsys.readouterr()

    return run


def read_beir_files(folder):
    return {
        name: [json.loads(line) for line in (folder / f"{name}.jsonl").read_text().splitlines()]
        for name in ("corpus", "queries")
    }


class TestCommand:
    def test_tells_which_shares_suit_a_model(self, run):
        assert "| QA | 0.6: 100.00 |" in run("--sweep-shares").out

    def test_measures_with_other_shares(self, run):
        measured = json.loads(run("--retrieval", "hybrid", "--dense-share", "QA=0.9", "--json").out)
        assert "QA 0.9, QAdoc 0.35" in measured["shares"]

    @pytest.mark.parametrize("retrieval", RETRIEVALS)
    def test_prints_one_json_object_a_set(self, run, retrieval):
        printed = json.loads(run("--retrieval", retrieval, "--json").out)
        assert printed["set"] == "floods"
        assert printed["retrieval"] == retrieval
        assert printed["intents"]["QA"]["ndcg@10"] == 1.0

    def test_prints_a_table_otherwise(self, run):
        assert "| floods | QA | 100.00 |" in run().out

    def test_writes_the_rankings_as_a_trec_run(self, run, tmp_path):
        run("--run-file", str(tmp_path / "our.run"))
        assert [hit.passage_id for hit in read_run(tmp_path / "our.run")["q"]] == ["levee", "school"]

    def test_scores_the_run_of_another_system(self, run, write):
        path = write("their.run", "q Q0 school 1 2 t\nq Q0 levee 2 1 t\n")
        printed = json.loads(run("--score-run", str(path), "--json").out)
        assert printed["model"] == "their"
        assert printed["intents"]["QA"]["mrr@10"] == 0.5

    def test_says_of_a_run_what_made_it(self, run, write, tmp_path):
        path = write("their.run", "q Q0 levee 1 2 t\n")
        system = '{"model": "m", "card": "hashing", "retrieval": "dense", "search": "index"}'
        printed = json.loads(run("--score-run", str(path), "--system", system, "--took", "7.5", "--json").out)
        assert (printed["model"], printed["retrieval"], printed["search"]) == ("m", "dense", "index")
        assert printed["took_s"] == 7.5

    def test_keeps_where_a_result_comes_from(self, run, tmp_path):
        run("--retrieval", "lexical")
        (path,) = (tmp_path / "state" / "results").glob("*/*.json")
        origin = json.loads(path.read_text())["origin"]
        assert origin.keys() == {"at", "machine", "command", "commit"}
        assert origin["machine"]

    def test_exports_passages_and_queries_in_one_format(self, run, folder, tmp_path):
        target = tmp_path / "out"
        assert run("--export", str(target)).out.strip() == str(target / "floods")
        exported = read_beir_files(target / "floods")
        assert [row["_id"] for row in exported["corpus"]] == ["levee", "school"]
        assert exported["queries"] == QUERIES

    def test_does_not_score_again_what_has_not_changed(self, run, monkeypatch):
        first = run("--json").out
        monkeypatch.setattr("workers.evaluation.__main__.evaluate", None)
        assert run("--json").out == first

    def test_cuts_documents_over_the_models_length_unless_told_to_truncate(self, run, write):
        filler = "Nothing of note happened here. " * 200
        write("floods/corpus.jsonl", [{"_id": "levee", "text": f"{filler} levee failed."}, CORPUS[1]])
        state = Path(run().out and write("marker", "").parent / "state")
        (keys,) = state.glob("embeddings/*/keys")
        split = keys.stat().st_size
        run("--documents", "truncated")
        assert split > 3 * 8  # two pieces or more, the school and the query
        assert keys.stat().st_size == split + 8  # the whole document, once

    def test_says_what_is_wrong_with_a_folder(self, run, write):
        write("floods/queries.jsonl", '{"_id": "q"\n')
        printed = run(status=1)
        assert "queries.jsonl, line 1" in printed.err
        assert printed.out == ""

    def test_says_that_a_folder_is_not_there(self, capsys, tmp_path):
        assert main([str(tmp_path / "nowhere"), "--retrieval", "lexical"]) == 1
        assert "nowhere" in capsys.readouterr().err

    def test_says_which_models_there_are(self, run):
        assert "DMRetriever-33M" in run("--model", "no-such-model", status=1).err

    def test_writes_no_run_of_two_sets_into_one_file(self, run, folder, tmp_path):
        assert "one folder" in run("--run-file", str(tmp_path / "r"), str(folder), status=1).err

    def test_needs_neither_django_nor_torch(self, folder, tmp_path):
        arguments = [str(folder), "--model", "hashing", "--device", "cpu", "--folder", str(tmp_path)]
        program = (
            "import sys; sys.modules['django'] = None\n"
            "from workers.evaluation.__main__ import RETRIEVALS, main\n"
            f"assert main({arguments}) == 0\n"
            "assert 'torch' not in sys.modules"
        )
        ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
        assert ran.returncode == 0, ran.stderr


class TestFormats:
    def test_reads_disastir(self, write, tmp_path, capsys):
        write("dev/corpus.jsonl", [{"corpus_id": 1, "text": "boil water"}])
        write("dev/query/NLI_Bio.json", '[{"query_id": 0, "user_query": "water is unsafe"}]')
        write(
            "dev/qrels/NLI_Bio_qrels.json", '[{"user_query": "water is unsafe", "passage": "boil water", "score": 2}]'
        )
        options = ["--format", "disastir", "--retrieval", "lexical", "--folder", str(tmp_path), "--json"]
        assert main([str(tmp_path / "dev"), *options]) == 0
        assert json.loads(capsys.readouterr().out)["intents"]["NLI"]["ndcg@10"] == 1.0

    def test_reads_trec(self, folder, write, tmp_path, capsys):
        write("floods/topics.tsv", "q\tlevee failed\n")
        write("floods/qrels.txt", "q 0 levee 1\n")
        (folder / "qrels/test.tsv").unlink()
        (folder / "qrels").rmdir()
        options = ["--format", "trec", "--retrieval", "lexical", "--folder", str(tmp_path), "--json"]
        assert main([str(folder), *options, "--intent", "QAdoc"]) == 0
        assert json.loads(capsys.readouterr().out)["intents"]["QAdoc"]["queries"] == 1
