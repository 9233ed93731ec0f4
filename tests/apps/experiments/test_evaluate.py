"""manage.py evaluate, with the evaluator's real child processes and a database of its own."""

import json

import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from apps.corpora.models import Corpus
from apps.experiments.database import DATABASE
from apps.experiments.models import Run


@pytest.fixture(autouse=True)
def state(settings, tmp_path):
    settings.STATE_DIR = tmp_path / "state"


@pytest.fixture
def evaluate(capfd, collection_folder):
    def evaluate(*options):
        call_command("evaluate", *map(str, options))
        return capfd.readouterr().out

    return evaluate


def databases():
    with connection.cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database")
        return {name for (name,) in cursor.fetchall()}


@pytest.mark.flow
@pytest.mark.django_db(transaction=True)
class TestMeasuring:
    def test_a_model_alone_gives_the_evaluators_report(self, evaluate, collection_folder, tmp_path):
        run_file = tmp_path / "our.run"
        report = json.loads(evaluate(collection_folder, "--json", "--record", "--run-file", run_file))
        assert (report["set"], report["model"], report["search"]) == ("floods", "hashing", "exact")
        assert report["intents"]["QA"]["ndcg@10"] == 1.0
        assert {"mrr@10", "recall@10", "recall@100", "queries"} < set(report["intents"]["QA"])
        assert "q-levee Q0 levee 1" in run_file.read_text()
        run = Run.objects.get()
        assert run.average == report["average"]
        assert run.command.startswith("manage.py")

    def test_the_product_is_measured_in_a_database_of_its_own(self, evaluate, collection_folder):
        report = json.loads(evaluate(collection_folder, "--search", "index", "--json"))
        assert (report["model"], report["retrieval"], report["search"]) == ("hashing", "dense", "index")
        assert report["average"] == 1.0
        assert report["took_s"] > 0
        assert not Corpus.objects.exists()
        assert DATABASE not in databases()

    def test_an_interrupted_one_leaves_its_database_for_the_next(self, evaluate, collection_folder, monkeypatch):
        def interrupted(*_, **__):
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr("apps.experiments.pipeline.serve_index", interrupted)
            with pytest.raises(KeyboardInterrupt):
                evaluate(collection_folder, "--search", "index")
        assert DATABASE in databases()
        assert "Average NDCG@10 100.00" in evaluate(collection_folder, "--search", "index", "--retrieval", "lexical")
        assert DATABASE not in databases()


class TestRefusing:
    def test_no_folder(self, evaluate):
        with pytest.raises(CommandError, match="There is no folder nowhere"):
            evaluate("nowhere")

    def test_rankings_of_several_retrievals_in_one_file(self, evaluate, collection_folder, tmp_path):
        with pytest.raises(CommandError, match="name one"):
            evaluate(collection_folder, "--retrieval", "all", "--run-file", tmp_path / "our.run")

    def test_an_unknown_model(self, evaluate, collection_folder):
        with pytest.raises(CommandError, match="No retriever is called 'nothing'"):
            evaluate(collection_folder, "--search", "index", "--model", "nothing")

    @pytest.mark.flow
    def test_a_broken_collection_names_the_line(self, evaluate, collection_folder, capfd):
        (collection_folder / "queries.jsonl").write_text("{}\n")
        with pytest.raises(CommandError, match="the reason is above"):
            evaluate(collection_folder)
        assert "queries.jsonl, line 1" in capfd.readouterr().err

    def test_results_that_are_not_there(self, evaluate, tmp_path):
        with pytest.raises(CommandError, match="There is no folder"):
            evaluate("import", tmp_path / "nowhere")


class TestIntents:
    def test_are_measured_by_name(self, evaluate, collection_folder):
        found = json.loads(evaluate("intents", collection_folder, "--json"))
        assert found["kinds_not_given"]["queries"] == 2
        assert found["kinds_not_given"]["matrix"]["QA"] == {"QA": 1}
        assert "kinds_given" not in found  # nothing says what this set's documents are

    def test_are_drawn_as_a_table(self, evaluate, collection_folder):
        assert "| QA | 1 | · |" in evaluate("intents", collection_folder)

    def test_need_a_folder(self, evaluate):
        with pytest.raises(CommandError, match="Name a folder"):
            evaluate("intents")


@pytest.mark.flow
@pytest.mark.django_db
class TestImporting:
    def test_takes_results_of_another_machine_with_their_significance(self, evaluate, collection_folder, tmp_path):
        from workers.evaluation.__main__ import main

        kept = ["--folder", str(tmp_path / "theirs"), str(collection_folder)]
        assert main(["--retrieval", "lexical", *kept]) == 0
        assert main(["--model", "hashing", *kept]) == 0
        assert "2 runs read, 2 of them new." in evaluate("import", tmp_path / "theirs" / "results")
        assert set(Run.objects.values_list("retrieval", flat=True)) == {"lexical", "dense"}
        assert all(run.commit and run.machine for run in Run.objects.all())
        assert "2 runs read, 0 of them new." in evaluate("import", tmp_path / "theirs" / "results")
