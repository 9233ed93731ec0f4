import pytest
from django.core.management import call_command

from apps.retrievers.management.commands import bench


@pytest.fixture
def child(monkeypatch):
    """What the child process was asked, and what it answers."""
    calls = {"asked": [], "status": 0}

    def run_encoders(*arguments):
        calls["asked"].append(arguments)
        return calls["status"]

    monkeypatch.setattr(bench, "run_encoders", run_encoders)
    return calls


class TestBenchEncode:
    def test_asks_the_encoders_to_time_themselves(self, child):
        call_command("bench", "encode", "--json", "--rounds", "2", "--backends", "torch-fp32,openvino-bf16")
        assert child["asked"] == [
            ("bench", "--rounds", "2", "--json", "--backends", "torch-fp32", "openvino-bf16"),
        ]

    def test_times_the_shape_of_a_model_that_is_not_here(self, child):
        call_command("bench", "encode", "DMRetriever-33M", "--random-weights")
        assert child["asked"] == [("bench", "DMRetriever-33M", "--rounds", "5", "--random-weights")]

    def test_fails_as_the_child_does(self, child):
        child["status"] = 3
        with pytest.raises(SystemExit) as stopped:
            call_command("bench", "encode")
        assert stopped.value.code == 3
