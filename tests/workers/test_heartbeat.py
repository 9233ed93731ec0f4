import os

import pytest
import redis

from apps.pages.queues import workers_heard_from
from workers import heartbeat
from workers.heartbeat import Heart, note_work


@pytest.fixture
def heart(nobody_heard_from):
    heart = Heart(("embed", "query"))
    yield heart
    heart._stop_asked.set()


class TestHeart:
    def test_tells_its_process_and_queues(self, heart):
        present = heart.present()
        assert (present.pid, present.queues, present.busy) == (os.getpid(), ("embed", "query"), 0)

    def test_tells_how_long_it_has_had_nothing_to_do(self, heart, monkeypatch):
        monkeypatch.setattr(heartbeat, "_hearts", [heart])
        heart.took_work_at -= 60
        assert heart.present().quiet_s >= 60
        note_work()
        assert heart.present().quiet_s < 5

    def test_beats_until_it_is_stopped_and_then_says_goodbye(self, heart):
        heart.start()
        while not workers_heard_from():
            continue
        heart.stop()
        assert workers_heard_from() == []
        assert not heart.is_alive()

    def test_survives_a_broker_that_is_away(self, heart, monkeypatch, caplog):
        def refuse(_present):
            heart._stop_asked.set()
            raise redis.ConnectionError("refused")

        monkeypatch.setattr(heartbeat, "beat", refuse)
        heart.run()
        assert "No heartbeat" in caplog.text
