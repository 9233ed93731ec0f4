"""Real servers, really killed."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import psutil
import psycopg
import pytest
import redis
from kombu import Connection

from dmsearch import embedded
from dmsearch.embedded import postgres as postgres_module
from dmsearch.embedded import programs
from dmsearch.embedded.postgres import Postgres
from dmsearch.embedded.valkey import Valkey
from tests.dmsearch.embedded.conftest import up

pytestmark = pytest.mark.servers

ROOT = Path(__file__).resolve().parents[3]
UP = "import sys; from dmsearch import embedded; print(embedded.up(embedded.Home(sys.argv[1]), durable=False{}))"


def query(home, statement, *parameters):
    settings = home.database_settings()
    with psycopg.connect(host=settings["HOST"], dbname=settings["NAME"], user=settings["USER"]) as connection:
        cursor = connection.execute(statement, parameters)
        return cursor.fetchall() if cursor.description else None


def valkey(home):
    return closing(redis.Redis.from_url(home.redis_url(db=0)))


def kill(server):
    """End it as a power cut would."""
    pid = server.pid()
    os.kill(pid, signal.SIGKILL)
    assert programs.wait_until(lambda: server.pid() is None, seconds=5)
    return pid


def starter(home, options=""):
    argv = [sys.executable, "-c", UP.format(options), str(home.path)]
    return subprocess.Popen(argv, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


class TestUp:
    def test_starts_nothing_twice(self, running):
        assert up(running) == []

    def test_makes_the_database_ready_for_the_migrations(self, running):
        for extension in ("vector", "pg_trgm", "unaccent"):
            query(running, f"CREATE EXTENSION IF NOT EXISTS {extension}")
        assert query(running, "SELECT '[1,0]'::halfvec <#> '[3,0]'::halfvec") == [(-3.0,)]

    def test_speaks_utf8_in_utc_on_every_machine(self, running):
        shown = [query(running, f"SHOW {name}")[0][0] for name in ("server_encoding", "timezone")]
        assert shown == ["UTF8", "UTC"]
        assert query(running, "SELECT upper('é')") == [("É",)]

    def test_listens_on_unix_sockets_alone(self, running):
        assert query(running, "SHOW listen_addresses") == [("",)]
        assert not {
            each.laddr
            for server in (Postgres(running), Valkey(running))
            for each in psutil.Process(server.pid()).net_connections(kind="tcp")
        }

    def test_needs_no_shared_memory_folder(self, running):
        assert query(running, "SHOW dynamic_shared_memory_type") == [("mmap",)]

    def test_loses_no_commit_in_a_power_cut_unless_told_so(self, home):
        embedded.up(home)
        names = ("fsync", "full_page_writes", "synchronous_commit")
        assert [query(home, f"SHOW {name}")[0][0] for name in names] == ["on", "on", "on"]
        with valkey(home) as client:
            assert client.config_get("appendfsync")["appendfsync"] == "everysec"

    def test_lets_nobody_else_in(self, running):
        assert running.servers.stat().st_mode & 0o077 == 0

    def test_keeps_the_queue_on_disk_and_never_forgets_it(self, running):
        with valkey(running) as client:
            assert client.config_get("appendonly")["appendonly"] == "yes"
            assert client.config_get("maxmemory-policy")["maxmemory-policy"] == "noeviction"

    def test_carries_a_message_of_celerys_library(self, running):
        with Connection(running.broker_url()) as broker, closing(broker.SimpleQueue("greetings")) as queue:
            queue.put({"hello": "worker"})
            message = queue.get(timeout=5)
            message.ack()
        assert message.payload == {"hello": "worker"}

    def test_gives_eight_starters_one_server(self, empty_home):
        starters = [starter(empty_home) for _ in range(8)]
        outputs = [process.communicate(timeout=60) for process in starters]
        assert [process.returncode for process in starters] == [0] * 8, outputs
        started = [name for output, _ in outputs for name in json.loads(output.replace("'", '"'))]
        assert sorted(started) == ["postgres", "valkey"]
        assert len(programs.all_in(Valkey(empty_home).data, name="valkey-server")) == 1

    def test_starts_the_one_that_is_missing(self, home):
        assert up(home, postgres=False, die_with_parent=True) == ["valkey"]
        assert up(home, die_with_parent=True) == ["postgres"]

    def test_works_below_a_path_too_long_for_a_socket(self, home):
        deep = embedded.Home(home.path / "/".join(["a-folder-with-a-long-name"] * 5))
        deep.path.mkdir(parents=True)
        home.servers.rename(deep.servers)
        try:
            up(deep, die_with_parent=True)
            assert query(deep, "SELECT 1") == [(1,)]
            with valkey(deep) as client:
                assert client.ping()
        finally:
            embedded.remove(deep)
        assert not deep.sockets.exists()

    def test_works_below_a_path_with_blanks_and_quotes(self, home):
        odd = embedded.Home(home.path / 'it\'s "my" state, 50%')
        try:
            up(odd)
            assert query(odd, "SELECT 1") == [(1,)]
        finally:
            embedded.remove(odd)

    def test_pays_no_heed_to_the_callers_environment(self, home, monkeypatch):
        monkeypatch.setenv("PGOPTIONS", "-c default_transaction_read_only=on")
        monkeypatch.setenv("PGDATA", "/nowhere")
        monkeypatch.setenv("LC_ALL", "xx_XX.UTF-8")
        assert up(home, valkey=False) == ["postgres"]

    def test_tells_the_end_of_the_log_and_a_way_out_when_a_start_fails(self, home):
        with (home.servers / "postgres" / "postgresql.conf").open("a") as file:
            file.write("no_such_setting = 1\n")
        with pytest.raises(embedded.ServiceError) as caught:
            up(home, valkey=False)
        message = str(caught.value)
        assert message.startswith("postgres: did not start")
        assert "no_such_setting" in message
        assert "What to do: " in message

    def test_says_so_when_the_state_folder_cannot_be_made(self, empty_home):
        empty_home.path.parent.joinpath("file").touch()
        with pytest.raises(embedded.ServiceError, match="set DMSEARCH_HOME to a folder of your own"):
            up(embedded.Home(empty_home.path.parent / "file" / "home"))


class TestAfterACrash:
    def test_a_killed_postgres_comes_back_with_what_was_committed(self, running):
        query(running, "CREATE TABLE survivors (name text)")
        query(running, "INSERT INTO survivors VALUES ('Ada')")
        killed = kill(Postgres(running))
        assert up(running, die_with_parent=True) == ["postgres"]
        assert Postgres(running).pid() != killed
        assert query(running, "SELECT name FROM survivors") == [("Ada",)]

    def test_a_killed_valkey_comes_back_with_what_was_queued(self, running):
        with valkey(running) as client:
            client.lpush("queue", "task")
        kill(Valkey(running))
        assert up(running, die_with_parent=True) == ["valkey"]
        with valkey(running) as client:
            assert client.lrange("queue", 0, -1) == [b"task"]

    def test_a_pid_file_that_names_another_program_is_no_obstacle(self, home):
        up(home)
        for server, file in ((Postgres(home), "postmaster.pid"), (Valkey(home), "valkey.pid")):
            left = server.data / file
            lines = left.read_text().split("\n")
            kill(server)
            programs.wait_until(lambda server=server: not programs.all_in(server.data, name="postgres"), seconds=5)
            left.write_text("\n".join([str(os.getpid()), *lines[1:]]))
        assert sorted(up(home)) == ["postgres", "valkey"]
        assert query(home, "SELECT 1") == [(1,)]

    def test_a_pid_file_that_names_a_zombie_is_no_obstacle(self, home):
        up(home, valkey=False, die_with_parent=True)
        server = Postgres(home)
        os.kill(server.pid(), signal.SIGKILL)  # its parent, which is us, has not buried it
        assert programs.wait_until(lambda: server.pid() is None, seconds=5)
        named = int((server.data / "postmaster.pid").read_text().split("\n")[0])
        assert programs.wait_until(lambda: psutil.Process(named).status() == psutil.STATUS_ZOMBIE, seconds=5)
        assert up(home, valkey=False) == ["postgres"]

    def test_a_cut_short_first_start_is_begun_anew(self, empty_home):
        up(empty_home, postgres=False)
        (empty_home.servers / "postgres.scratch" / "base").mkdir(parents=True)
        assert up(empty_home) == ["postgres"]

    def test_no_second_server_is_started_beside_what_is_left_of_the_first(self, home, monkeypatch):
        monkeypatch.setattr(postgres_module, "_SURVIVOR_SECONDS", 0.1)
        backend = home.path / "postgres"  # a program of that name, at work in the data folder
        backend.symlink_to("/bin/sleep")
        with subprocess.Popen([backend, "60"], cwd=home.servers / "postgres") as left:
            try:
                programs.wait_until(lambda: psutil.Process(left.pid).name() == "postgres", seconds=5)
                with pytest.raises(embedded.ServiceError, match=rf"killed server are still at work.*{left.pid}"):
                    up(home, valkey=False)
            finally:
                left.kill()
        assert up(home, valkey=False) == ["postgres"]


class TestDown:
    def test_stops_what_runs_and_nothing_twice(self, home):
        up(home)
        assert embedded.down(home) == ["postgres", "valkey"]
        assert embedded.down(home) == []

    def test_does_not_wait_for_open_transactions(self, home):
        up(home, valkey=False)
        settings = home.database_settings()
        with closing(psycopg.connect(host=settings["HOST"], dbname="dmsearch", user="dmsearch")) as connection:
            connection.execute("CREATE TABLE unfinished (id int)")
            started = time.monotonic()
            embedded.down(home)
        assert time.monotonic() - started < 5

    def test_of_a_folder_that_was_never_used_makes_nothing(self, empty_home):
        assert embedded.down(empty_home) == []
        assert not empty_home.path.exists()


class TestStatus:
    def test_tells_versions_and_size_of_what_is_up(self, running):
        postgres, queue = embedded.status(running)
        assert postgres.version.startswith("18.")
        assert "pgvector 0.8." in postgres.version
        assert queue.version.startswith("9.")
        assert postgres.data_bytes > 10_000_000
        assert [each.mend for each in (postgres, queue)] == ["", ""]
        json.dumps([postgres.as_dict(), queue.as_dict()])

    def test_tells_how_to_mend_what_is_down(self, empty_home):
        for each in embedded.status(empty_home):
            assert not each.running
            assert each.mend == "`manage.py services up`"

    def test_tells_a_server_that_hangs_from_one_that_is_down(self, empty_home):
        up(empty_home, postgres=False)
        process = psutil.Process(Valkey(empty_home).pid())
        process.suspend()
        try:
            [found] = embedded.status(empty_home, postgres=False)
        finally:
            process.resume()
        assert (found.running, found.reachable) == (True, False)
        assert str(found.log) in found.mend


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties children to a parent")
class TestDieWithParent:
    def test_servers_end_when_their_starter_is_killed(self, home):
        argv = [sys.executable, "-c", UP.format(", die_with_parent=True") + "; input()", str(home.path)]
        with subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as parent:
            assert parent.stdout.readline()
            servers = (Postgres(home), Valkey(home))
            pids = [server.pid() for server in servers]
            assert None not in pids
            parent.kill()
        assert programs.wait_until(lambda: [server.pid() for server in servers] == [None, None], seconds=10)
