import json
from dataclasses import replace

import pytest

from apps.retrievers.checkpoints import Checkpoint
from apps.retrievers.family import HASHING
from apps.retrievers.gates import gate_file
from workers.encoders import EncoderUnavailable
from workers.encoders.hashing import HashingEncoder
from workers.evaluation import gate
from workers.evaluation.beir import read_beir

CARD = replace(HASHING, name="MiniLM", hub_id="x/MiniLM")


class Coarse(HashingEncoder):
    """Mixes up what it reads: every text comes out as the first one did."""

    def encode(self, texts):
        return super().encode([texts[0]] * len(texts))


@pytest.fixture(autouse=True)
def engines(monkeypatch, tmp_path):
    """int8 is a poor rounding of the other, and twice as fast."""
    monkeypatch.setenv("DMSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(gate, "splitter_for", lambda card, checkpoint: None)
    monkeypatch.setattr(gate, "passages_a_second", lambda encoders: {"openvino-bf16": 50.0, "openvino-int8": 100.0})

    def open_backend(card, checkpoint, *, backend):
        encoder = Coarse(card) if backend == "openvino-int8" else HashingEncoder(card)
        encoder.backend = backend if backend == "openvino-int8" else "openvino-bf16"
        return encoder

    monkeypatch.setattr(gate, "open_backend", open_backend)


@pytest.fixture
def levees(write):
    texts = {"boats": "boats carried families", "levee": "the levee failed at dawn", "tents": "tents and blankets"}
    write("levees/corpus.jsonl", [{"_id": name, "text": text} for name, text in texts.items()])
    write(
        "levees/queries.jsonl",
        [
            {"_id": "q1", "text": "levee failed", "metadata": {"intent": "QA"}},
            {"_id": "q2", "text": "tents", "metadata": {"intent": "Twitter"}},
        ],
    )
    qrels = write("levees/qrels/test.tsv", "query-id\tcorpus-id\tscore\nq1\tlevee\t1\nq2\ttents\t1\n")
    return qrels.parents[1]


class TestMeasure:
    def test_scores_both_by_set_and_intent(self, levees, tmp_path):
        checkpoint = Checkpoint(path=tmp_path, revision="r1")
        found = gate.measure(CARD, checkpoint, [read_beir(levees)], embeddings=tmp_path / "embeddings")
        assert found.intents["QA"].peer == found.intents["Twitter"].peer == found.sets["levees"].peer == 100
        assert found.sets["levees"].lost == pytest.approx(found.lost, abs=0.01)
        assert found.lost > 10
        assert (found.queries, found.ratio, found.passed) == (2, 2.0, False)
        assert list(found.failings())[-1].startswith("it was tried on 2 queries")

    def test_leaves_no_vectors_of_int8_behind(self, levees, tmp_path):
        checkpoint = Checkpoint(path=tmp_path, revision="r1")
        gate.measure(CARD, checkpoint, [read_beir(levees)], embeddings=tmp_path / "embeddings")
        assert not list(gate_file(CARD, "r1").parent.glob("embeddings"))
        assert len(list((tmp_path / "embeddings").iterdir())) == 1


class TestCommand:
    @pytest.fixture(autouse=True)
    def model(self, monkeypatch, tmp_path):
        monkeypatch.setattr(gate, "named_retriever", lambda name: (CARD, None))
        monkeypatch.setattr(gate, "get_checkpoint", lambda card, folder: Checkpoint(path=tmp_path, revision="r1"))

    def test_keeps_the_verdict_and_prints_it(self, levees, tmp_path, capsys):
        assert gate.main(["MiniLM", "--sets", str(levees), "--folder", str(tmp_path), "--json"]) == 0
        facts = json.loads(capsys.readouterr().out)
        assert facts["passed"] is False
        assert json.loads(gate_file(CARD, "r1").read_text())["sets"] == facts["sets"]

    def test_draws_a_table_for_people(self, levees, tmp_path, capsys):
        gate.main(["MiniLM", "--sets", str(levees), "--folder", str(tmp_path)])
        lines = capsys.readouterr().out.splitlines()
        assert lines[2].startswith("| levees | 100.00 |")
        assert "int8 is refused: it loses" in lines[-1]

    def test_a_folder_that_is_no_collection_is_told(self, tmp_path, capsys):
        assert gate.main(["MiniLM", "--sets", str(tmp_path / "no"), "--folder", str(tmp_path)]) == 1
        assert "No such file or directory" in capsys.readouterr().err

    def test_an_engine_that_cannot_is_told(self, levees, tmp_path, capsys, monkeypatch):
        def refuse(card, checkpoint, *, backend):
            raise EncoderUnavailable("int8 is for encoders")

        monkeypatch.setattr(gate, "open_backend", refuse)
        assert gate.main(["MiniLM", "--sets", str(levees), "--folder", str(tmp_path)]) == 1
        assert capsys.readouterr().err == "int8 is for encoders\n"
