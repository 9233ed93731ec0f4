"""Checks of the ground everything stands on: Python, PostgreSQL, pgvector, the broker, the disk."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

from django.conf import settings
from django.db import OperationalError, connection
from django.db.migrations.executor import MigrationExecutor
from redis.exceptions import RedisError

from apps.pages.health import Check, Finding, fail, ok, register, warn
from apps.pages.queues import redis_connection

PYTHON_FROM = (3, 11)
# 0.8.0 brought iterative scans, without which filtered searches lose rows; before 0.8.4 vacuum can spoil HNSW.
PGVECTOR_FROM = (0, 8, 0)
PGVECTOR_GOOD = (0, 8, 4)
DISK_LOW_BYTES = 5 * 10**9
DISK_FULL_BYTES = 10**9

_START = "Run `make run`, or `manage.py services up`."


def check_python() -> Finding:
    version = platform.python_version()
    if sys.version_info < PYTHON_FROM:
        return fail(f"Python {version} is too old", "Install Python 3.11 or later and run `make install` again.")
    return ok(f"Python {version}", version=version)


def check_database() -> Finding:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT current_setting('server_version'), pg_database_size(current_database())")
            version, size = cursor.fetchone()
    except OperationalError as failure:
        reason = str(failure).splitlines()[0]
        if settings.EMBEDDED_POSTGRES:
            return fail("does not answer: the embedded server is not running", _START, reason=reason)
        return fail("does not answer", "Start the server, or correct DATABASE_URL.", reason=reason)
    return ok(f"PostgreSQL {version.split()[0]}", version=version, size_bytes=size, embedded=settings.EMBEDDED_POSTGRES)


def check_pgvector() -> Finding:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        row = cursor.fetchone()
    if row is None:
        return fail(
            "pgvector is not installed in this database",
            "Run `manage.py migrate`; if it is refused, install pgvector on the server (image pgvector/pgvector).",
        )
    return judge_pgvector(row[0])


def judge_pgvector(version: str) -> Finding:
    number = tuple(int(part) for part in version.split("-")[0].split("."))
    if number < PGVECTOR_FROM:
        return fail(f"pgvector {version} lacks iterative scans", "Update pgvector to 0.8.4 or later.", version=version)
    if number < PGVECTOR_GOOD:
        return warn(
            f"pgvector {version} can spoil HNSW graphs when it vacuums",
            "Update pgvector to 0.8.4 or later, then `ALTER EXTENSION vector UPDATE`.",
            version=version,
        )
    return ok(f"pgvector {version}", version=version)


def check_migrations() -> Finding:
    executor = MigrationExecutor(connection)
    missing = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if missing:
        names = ", ".join(f"{migration.app_label} {migration.name}" for migration, _ in missing[:3])
        return fail(f"{len(missing)} not applied: {names}", "Run `manage.py migrate`.", missing=len(missing))
    return ok("all applied", missing=0)


def check_broker() -> Finding:
    try:
        facts = redis_connection().info()
    except RedisError as failure:
        if settings.EMBEDDED_VALKEY:
            return fail("does not answer: the embedded server is not running", _START, reason=str(failure))
        return fail("does not answer", "Start the server, or correct REDIS_URL.", reason=str(failure))
    name = "Valkey" if "valkey_version" in facts else "Redis"
    version = facts.get("valkey_version", facts["redis_version"])
    seen = {"version": version, "memory_bytes": facts["used_memory"], "embedded": settings.EMBEDDED_VALKEY}
    if facts.get("maxmemory_policy", "noeviction") != "noeviction":
        return warn(
            f"{name} {version} throws queued work away when its memory is full",
            "Set `maxmemory-policy noeviction` on the server.",
            **seen,
        )
    return ok(f"{name} {version}", **seen)


def check_disk() -> Finding:
    places = {_existing(path) for path in (settings.STATE_DIR, Path(settings.MEDIA_ROOT))}
    tightest = min(places, key=lambda place: shutil.disk_usage(place).free)
    free = shutil.disk_usage(tightest).free
    summary, facts = f"{free / 1e9:,.0f} GB free", {"free_bytes": free, "path": str(tightest)}
    remedy = f"Make room on the disk that holds {tightest}, or set DMSEARCH_HOME or MEDIA_ROOT to a larger one."
    if free < DISK_FULL_BYTES:
        return fail(f"{free / 1e6:,.0f} MB free", remedy, **facts)
    return warn(summary, remedy, **facts) if free < DISK_LOW_BYTES else ok(summary, **facts)


def _existing(path: Path) -> Path:
    """Return `path` or the nearest folder above it that is there."""
    return next(place for place in (path, *path.absolute().parents) if place.exists())


register(
    Check(name="database", label="Database", run=check_database, order=1, vital=True),
    Check(name="pgvector", label="Vector extension", run=check_pgvector, order=2, needs=("database",)),
    Check(name="migrations", label="Migrations", run=check_migrations, order=3, needs=("database",)),
    Check(name="broker", label="Message broker", run=check_broker, order=4, vital=True),
    Check(name="disk", label="Disk", run=check_disk, order=5),
    Check(name="python", label="Python", run=check_python, order=6),
)
