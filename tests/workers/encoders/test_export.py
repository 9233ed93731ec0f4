import json

import numpy as np
import pytest

from apps.retrievers.checkpoints import Checkpoint, identify
from apps.retrievers.family import PACKAGED, get_card
from apps.retrievers.intents import Intent, instruction
from apps.retrievers.packaged import find_model
from tests.workers.encoders.conftest import SENTENCES
from workers.encoders.base import EncoderUnavailable
from workers.encoders.model_card import model_card

pytestmark = pytest.mark.torch


def export(card, checkpoint, folder, *, scores):
    from workers.encoders import export  # here, so that collecting tests does not load torch

    export.export(card, checkpoint, folder, scores=scores)


def open_in_fp32(card, checkpoint):
    from workers.encoders.torch_backend import open_torch

    return open_torch(card, checkpoint, device="cpu", precision="fp32")


class TestExport:
    @pytest.mark.parametrize("model", ["tiny_bert", "tiny_qwen3"])
    def test_sentence_transformers_alone_gives_our_vectors(self, model, request, tmp_path):
        from sentence_transformers import SentenceTransformer

        card, folder = request.getfixturevalue(model)
        checkpoint = Checkpoint(path=folder, revision="r1")
        export(card, checkpoint, tmp_path / "exported", scores={})
        theirs = SentenceTransformer(str(tmp_path / "exported"), device="cpu")
        ours = open_in_fp32(card, checkpoint)
        for intent in Intent:
            expected = ours.encode([card.query_text(text, intent) for text in SENTENCES])
            np.testing.assert_allclose(theirs.encode_query(SENTENCES, prompt_name=intent.value), expected, atol=1e-5)
        texts = SENTENCES[:-1]  # of nothing at all, without even special tokens, they make not-a-number
        np.testing.assert_allclose(theirs.encode_document(texts), ours.encode(texts), atol=1e-5)

    def test_what_was_written_is_known_again_and_can_be_loaded(self, tiny_qwen3, tmp_path):
        card, folder = tiny_qwen3
        export(card, Checkpoint(path=folder, revision="r1"), tmp_path / "run-7", scores={})
        again = open_in_fp32(card, Checkpoint(path=tmp_path / "run-7", revision="r2"))
        before = open_in_fp32(card, Checkpoint(path=folder, revision="r1"))
        np.testing.assert_allclose(again.encode(SENTENCES), before.encode(SENTENCES), atol=1e-6)

    def test_the_folder_declares_whose_weights_it_holds(self, tmp_path):
        export(PACKAGED, Checkpoint(path=find_model(), revision="r1"), tmp_path / "run-7", scores={})
        assert identify(tmp_path / "run-7") == PACKAGED
        assert not list((tmp_path / "run-7").glob("*.bin"))

    def test_does_not_write_over_what_is_there(self, tiny_bert, tmp_path):
        card, folder = tiny_bert
        (tmp_path / "notes.txt").write_text("mine")
        with pytest.raises(EncoderUnavailable, match="is not empty"):
            export(card, Checkpoint(path=folder, revision="r1"), tmp_path, scores={})


class TestPromptsByName:
    def test_are_the_six_instructions_for_dmretriever(self):
        from workers.encoders.export import prompts_by_name

        assert prompts_by_name(get_card("DMRetriever-33M")) == {
            **{intent.value: f"{instruction(intent)}: " for intent in Intent},
            "document": "",
        }

    def test_are_the_baselines_own(self):
        from workers.encoders.export import prompts_by_name

        assert prompts_by_name(get_card("multilingual-e5-large")) == {"query": "query: ", "document": "passage: "}


class TestModelCard:
    checkpoint = Checkpoint(path=None, revision="r1")

    def test_shows_scores_by_intent_and_their_mean(self):
        page = model_card(get_card("DMRetriever-33M"), self.checkpoint, scores={"QA": 62.0, "STS": 68.0})
        assert "| QA | 62.00 |" in page
        assert "| average | 65.00 |" in page

    def test_shows_the_instructions_by_their_names(self):
        page = model_card(get_card("DMRetriever-33M"), self.checkpoint, scores={})
        assert f"| `NLI` | {instruction(Intent.NLI)} |" in page
        assert "None were given" in page

    def test_does_not_call_a_local_checkpoint_the_published_one(self):
        card = get_card("DMRetriever-33M")
        local = Checkpoint(path=None, revision="files-0123456789ab")
        assert "Weights: a local checkpoint, `files-0123456789ab`" in model_card(card, local, scores={})
        assert "Weights: DMIR01/DMRetriever-33M, `r1`" in model_card(card, self.checkpoint, scores={})

    def test_says_that_a_model_knows_no_prompts(self):
        assert "trained without prompts" in model_card(PACKAGED, self.checkpoint, scores={})


class TestCommandLine:
    def test_the_scores_of_an_evaluation_reach_the_model_card(self, tmp_path, capsys):
        from workers.encoders.__main__ import main

        lines = [{"set": name, "intents": {"QA": {"ndcg@10": score}}} for name, score in (("a", 0.4), ("b", 0.5))]
        report = tmp_path / "report.jsonl"
        report.write_text("\n".join(map(json.dumps, lines)))
        assert main(["export", "all-MiniLM-L6-v2", str(tmp_path / "out"), "--scores", str(report), "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["name"] == "all-MiniLM-L6-v2"
        assert "| QA | 45.00 |" in (tmp_path / "out" / "README.md").read_text()

    def test_a_model_without_files_is_an_error_for_people(self, capsys, monkeypatch, tmp_path):
        from workers.encoders.__main__ import main

        monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
        assert main(["check", "DMRetriever-4B"]) == 1
        assert "manage.py models download DMRetriever-4B" in capsys.readouterr().err

    def test_check_says_what_was_loaded(self, capsys):
        from workers.encoders.__main__ import main

        assert main(["check", "all-MiniLM-L6-v2", "--backend", "torch-fp32", "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert (facts["backend"], facts["dim"], facts["unit_length"]) == ("torch-fp32", 384, True)
        assert not facts["intents_differ"]
