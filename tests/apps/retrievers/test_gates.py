from dataclasses import replace

import pytest

from apps.retrievers import calibrations
from apps.retrievers.calibrations import Calibration, write_calibration
from apps.retrievers.describe import chosen_backends
from apps.retrievers.family import PACKAGED
from apps.retrievers.gates import Gate, Scores, int8_verdict, read_gate, write_gate

PASSED = Gate(
    machine=calibrations.this_machine(),
    peer="openvino-bf16",
    sets={"one": Scores(int8=50.1, peer=50.3), "two": Scores(int8=70.0, peer=69.9)},
    intents={"QA": Scores(int8=50.1, peer=50.3), "NLI": Scores(int8=70.0, peer=69.9)},
    queries=300,
    passages_per_s={"openvino-bf16": 100.0, "openvino-int8": 160.0},
    measured_at="2026-11-26T22:00:00+00:00",
)


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DMSEARCH_CACHE", str(tmp_path))


class TestGate:
    def test_opens_where_quality_stays_and_speed_is_gained(self):
        assert PASSED.passed
        assert PASSED.lost == pytest.approx(0.05)
        assert PASSED.summary() == "proven: -0.05 points of NDCG@10, 1.60 times as fast as openvino-bf16"

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"intents": {"QA": Scores(int8=49.0, peer=49.6)}}, "loses 0.60 points of NDCG@10"),
            (
                {"intents": {"QA": Scores(int8=48.0, peer=49.2), "STS": Scores(int8=9.0, peer=8.0)}},
                "loses 1.20 points on QA",
            ),
            ({"passages_per_s": {"openvino-bf16": 100.0, "openvino-int8": 149.0}}, "1.49 times as fast"),
            ({"queries": 199}, "tried on 199 queries"),
        ],
    )
    def test_stays_shut_for_each_reason_by_itself(self, change, reason):
        shut = replace(PASSED, **change)
        assert not shut.passed
        assert len(list(shut.failings())) == 1
        assert reason in shut.summary()

    def test_is_read_as_it_was_written(self):
        write_gate(PACKAGED, "r1", PASSED)
        assert read_gate(PACKAGED, "r1") == PASSED

    def test_is_of_these_weights_and_this_machine_alone(self, monkeypatch):
        write_gate(PACKAGED, "r1", PASSED)
        assert read_gate(PACKAGED, "r2") is None
        monkeypatch.setattr("apps.retrievers.calibrations.this_machine", lambda: "another")
        assert read_gate(PACKAGED, "r1") is None

    def test_is_of_this_version_of_openvino_alone(self, monkeypatch):
        write_gate(PACKAGED, "r1", PASSED)
        monkeypatch.setattr("apps.retrievers.gates.version", lambda package: "2099.1")
        assert read_gate(PACKAGED, "r1") is None


class TestWhatDoctorSays:
    def test_how_to_measure_where_nothing_was(self):
        assert int8_verdict(PACKAGED, "r1") == "not measured (`manage.py models gate`)"

    def test_which_backend_is_taken_after_a_gate(self):
        measured = Calibration(machine=PASSED.machine, passages={"openvino-bf16": 9.0}, queries={"onnx-fp32": 9.0})
        write_calibration(PACKAGED, "r1", measured)
        write_gate(PACKAGED, "r1", replace(PASSED, queries=3))
        assert chosen_backends(PACKAGED, "r1") == "openvino-bf16 for passages, onnx-fp32 for queries"
        write_gate(PACKAGED, "r1", PASSED)
        assert chosen_backends(PACKAGED, "r1") == "openvino-int8 for passages and queries"
