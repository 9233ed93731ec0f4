"""Real worker processes on the real broker and the test database."""

import os
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import quote

import pytest
from django.conf import settings
from django.db import connection

from dmsearch.celery import app


def wait_until(condition, *, within=60.0, every=0.1):
    """Wait for `condition` to hold and return what it gave; fail when it does not in time."""
    until = time.monotonic() + within
    while time.monotonic() < until:
        if outcome := condition():
            return outcome
        time.sleep(every)
    pytest.fail(f"not within {within:g} s: {condition}")
    return None


def wait_until_ready(process, log):
    """Wait until the worker takes work; when it ends instead, show what it said."""

    def ready():
        if process.poll() is not None:
            pytest.fail(f"the worker ended:\n{log.read_text()[-3000:]}")
        return " ready." in log.read_text()

    wait_until(ready)


def forget_messages():
    """Empty the broker of all queues, unacknowledged messages included."""
    with app.connection_for_write() as broker:
        broker.default_channel.client.flushdb()


@pytest.fixture
def environment(transactional_db):
    """What a process needs to work on this test's database."""
    database = connection.settings_dict
    url = f"postgres://{quote(database['USER'])}@{quote(str(database['HOST']), safe='')}/{database['NAME']}"
    return {**os.environ, "DATABASE_URL": url, "MEDIA_ROOT": str(settings.MEDIA_ROOT), "PYTHONUNBUFFERED": "1"}


@pytest.fixture
def start_worker(environment, tmp_path):
    """Start `celery -A workers.app worker` for a queue; all end with the test."""
    started = []
    forget_messages()

    def start(queue, *, pool="solo", concurrency=1, **extra):
        log = (tmp_path / f"{queue}-{len(started)}.log").open("wb")
        command = [sys.executable, "-m", "celery", "-A", "workers.app", "worker", "-Q", queue, "--pool", pool]
        command += ["-c", str(concurrency), "-n", f"{queue}{len(started)}@test", "--loglevel", "INFO"]
        process = subprocess.Popen(command, env={**environment, **extra}, stdout=log, stderr=log)
        started.append(process)
        wait_until_ready(process, Path(log.name))
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
    forget_messages()
