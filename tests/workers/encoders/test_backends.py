import json
from dataclasses import replace

import numpy as np
import pytest

from apps.retrievers import calibrations
from apps.retrievers.backends import UnknownBackend
from apps.retrievers.calibrations import Calibration, calibration_file, read_calibration, write_calibration
from apps.retrievers.checkpoints import Checkpoint, get_checkpoint
from apps.retrievers.family import PACKAGED, get_card
from apps.retrievers.gates import Gate, Scores, write_gate
from workers.encoders import EncoderUnavailable, backends, get_encoder
from workers.encoders.backends import choose_backend, open_backend, text_of
from workers.encoders.hashing import HashingEncoder


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DMSEARCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(backends, "_has_gpu", lambda: False)


@pytest.fixture
def measured(monkeypatch):
    """What calibration finds, and how often it was asked."""
    calls = []

    def calibrate(card, checkpoint):
        calls.append(card.name)
        return Calibration(
            machine=calibrations.this_machine(),
            passages={"torch-bf16": 30.0, "openvino-bf16": 45.0},
            queries={"openvino-bf16": 400.0, "onnx-fp32": 500.0},
        )

    monkeypatch.setattr(backends, "calibrate", calibrate)
    return calls


CHECKPOINT = Checkpoint(path=None, revision="r1")


class TestChooseBackend:
    def test_takes_the_fastest_for_the_workload(self, measured):
        assert choose_backend(PACKAGED, CHECKPOINT, device="auto", workload="passages") == "openvino-bf16"
        assert choose_backend(PACKAGED, CHECKPOINT, device="cpu", workload="queries") == "onnx-fp32"

    def test_measures_once(self, measured):
        for _ in range(3):
            choose_backend(PACKAGED, CHECKPOINT, device="auto", workload="passages")
        assert measured == [PACKAGED.name]

    def test_measures_again_for_other_weights(self, measured):
        choose_backend(PACKAGED, CHECKPOINT, device="auto", workload="passages")
        choose_backend(PACKAGED, replace(CHECKPOINT, revision="r2"), device="auto", workload="passages")
        assert len(measured) == 2

    def test_measures_again_on_another_machine(self, measured, monkeypatch):
        choose_backend(PACKAGED, CHECKPOINT, device="auto", workload="passages")
        monkeypatch.setattr(calibrations, "this_machine", lambda: "another")
        assert read_calibration(PACKAGED, "r1") is None

    def test_a_gpu_or_a_large_model_is_torchs(self, measured, monkeypatch):
        assert choose_backend(PACKAGED, CHECKPOINT, device="cuda", workload="passages") == "torch"
        assert choose_backend(get_card("DMRetriever-4B"), CHECKPOINT, device="auto", workload="passages") == "torch"
        monkeypatch.setattr(backends, "_has_gpu", lambda: True)
        assert choose_backend(PACKAGED, CHECKPOINT, device="auto", workload="passages") == "torch"
        assert measured == []

    @pytest.mark.torch
    @pytest.mark.filterwarnings("ignore")
    def test_calibration_tries_every_engine_for_real(self, tiny_bert):
        card, folder = tiny_bert
        found = backends.calibrate(card, Checkpoint(path=folder, revision="r1"))
        assert {name.partition("-")[0] for name in found.passages} == {"torch", "openvino", "onnx"}
        assert min(*found.passages.values(), *found.queries.values()) > 0
        write_calibration(card, "r1", found)
        assert read_calibration(card, "r1") == found
        assert json.loads(calibration_file(card, "r1").read_text())["machine"] == calibrations.this_machine()


@pytest.fixture
def gate():
    """A gate that int8 passes; write it, changed or not."""
    scores = {"QA": Scores(int8=50.0, peer=50.2)}
    rates = {"openvino-bf16": 100.0, "openvino-int8": 160.0}
    return Gate(
        machine=calibrations.this_machine(),
        peer="openvino-bf16",
        sets=scores,
        intents=scores,
        queries=300,
        passages_per_s=rates,
    )


class TestInt8:
    def test_is_chosen_only_behind_a_gate_that_it_passed(self, measured, gate):
        write_gate(PACKAGED, "r1", replace(gate, queries=5))
        assert choose_backend(PACKAGED, CHECKPOINT, device="auto", workload="passages") == "openvino-bf16"
        write_gate(PACKAGED, "r1", gate)
        assert choose_backend(PACKAGED, CHECKPOINT, device="auto", workload="passages") == "openvino-int8"
        assert choose_backend(PACKAGED, CHECKPOINT, device="cuda", workload="passages") == "torch"

    def test_asked_for_without_a_gate_is_refused_with_the_way_to_one(self):
        with pytest.raises(EncoderUnavailable, match=r"not measured: `manage\.py models gate all-MiniLM-L6-v2 --sets"):
            get_encoder(PACKAGED, backend="openvino-int8")

    def test_that_failed_is_refused_with_the_figures_and_the_way_round(self, gate):
        lossy = {"QA": Scores(int8=48.0, peer=50.2)}
        write_gate(PACKAGED, get_checkpoint(PACKAGED).revision, replace(gate, intents=lossy))
        with pytest.raises(EncoderUnavailable, match=r"loses 2.20 points.*openvino-int8-unproven takes int8 all the"):
            get_encoder(PACKAGED, backend="openvino-int8")


class TestOpenBackend:
    def test_an_unknown_name_is_refused(self):
        with pytest.raises(UnknownBackend, match="No backend is called 'tpu'"):
            open_backend(PACKAGED, CHECKPOINT, backend="tpu")

    def test_an_engine_that_is_not_installed_is_named(self, monkeypatch):
        monkeypatch.setitem(backends.ENGINES, "openvino", "no_such_package")
        with pytest.raises(EncoderUnavailable, match="needs the package no_such_package"):
            open_backend(PACKAGED, CHECKPOINT, backend="openvino")


class TestCalibrate:
    def test_goes_on_without_an_engine_that_cannot_run_the_model(self, monkeypatch):
        def open_or_not(card, checkpoint, *, backend, device, workload):
            if backend == "onnx":
                raise EncoderUnavailable("cannot be written for onnx")
            encoder = HashingEncoder()
            encoder.backend = backend
            return encoder

        monkeypatch.setattr(backends, "open_backend", open_or_not)
        assert set(backends.calibrate(PACKAGED, CHECKPOINT).passages) == {"torch", "openvino"}

    def test_says_that_no_engine_can(self, monkeypatch):
        monkeypatch.setattr(backends, "ENGINES", {"torch": "no_such_package"})
        with pytest.raises(EncoderUnavailable, match="No engine here can run all-MiniLM-L6-v2"):
            backends.calibrate(PACKAGED, CHECKPOINT)


class TestGetEncoder:
    def test_loads_a_model_once(self):
        card = get_card("hashing")
        assert isinstance(get_encoder(card), HashingEncoder)
        assert get_encoder(card) is get_encoder(card)

    @pytest.mark.torch
    @pytest.mark.filterwarnings("ignore")
    @pytest.mark.parametrize("backend", ["torch-fp32", "openvino-fp32", "onnx-fp32"])
    def test_every_engine_gives_the_packaged_model_the_same_vectors(self, backend):
        texts = ["Which levees failed?", "flood " * 300, ""]
        encoder = get_encoder(PACKAGED, backend=backend)
        assert (encoder.backend, encoder.revision) == (backend, get_checkpoint(PACKAGED).revision)
        expected = get_encoder(PACKAGED, backend="torch-fp32").encode(texts)
        np.testing.assert_allclose(encoder.encode(texts), expected, atol=1e-5)


class TestTextOf:
    def test_has_about_as_many_tokens_as_asked(self):
        from apps.retrievers.tokens import token_counter

        assert token_counter(PACKAGED)(text_of(256)) == 256
