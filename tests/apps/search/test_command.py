import json

import pytest
from django.core.management import CommandError, call_command

pytestmark = pytest.mark.django_db


@pytest.fixture
def run(library, capsys):
    def run(*words):
        call_command("search", *words)
        return capsys.readouterr().out

    return run


class TestSearchCommand:
    def test_prints_what_a_person_reads(self, run):
        printed = run("Which levee failed?")
        assert "Reading this as: Question → passages (ends with '?')" in printed
        assert "1. Sitrep 7 [report, reports]" in printed
        assert "The levee at Crake Hollow failed at dawn." in printed

    def test_prints_one_json_object(self, run):
        answer = json.loads(run("Which levee failed?", "--json", "--limit", "2"))
        assert list(answer) == [
            "query",
            "intent",
            "detected",
            "instruction",
            "model",
            "revision",
            "mode",
            "took_ms",
            "results",
        ]
        assert [hit["rank"] for hit in answer["results"]] == [1, 2]
        assert answer["detected"] == answer["intent"] == "QA"

    def test_takes_intent_corpus_and_kind(self, run):
        answer = json.loads(run("water", "--intent", "NLI", "--corpus", "guidance", "--kind", "guidance", "--json"))
        assert answer["intent"] == "NLI"
        assert {hit["corpus"] for hit in answer["results"]} == {"guidance"}

    @pytest.mark.parametrize(
        ("words", "message"),
        [
            (["  "], "empty"),
            (["a" * 3000], "2,000 at most"),
            (["water", "--corpus", "nowhere"], "no corpus"),
            (["water", "--limit", "0"], "from 1 to 100"),
            (["water", "--user", "ghost"], "no active user"),
        ],
    )
    def test_refuses_with_a_reason(self, run, words, message):
        with pytest.raises(CommandError, match=message):
            run(*words)

    def test_says_when_the_model_is_away(self, run, encoder_away):
        assert "Words only: the encoder did not answer in 1.5 s." in run("levee")
