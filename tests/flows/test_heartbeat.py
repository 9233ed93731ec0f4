import signal

import pytest

from apps.pages.health import State, run_checks
from apps.pages.queues import FORGOTTEN_AFTER_S, workers_heard_from
from tests.flows.conftest import wait_until

pytestmark = [pytest.mark.flow, pytest.mark.django_db(transaction=True)]


def state_of(name):
    return next(result.finding.state for result in run_checks() if result.check.name == name)


class TestHeartbeatOfARealWorker:
    def test_is_heard_while_it_lives_and_missed_when_it_is_killed(self, start_worker, nobody_heard_from):
        worker = start_worker("maintenance")
        heard = wait_until(workers_heard_from, within=10)
        assert [(beat.pid, beat.queues) for beat in heard] == [(worker.pid, ("maintenance",))]
        assert state_of("queue_maintenance") == State.OK
        worker.send_signal(signal.SIGKILL)
        wait_until(lambda: not workers_heard_from(), within=FORGOTTEN_AFTER_S + 5)
        assert state_of("queue_maintenance") == State.FAIL

    def test_stops_at_once_when_the_worker_is_asked_to_end(self, start_worker, nobody_heard_from):
        worker = start_worker("maintenance")
        wait_until(workers_heard_from, within=10)
        worker.terminate()
        wait_until(lambda: not workers_heard_from(), within=10)
