"""Real PostgreSQL and Valkey for the run, thrown away after it; workers in process or for real."""

import os
import shutil

import hypothesis
import pytest

# A machine busy with other tests is slow, and no finding.
hypothesis.settings.register_profile("busy", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow])
hypothesis.settings.load_profile("busy")

#: Real processes and real time: once more before it counts as broken.
RETRIED = ("tests/flows/", "tests/browser/", "tests/dmsearch/", "tests/test_side_doors.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if any(part in item.path.as_posix() for part in RETRIED):
            item.add_marker(pytest.mark.flaky(reruns=1))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Name bytes by their argument: processes that collect the same tests must give them the same names."""
    return argname if isinstance(val, bytes) else None


def pytest_unconfigure() -> None:
    shutil.rmtree(os.environ["DMSEARCH_TEST_HOME"], ignore_errors=True)


@pytest.fixture(scope="session")
def services():
    """Embedded servers for this run; they die with it, even when it is killed."""
    from django.conf import settings

    from dmsearch import embedded

    postgres, valkey = settings.EMBEDDED_POSTGRES, settings.EMBEDDED_VALKEY
    embedded.up(settings.HOME, postgres=postgres, valkey=valkey, die_with_parent=True, durable=False)
    yield settings.HOME
    embedded.remove(settings.HOME)


@pytest.fixture(scope="session")
def django_db_modify_db_settings(services):
    """The server must stand before pytest-django makes its test database."""


@pytest.fixture(scope="session")
def django_db_keepdb():
    """The test database goes with its server: to be dropped by itself, no thread may have a connection left."""
    from django.conf import settings

    return settings.EMBEDDED_POSTGRES


@pytest.fixture(autouse=True)
def media_root(settings, tmp_path):
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def index(db):
    """A live index of the hashing stand-in."""
    from apps.indexing import services as indexing
    from apps.retrievers.family import get_card

    return indexing.create_index(get_card("hashing"), revision="1")


@pytest.fixture
def lost_model(index):
    """The live index is of a model of one's own, whose folder is gone."""
    index.retriever, index.checkpoint = "ours", "/no/such/folder/ours"
    index.save()
    return index


@pytest.fixture
def nobody_heard_from(services):
    """No worker beats or owes an answer; what the test lets beat and ask is not waited for by the next one."""
    _forget_workers()
    yield
    _forget_workers()


def _forget_workers():
    from apps.pages.queues import redis_connection

    connection = redis_connection()
    calls = [key for pattern in ("dmsearch:called:*", "dmsearch:answered:*") for key in connection.scan_iter(pattern)]
    connection.delete("dmsearch:workers", *calls)


@pytest.fixture
def run_jobs(services, monkeypatch):
    """Run what the web asks of the workers at once, in this process, by its name; collects the names.

    Work is asked on commit: in a test inside a transaction, wrap the asking in
    `django_capture_on_commit_callbacks(execute=True)`.
    """
    from workers.app import app

    app.loader.import_default_modules()
    sent: list[str] = []

    def send_task(self, name, args=(), kwargs=None, **_options):
        sent.append(name)
        return app.tasks[name].apply(args=args, kwargs=kwargs or {}, throw=True)

    monkeypatch.setattr(type(app), "send_task", send_task)
    return sent
