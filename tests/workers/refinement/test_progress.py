import json

import pytest

from workers.refinement.progress import Progress


class TestProgress:
    @pytest.fixture
    def clock(self, monkeypatch):
        now = [100.0]
        monkeypatch.setattr("workers.refinement.progress.time.monotonic", lambda: now[0])
        return now

    def test_tells_every_five_seconds_what_is_left_at_this_speed(self, tmp_path, clock):
        path = tmp_path / "progress.json"
        progress = Progress(path, stage="embed", total=100, done=20)  # twenty by an earlier run
        clock[0] += 4
        progress.advance(5)
        assert not path.exists()
        clock[0] += 2
        progress.advance(5, tokens=7)
        # Ten in six seconds: seventy more take 42.
        assert json.loads(path.read_text()) == {"stage": "embed", "done": 30, "total": 100, "left_s": 42, "tokens": 7}

    def test_guesses_nothing_before_anything_is_done(self, tmp_path, clock):
        progress = Progress(tmp_path / "progress.json", stage="synthesize", total=10)
        clock[0] += 6
        progress.advance(0)
        assert json.loads((tmp_path / "progress.json").read_text())["left_s"] is None

    def test_tells_the_end_at_once(self, tmp_path, clock, caplog):
        caplog.set_level("INFO")
        Progress(tmp_path / "progress.json", stage="pairs", total=2).advance(2)
        assert "pairs: 2 of 2" in caplog.text
