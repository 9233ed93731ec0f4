"""The whole product, as `manage.py run` starts it, hit with kill -9 in mid-load."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from pathlib import Path

import psycopg
import pytest

from dmsearch.embedded import Home
from tests.flows.conftest import wait_until

pytestmark = pytest.mark.flow

ROOT = Path(__file__).resolve().parents[2]
TWEETS = 3000


@pytest.fixture
def state():
    """A state folder that root's servers can reach, which pytest's own folders are not."""
    path = Path(tempfile.mkdtemp(prefix="dmsearch-crash-"))
    path.chmod(0o711)
    yield Home(path)
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture
def environment(state):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("DMSEARCH_", "DJANGO_"))}
    return {**clean, "DMSEARCH_HOME": str(state.path), "RETRIEVER": "hashing", "EMBED_LEASE_S": "5"}


@pytest.fixture
def product(state, environment, tmp_path):
    """`manage.py run` on a free port, ended as Ctrl-C ends it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = (tmp_path / "run.log").open("wb")
    command = [sys.executable, "manage.py", "run", "--port", str(port)]
    process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log)
    wait_until(lambda: b"ready:" in (tmp_path / "run.log").read_bytes() or process.poll() is not None)
    yield process
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=30) == 0, (tmp_path / "run.log").read_text()


@pytest.fixture
def ask(state):
    """Run one query on the product's database; None while it is away."""
    settings = state.database_settings()

    def ask(sql):
        try:
            with psycopg.connect(host=settings["HOST"], user=settings["USER"], dbname=settings["NAME"]) as connection:
                return connection.execute(sql).fetchone()
        except psycopg.OperationalError:
            return None

    return ask


def kill_worker(name, *, of):
    """Send SIGKILL to the worker `name` of the product whose state folder is `of`."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().decode().split("\0")
            environ = (entry / "environ").read_bytes().decode(errors="replace")
        except (FileNotFoundError, ProcessLookupError, PermissionError):
            continue
        if f"{name}@%h" in words and f"DMSEARCH_HOME={of.path}" in environ:
            os.kill(int(entry.name), signal.SIGKILL)
            return
    pytest.fail(f"no worker {name} is running")


def kill_postgres(*, of):
    os.kill(int((of.servers / "postgres" / "postmaster.pid").read_text().split()[0]), signal.SIGKILL)


def tweets(path):
    lines = (
        {
            "id": str(number),
            "text": f"Tweet {number}: water at gauge {number % 97}",
            "created_at": "2026-04-12T06:00:00Z",
        }
        for number in range(TWEETS)
    )
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


class TestKilledInMidLoad:
    def test_nothing_is_lost_and_nothing_doubled(self, product, state, environment, ask, tmp_path):
        command = [sys.executable, "manage.py", "ingest", str(tweets(tmp_path / "tweets.jsonl"))]
        command += ["--corpus", "crash", "--kind", "tweet", "--create"]
        ingest = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=120)
        assert ingest.returncode == 0, ingest.stdout + ingest.stderr

        wait_until(lambda: (ask("SELECT count(*) FROM indexing_passagevector") or [0])[0] > 0)
        kill_worker("embed", of=state)
        wait_until(lambda: (ask("SELECT count(*) FROM corpora_passage WHERE kind = 'tweet'") or [0])[0] > 500)
        kill_postgres(of=state)

        def finished():
            unfinished = ask(
                "SELECT (SELECT count(*) FROM indexing_pendingvector)"
                " + (SELECT count(*) FROM ingestion_jobitem WHERE state <> 'DONE')"
            )
            return unfinished == (0,)

        wait_until(finished, within=180, every=1)
        documents, ids = ask(
            "SELECT count(*), count(DISTINCT external_id) FROM corpora_document d "
            "JOIN corpora_corpus c ON c.id = d.corpus_id WHERE c.slug = 'crash'"
        )
        assert (documents, ids) == (TWEETS, TWEETS)
        passages, vectors = ask(
            "SELECT (SELECT count(*) FROM corpora_passage), (SELECT count(*) FROM indexing_passagevector)"
        )
        assert passages == vectors
