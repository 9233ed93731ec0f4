import pytest

from apps.search import lately
from apps.search.lately import Lately


@pytest.fixture
def clock(monkeypatch):
    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    monkeypatch.setattr(lately, "time", clock := Clock())
    return clock


class TestLately:
    def test_works_out_once_and_anew_when_it_is_old(self, clock):
        kept = Lately(seconds=30)
        answers = iter(["first", "second"])
        assert kept.of("key", lambda: next(answers)) == "first"
        clock.now += 29
        assert kept.of("key", lambda: next(answers)) == "first"
        clock.now += 2
        assert kept.of("key", lambda: next(answers)) == "second"

    def test_keeps_no_more_than_it_may(self, clock):
        kept = Lately(at_most=2)
        for number in range(5):
            kept.keep(number, "value")
        assert sum(kept.get(number) is not None for number in range(5)) <= 2
        assert kept.get(4) == "value"
