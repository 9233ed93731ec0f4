"""Tiny retrievers that declare what they are, and examples they can learn in a few steps."""

import json
from dataclasses import replace

import pytest

from apps.retrievers.prompts import NONE
from tests.workers.encoders.conftest import checkpoints, tiny_bert, tiny_qwen3  # noqa: F401

SUBJECTS = "levee flood village shelter water storm blankets generators".split()


@pytest.fixture(autouse=True)
def fresh_devices():
    """Each test opens its devices anew: precision and processes are the process's own."""
    torch = pytest.importorskip("torch")
    from accelerate.state import AcceleratorState

    torch.set_num_threads(1)  # several would only wait for each other on models this small
    AcceleratorState._reset_state(reset_partial_state=True)


@pytest.fixture(scope="session")
def bert(tiny_bert, checkpoints):  # noqa: F811
    return _declared(*tiny_bert, folder=checkpoints / "declared-bert")


@pytest.fixture(scope="session")
def uninstructed(tiny_bert, checkpoints):  # noqa: F811
    """The same model, of which nobody ever asked anything but the bare query."""
    card, folder_of = tiny_bert
    return _declared(replace(card, prompts=NONE), folder_of, folder=checkpoints / "declared-uninstructed")


@pytest.fixture(scope="session")
def qwen3(tiny_qwen3, checkpoints):  # noqa: F811
    folder = _declared(*tiny_qwen3, folder=checkpoints / "declared-qwen3")
    config = folder / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"tie_word_embeddings": True}))
    return folder


@pytest.fixture
def examples(tmp_path):
    """Two files of examples: what a query is about is what its positive is about."""
    for name, intent in (("QA_first", "QA"), ("FC_second", "FactCheck")):
        lines = [json.dumps(_example(number, intent)) for number in range(8)]
        (tmp_path / f"{name}.jsonl").write_text("\n".join(lines))
    return str(tmp_path / "*.jsonl")


@pytest.fixture
def collection(tmp_path):
    """A BEIR folder of the same questions."""
    folder = tmp_path / "dev" / "questions"
    (folder / "qrels").mkdir(parents=True)
    corpus = [{"_id": f"p{number}", "title": "", "text": _about(number)} for number in range(len(SUBJECTS))]
    queries = [
        {"_id": f"q{number}", "text": f"Which {subject}?", "metadata": {"intent": "QA"}}
        for number, subject in enumerate(SUBJECTS)
    ]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in corpus))
    (folder / "queries.jsonl").write_text("".join(json.dumps(line) + "\n" for line in queries))
    judged = "".join(f"q{number}\tp{number}\t1\n" for number in range(len(SUBJECTS)))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\n" + judged)
    return folder


def recipe(card, output, **tables):
    """Return a recipe in fp32 without dropout, so that nothing but the data and the seed moves it."""
    from workers.training.recipe import Recipe

    model = {"card": str(card), "name": "trained", "max_tokens": 24, "precision": "fp32", "dropout": False}
    model["instructions"] = False  # the tiny vocabulary spells them out, and nothing of the query would be left
    return Recipe.model_validate({"output": str(output), "model": model | tables.pop("model", {}), **tables})


def curve(folder):
    lines = [json.loads(line) for line in (folder / "curve.jsonl").read_text().splitlines()]
    return [line for line in lines if "loss" in line]


def losses(folder):
    return [line["loss"] for line in curve(folder)]


def _declared(card, folder_of, *, folder):
    import torch

    from workers.encoders.export import write_folder
    from workers.encoders.loading import load_model

    write_folder(load_model(card, folder_of, dtype=torch.float32), card, tokenizer_from=folder_of, folder=folder)
    return folder


def _example(number, intent):
    subject = SUBJECTS[number % len(SUBJECTS)]
    others = [_about(other) for other in range(len(SUBJECTS)) if other != number % len(SUBJECTS)]
    return {"query": f"Which {subject}?", "pos": [_about(number)], "neg": others[:3], "intent": intent}


def _about(number):
    return f"The {SUBJECTS[number % len(SUBJECTS)]} at noon."
