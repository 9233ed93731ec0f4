from collections import namedtuple

import pytest
import redis
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder

from apps.pages import servers
from apps.pages.health import State

Usage = namedtuple("Usage", "total used free")


class TestPgvector:
    @pytest.mark.parametrize(
        ("version", "state"),
        [
            ("0.7.4", State.FAIL),
            ("0.8.0", State.WARN),
            ("0.8.3", State.WARN),
            ("0.8.4", State.OK),
            ("0.10.1", State.OK),
            ("0.9.0-dev", State.OK),
        ],
    )
    def test_is_judged_by_its_number(self, version, state):
        assert servers.judge_pgvector(version).state == state

    @pytest.mark.django_db
    def test_in_use_is_good(self):
        assert servers.check_pgvector().state == State.OK

    @pytest.mark.django_db
    def test_missing_is_a_failure_with_a_remedy(self):
        with connection.cursor() as cursor:
            cursor.execute("DROP EXTENSION vector CASCADE")
        finding = servers.check_pgvector()
        assert finding.state == State.FAIL
        assert "pgvector/pgvector" in finding.remedy


@pytest.mark.django_db
class TestDatabase:
    def test_tells_its_version(self):
        finding = servers.check_database()
        assert finding.summary.startswith("PostgreSQL 1")
        assert finding.facts["size_bytes"] > 0

    @pytest.mark.parametrize(("embedded", "remedy"), [(True, "make run"), (False, "DATABASE_URL")])
    def test_says_how_to_mend_one_that_is_away(self, settings, monkeypatch, embedded, remedy):
        settings.EMBEDDED_POSTGRES = embedded
        monkeypatch.setattr(servers, "connection", _Away())
        finding = servers.check_database()
        assert (finding.state, finding.facts["reason"]) == (State.FAIL, "connection refused")
        assert remedy in finding.remedy


class _Away:
    def cursor(self):
        raise servers.OperationalError("connection refused\nIs the server running?")


@pytest.mark.django_db
class TestMigrations:
    def test_are_all_applied(self):
        assert servers.check_migrations().state == State.OK

    def test_are_missed(self):
        MigrationRecorder(connection).record_unapplied("sessions", "0001_initial")
        finding = servers.check_migrations()
        assert finding.summary == "1 not applied: sessions 0001_initial"
        assert finding.remedy == "Run `manage.py migrate`."


class TestBroker:
    def test_tells_its_version(self, services):
        assert servers.check_broker().summary.startswith("Valkey ")

    def test_may_not_throw_work_away(self, services):
        connection = servers.redis_connection()
        connection.config_set("maxmemory-policy", "allkeys-lru")
        finding = servers.check_broker()
        connection.config_set("maxmemory-policy", "noeviction")
        assert finding.state == State.WARN
        assert "noeviction" in finding.remedy

    @pytest.mark.parametrize(("embedded", "remedy"), [(True, "make run"), (False, "REDIS_URL")])
    def test_says_how_to_mend_one_that_is_away(self, settings, monkeypatch, embedded, remedy):
        settings.EMBEDDED_VALKEY = embedded
        nobody = redis.Redis.from_url("redis://127.0.0.1:1")
        monkeypatch.setattr(servers, "redis_connection", lambda: nobody)
        finding = servers.check_broker()
        assert finding.state == State.FAIL
        assert remedy in finding.remedy


class TestDisk:
    @pytest.mark.parametrize(("free", "state"), [(80 * 10**9, State.OK), (2 * 10**9, State.WARN), (10**8, State.FAIL)])
    def test_is_judged_by_what_is_free(self, monkeypatch, free, state):
        monkeypatch.setattr(servers.shutil, "disk_usage", lambda place: Usage(10**12, 0, free))
        assert servers.check_disk().state == state

    def test_looks_at_the_folder_above_one_that_is_not_there_yet(self, settings, tmp_path):
        settings.STATE_DIR = tmp_path / "not" / "yet"
        assert servers.check_disk().facts["free_bytes"] > 0


class TestPython:
    def test_is_new_enough(self):
        assert servers.check_python().state == State.OK
