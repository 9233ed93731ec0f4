import pytest

from apps.retrievers import calibrations
from apps.retrievers.calibrations import (
    Calibration,
    calibration_file,
    read_calibration,
    this_machine,
    write_calibration,
)
from apps.retrievers.describe import chosen_backends
from apps.retrievers.family import HASHING, PACKAGED


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DMSEARCH_CACHE", str(tmp_path))


@pytest.fixture
def measured():
    found = Calibration(
        machine=this_machine(),
        passages={"torch-bf16": 56.0, "openvino-bf16": 63.0},
        queries={"openvino-bf16": 479.0, "onnx-fp32": 505.0},
    )
    write_calibration(PACKAGED, "r1", found)
    return found


class TestCalibration:
    def test_the_fastest_depends_on_the_work(self, measured):
        assert (measured.fastest("passages"), measured.fastest("queries")) == ("openvino-bf16", "onnx-fp32")

    def test_is_read_as_it_was_written(self, measured):
        assert read_calibration(PACKAGED, "r1") == measured

    def test_is_of_this_machine_alone(self, measured, monkeypatch):
        monkeypatch.setattr(calibrations, "_processor", lambda: "another processor")
        assert read_calibration(PACKAGED, "r1") is None

    def test_that_was_cut_short_is_measured_anew(self, measured):
        calibration_file(PACKAGED, "r1").write_text('{"machine": "')
        assert read_calibration(PACKAGED, "r1") is None

    def test_is_of_these_weights_alone(self, measured):
        assert read_calibration(PACKAGED, "r2") is None
        assert calibration_file(PACKAGED, "r2") != calibration_file(PACKAGED, "r1")


class TestChosenBackends:
    def test_are_named_for_doctor(self, measured):
        assert chosen_backends(PACKAGED, "r1") == "openvino-bf16 for passages, onnx-fp32 for queries"

    def test_before_the_first_use_the_rule_is_told(self):
        assert "measured at its first use" in chosen_backends(PACKAGED, "r1")

    def test_the_stand_in_has_none(self):
        assert chosen_backends(HASHING, "1") == "built in"
