import json
from statistics import fmean

import numpy as np
import pytest

pytest.importorskip("torch")

from apps.retrievers.checkpoints import Checkpoint, identify
from apps.retrievers.intents import Intent, instruct
from tests.workers.training.conftest import SUBJECTS, curve, losses, recipe
from workers.encoders.torch_backend import open_torch
from workers.training.recipe import BadRecipe
from workers.training.stages import StageMissing, run_stage

# peft still asks transformers by an old name
pytestmark = [pytest.mark.torch, pytest.mark.filterwarnings("ignore:.*gradient_checkpointing.*:FutureWarning")]


def fell(values, *, part=4):
    return fmean(values[-part:]) < 0.8 * fmean(values[:part])


class TestStage3:
    def test_learns_through_the_levels_and_keeps_the_best_model(self, bert, examples, collection, tmp_path):
        first, second = examples.replace("*", "QA_first"), examples.replace("*", "FC_second")
        stage = {"levels": [[first], [second]], "learning_rate": 3e-3, "batch": 4, "epochs": 6, "group": 3}
        development = {"sets": [str(collection)], "every": 12}
        trained = recipe(bert, tmp_path, stage3={**stage, "temperature": 0.1, "soup": [0.5]}, development=development)
        folder = run_stage("stage3", trained)
        lines = curve(folder.parent)
        assert {line["leg"] for line in lines} == {"level 1", "level 2"}
        assert fell([line["loss"] for line in lines])
        report = json.loads((folder.parent / "report.json").read_text())
        assert report["best"]["average"] > report["start"]["average"]
        assert [tried["share"] for tried in report["shares"]] == [0.5, 1.0]
        assert "<svg" in (folder.parent / "curve.svg").read_text()

    def test_puts_a_decoders_training_into_an_adapter_that_travels(self, qwen3, examples, tmp_path):
        stage = {"data": [examples], "learning_rate": 1e-2, "batch": 8, "epochs": 8, "group": 3, "temperature": 0.1}
        trained = recipe(qwen3, tmp_path, stage3={**stage, "lora": {"rank": 4, "alpha": 8, "dropout": 0.0}})
        folder = run_stage("stage3", trained)
        assert fell(losses(folder.parent))
        merged, adapter = (vectors_of(path) for path in (folder, folder.parent / "adapter"))
        assert np.allclose(merged, adapter, atol=1e-5)
        assert not np.allclose(merged, vectors_of(qwen3), atol=1e-2)
        assert not (folder.parent / "adapter" / "model.safetensors").exists()

    def test_learns_from_a_teacher_and_stops_where_nothing_is_gained(self, bert, examples, collection, tmp_path):
        stage = {"data": [examples], "learning_rate": 1e-9, "batch": 8, "epochs": 9, "group": 3}
        development = {"sets": [str(collection)], "every": 1, "patience": 2}
        told = {"stage3": {**stage, "teacher_weight": 0.5}, "model": {"instructions": True}}
        folder = run_stage("stage3", recipe(bert, tmp_path, development=development, **told))
        assert len(losses(folder.parent)) == 2
        card = identify(folder)
        assert (card.name, card.query_text("q", Intent.QA)) == ("trained", instruct("q", Intent.QA))


class TestStage2:
    def test_learns_and_cached_gradients_are_the_same_gradients(self, bert, examples, tmp_path):
        stage = {"data": [examples], "learning_rate": 3e-3, "batch": 8, "epochs": 6, "temperature": 0.1}
        plain = recipe(bert, tmp_path / "plain", stage2=stage)
        cached = recipe(bert, tmp_path / "cached", stage2={**stage, "cache_gradients": True, "micro_tokens": 40})
        first, second = (losses(run_stage("stage2", each).parent) for each in (plain, cached))
        assert fell(first)
        assert second == pytest.approx(first, abs=2e-4)

    def test_caches_gradients_under_dropout_too(self, bert, examples, tmp_path):
        stage = {"data": [examples], "learning_rate": 3e-3, "batch": 8, "temperature": 0.1}
        dropout = {"dropout": True}
        plain = recipe(bert, tmp_path / "plain", stage2=stage, model=dropout)
        cached = recipe(bert, tmp_path / "cached", stage2={**stage, "cache_gradients": True}, model=dropout)
        first, second = (losses(run_stage("stage2", each).parent) for each in (plain, cached))
        assert second == pytest.approx(first, abs=2e-4)


class TestStage1:
    def test_learns_what_is_hidden_and_hands_its_model_on(self, qwen3, examples, tmp_path):
        text = tmp_path / "lines.txt"
        text.write_text("\n".join(f"The {subject} at noon before the storm returns" for subject in SUBJECTS))
        lora = {"rank": 8, "alpha": 16, "dropout": 0.0}
        first = {"data": [str(text)], "learning_rate": 3e-2, "batch": 8, "epochs": 24, "lora": lora}
        second = {"data": [examples], "learning_rate": 1e-3, "batch": 8, "lora": lora}
        trained = recipe(qwen3, tmp_path, stage1=first, stage2=second)
        with pytest.raises(StageMissing, match="run stage1 first"):
            run_stage("stage2", trained)
        folder = run_stage("stage1", trained)
        assert fell(losses(folder.parent), part=6)
        assert run_stage("stage2", trained).is_dir()

    def test_is_refused_for_an_encoder(self, bert, tmp_path):
        text = tmp_path / "lines.txt"
        text.write_text("The north levee failed")
        stage = {"data": [str(text)], "learning_rate": 1e-3, "batch": 1}
        with pytest.raises(BadRecipe, match="for decoders"):
            run_stage("stage1", recipe(bert, tmp_path, stage1=stage))


class TestRefusal:
    def test_comes_before_the_run_where_the_model_cannot_be_written(self, examples, tmp_path):
        stage = {"data": [examples], "learning_rate": 1e-3, "batch": 8}
        with pytest.raises(BadRecipe, match="from an end mark"):
            run_stage("stage3", recipe("Qwen3-Embedding-0.6B", tmp_path / "out", stage3=stage))
        assert not (tmp_path / "out").exists()


class TestPrecision:
    def test_of_sixteen_bits_learns_with_gradient_checkpointing(self, bert, examples, tmp_path):
        stage = {"data": [examples], "learning_rate": 3e-3, "batch": 8, "epochs": 6, "group": 3, "temperature": 0.1}
        model = {"precision": "bf16", "gradient_checkpointing": True}
        cached = {"cache_gradients": True, "micro_tokens": 100}
        folder = run_stage("stage3", recipe(bert, tmp_path, stage3={**stage, **cached}, model=model))
        assert fell(losses(folder.parent))


def vectors_of(folder):
    card = identify(folder)
    encoder = open_torch(card, Checkpoint(path=folder, revision="test"), device="cpu", precision="fp32")
    return encoder.encode(["The north levee failed at noon", "Shelters need blankets"])
