from pathlib import Path
from types import SimpleNamespace

import pytest
from celery import current_app

from apps.pages import calls, queues
from apps.pages.health import State, _checks
from apps.pages.queues import Heartbeat, beat, judge_queue, queue_length, say_goodbye, workers_heard_from


def worker(pid=1, *, takes=("embed",), busy=0, quiet_s=1.0):
    return Heartbeat(host="here", pid=pid, queues=takes, busy=busy, quiet_s=quiet_s)


pytestmark = pytest.mark.usefixtures("nobody_heard_from")


class TestHeartbeats:
    def test_are_heard(self):
        beat(worker(takes=("query", "embed")))
        assert workers_heard_from() == [worker(takes=("query", "embed"))]

    def test_a_later_one_replaces_an_earlier_one(self):
        beat(worker(busy=0))
        beat(worker(busy=1))
        assert [heard.busy for heard in workers_heard_from()] == [1]

    def test_are_forgotten_when_they_stop(self):
        beat(worker(1))
        beat(worker(2))
        queues.redis_connection().pexpire(worker(1).key, 1)
        while queues.redis_connection().exists(worker(1).key):
            continue
        assert [heard.pid for heard in workers_heard_from()] == [2]
        assert queues.redis_connection().smembers("dmsearch:workers") == {worker(2).key.encode()}

    def test_are_forgotten_at_once_after_a_goodbye(self):
        beat(worker())
        say_goodbye(worker())
        assert workers_heard_from() == []


class TestQueueLength:
    def test_counts_what_waits(self):
        with current_app.connection_for_write() as broker:
            broker.default_channel.client.delete("embed")  # what other tests asked for
        assert queue_length("embed") == 0
        for _ in range(3):
            current_app.send_task("nobody.knows", queue="embed")
        assert queue_length("embed") == 3


class TestJudgeQueue:
    @staticmethod
    def judge(workers, waiting=0):
        return judge_queue(workers, waiting=waiting, queue="embed", without="nothing is embedded")

    def test_fails_when_nobody_listens(self):
        finding = self.judge([])
        assert finding.state == State.FAIL
        assert finding.summary == "no worker was heard from: nothing is embedded"
        assert "-Q embed" in finding.remedy

    def test_is_well_with_an_idle_worker(self):
        assert self.judge([worker()]).summary == "1 worker, none busy; nothing waiting"

    def test_is_well_while_a_busy_worker_lets_others_wait(self):
        finding = self.judge([worker(busy=1, quiet_s=50.0), worker(2, quiet_s=99.0)], waiting=40)
        assert (finding.state, finding.summary) == (State.OK, "2 workers, 1 busy; 40 waiting")

    def test_fails_when_idle_workers_take_nothing(self):
        finding = self.judge([worker(7, quiet_s=31.0)], waiting=2)
        assert (finding.state, finding.summary) == (State.FAIL, "2 waiting, and nobody takes them")
        assert "process 7 on here" in finding.remedy


class TestCalls:
    @pytest.fixture(autouse=True)
    def fresh(self, services, monkeypatch):
        queues.redis_connection().flushdb()
        self.sent = []
        sender = SimpleNamespace(send_task=lambda name, **_: self.sent.append(name))
        monkeypatch.setattr(calls, "current_app", sender)

    @staticmethod
    def check(queue="embed", busy=0):
        beat(worker(takes=(queue,), busy=busy))
        return next(check for check in _checks.values() if check.name == f"queue_{queue}").run()

    def test_an_answered_call_is_told(self):
        calls.call("embed")
        calls.answer("embed")
        finding = self.check()
        assert finding.state == State.OK
        assert "a call was answered 0 s ago" in finding.summary

    def test_one_at_a_time_is_on_its_way(self):
        calls.call("embed")
        calls.call("embed")
        assert self.sent == [calls.ANSWER]

    def test_silence_of_idle_workers_is_a_failure(self, monkeypatch):
        calls.call("embed")
        monkeypatch.setattr(queues.time, "time", lambda now=queues.time.time: now() + 120)
        finding = self.check()
        assert finding.state == State.FAIL
        assert "no answer for 120 s" in finding.summary

    def test_silence_of_busy_workers_is_told_when_it_lasts(self, monkeypatch):
        calls.call("embed")
        monkeypatch.setattr(queues.time, "time", lambda now=queues.time.time: now() + 120)
        assert self.check(busy=1).state == State.OK
        monkeypatch.setattr(queues.time, "time", lambda now=queues.time.time: now() + 300)
        finding = self.check(busy=1)
        assert finding.state == State.WARN
        assert "busy, and a call has had no answer for 4" in finding.summary

    def test_a_worker_that_reads_a_long_file_is_not_taken_for_one_that_hangs(self, monkeypatch):
        calls.call("ingest")
        monkeypatch.setattr(queues.time, "time", lambda now=queues.time.time: now() + 500)
        assert self.check("ingest", busy=1).state == State.OK

    def test_go_through_every_queue_that_workers_take_from(self):
        from apps.pages.management.commands.run import _workers
        from apps.pages.tasks import call_queues

        taken = {
            queue
            for program in _workers(Path())
            if "-Q" in program.argv
            for queue in program.argv[program.argv.index("-Q") + 1].split(",")
        }
        assert queues.watched == taken
        call_queues()
        assert len(self.sent) == len(taken)
