import json
import re
from pathlib import Path

import pytest

pytest.importorskip("torch")

from tests.workers.refinement.conftest import ChatServer, completion
from tests.workers.training.test_adapting import document
from workers.refinement.examples import read_examples
from workers.training.__main__ import main
from workers.training.material import part_of

pytestmark = pytest.mark.torch


@pytest.fixture
def chat():
    """A language model that asks for every passage in its own words."""
    server = ChatServer()
    server.answer = answer_of_the_passage
    yield server
    server.close()


def answer_of_the_passage(request):
    asked = request["messages"][-1]["content"]
    if "Propose one such retrieval task" in asked:
        return json.dumps({"usable": True, "task": "Find out which levee failed."})
    words = re.search(r"<passage>\n(.*?)\n</passage>", asked, re.DOTALL)[1].split()
    return json.dumps({"query": " ".join(words[:-1]), "negatives": ["Levees are inspected."]})


def write_documents(folder, *, count):
    path = folder / "documents.jsonl"
    path.write_text("".join(json.dumps(document(number)) + "\n" for number in range(count)))
    return path


@pytest.fixture
def command(bert, tmp_path, monkeypatch):
    monkeypatch.setattr("workers.refinement.sampling._FEWEST_WORDS", 5)  # the tiny model reads no more of a passage
    return [
        "adapt",
        str(write_documents(tmp_path, count=40)),
        "--model",
        str(bert),
        "--name",
        "ours",
        "--out",
        str(tmp_path / "out"),
        "--only-data",
    ]


@pytest.fixture
def asking(command, chat):
    return [*command, "--synthesize", "12", "--endpoint", chat.url, "--writer", "tiny", "--intents", "QA"]


class TestOnlyData:
    def test_of_a_corpus_alone_are_its_pairs_with_negatives(self, command, tmp_path, capsys):
        assert main(command) == 0
        told = capsys.readouterr().out.splitlines()
        kinds = {
            example.kind for example in read_examples([tmp_path / line for line in told if line.endswith(".jsonl")])
        }
        assert "title" in kinds
        assert not (tmp_path / "out" / "train").exists()

    def test_have_what_a_language_model_wrote_of_documents_that_teach(self, asking, tmp_path, capsys):
        write_documents(tmp_path, count=8)  # so few texts that any model finds each among the first twenty
        assert main(asking) == 0
        told = [line for line in capsys.readouterr().out.splitlines() if line.endswith(".jsonl")]
        written = list(read_examples([Path(line) for line in told if "synthesis" in line]))
        assert {part_of(example.source.partition("#")[0]) for example in written} == {"training"}
        assert all(example.triple.negatives for example in written)
        agreement = json.loads((tmp_path / "out" / "agree" / "report.json").read_text())
        assert agreement["examples"] == agreement["kept"] == 12
        mined = json.loads((tmp_path / "out" / "mine" / "synthesis" / "report.json").read_text())
        assert mined["examples"] == 12
        assert len(written) == (mined["kept"] or 12)  # which have a safe negative is the tiny model's to say

    def test_go_on_with_what_was_written_when_the_budget_is_spent(self, asking, chat, tmp_path):
        assert main([*asking, "--budget-tokens", "9000"]) == 0
        report = json.loads((tmp_path / "out" / "synthesize" / "report.json").read_text())
        assert report["budget spent"]
        assert 0 < report["kept"] < 12
        assert json.loads((tmp_path / "out" / "agree" / "report.json").read_text())["examples"] == report["kept"]

    def test_stop_where_the_server_refuses_and_go_on_when_it_answers(self, asking, chat, tmp_path, capsys):
        chat.mischief = [(200, completion(answer_of_the_passage(TASK)), {}), *[(401, "no such key", {})] * 40]
        assert main(asking) == 1
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("synthesize stopped: ")
        assert "401" in last
        assert not (tmp_path / "out" / "agree").exists()
        chat.mischief = []
        assert main(asking) == 0
        assert json.loads((tmp_path / "out" / "agree" / "report.json").read_text())["examples"] == 12

    def test_say_at_last_why_a_part_of_the_run_stopped(self, command, tmp_path, capsys):
        (tmp_path / "documents.jsonl").write_text('{"_id": "d"}\n')
        assert main(command) == 1
        last = capsys.readouterr().err.splitlines()[-1]
        assert last.startswith("pairs stopped: ")
        assert "documents.jsonl, line 1" in last

    def test_say_who_is_to_be_asked(self, command, capsys):
        assert main([*command, "--synthesize", "12"]) == 1
        assert "--endpoint URL --writer NAME" in capsys.readouterr().err


TASK = {"messages": [{"content": "Propose one such retrieval task"}]}
