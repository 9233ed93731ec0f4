import json
import logging
import os
import subprocess
import sys

import psycopg
import pytest
import redis
from django.conf import settings
from django.db import InterfaceError, OperationalError, ProgrammingError, connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.urls import reverse
from kombu.exceptions import OperationalError as BrokerError

from apps.pages import views
from apps.pages.outages import BROKER, DATABASE, OneLine, not_ready, outage
from tests.factories import UserFactory


def raised(failure, cause=None):
    """Return `failure` as Django raises it: caused by the driver's own."""
    failure.__cause__ = cause
    return failure


class TestOutage:
    @pytest.mark.parametrize(
        "failure",
        [
            raised(OperationalError("connection refused"), psycopg.OperationalError("connection refused")),
            raised(OperationalError("shutting down"), psycopg.errors.AdminShutdown()),
            raised(OperationalError("starting up"), psycopg.errors.CannotConnectNow()),
            raised(OperationalError("full"), psycopg.errors.TooManyConnections()),
            InterfaceError("connection already closed"),
            raised(ValueError("while saving"), OperationalError("gone")),
        ],
    )
    def test_knows_a_database_that_is_away(self, failure):
        assert outage(failure) == DATABASE

    @pytest.mark.parametrize(
        "failure", [redis.ConnectionError("refused"), redis.TimeoutError(), redis.BusyLoadingError(), BrokerError()]
    )
    def test_knows_a_broker_that_is_away(self, failure):
        assert outage(failure) == BROKER

    @pytest.mark.parametrize(
        "failure",
        [
            raised(OperationalError("timeout"), psycopg.errors.QueryCanceled()),
            raised(OperationalError("deadlock"), psycopg.errors.DeadlockDetected()),
            ValueError("ours"),
            None,
        ],
    )
    def test_is_not_what_one_request_did_wrong(self, failure):
        assert outage(failure) is None


@pytest.fixture
def failing(monkeypatch):
    """Make the help page raise what the test says."""

    def fail_with(failure):
        def view(request, *args, **kwargs):
            raise failure

        monkeypatch.setattr(views, "render_page", view)

    return fail_with


@pytest.fixture
def client(client):
    client.raise_request_exception = False  # what a browser would be told
    return client


@pytest.mark.django_db
class TestOutageMiddleware:
    url = "/help/"

    def test_tells_people_what_is_away_and_when_it_looks_again(self, client, failing):
        client.force_login(UserFactory())
        failing(OperationalError("connection refused"))
        response = client.get(self.url)
        assert (response.status_code, response["Retry-After"]) == (503, "5")
        assert "The database does not answer" in response.text
        assert '<meta http-equiv="refresh" content="5">' in response.text
        assert "no-store" in response["Cache-Control"]

    def test_does_not_reload_what_was_posted(self, client, monkeypatch):
        client.force_login(UserFactory())
        monkeypatch.setattr(BaseDatabaseWrapper, "cursor", _refused)
        response = client.post(reverse("password"), {"old_password": "x"})
        assert response.status_code == 503
        assert "http-equiv" not in response.text
        assert "try again in a moment" in response.text

    def test_gives_htmx_only_the_message(self, client, failing):
        client.force_login(UserFactory())
        failing(redis.ConnectionError("refused"))
        response = client.get(self.url, headers={"HX-Request": "true"})
        assert response.status_code == 503
        assert "The message broker does not answer" in response.text
        assert "<html" not in response.text

    def test_gives_programs_json(self, client, failing):
        client.force_login(UserFactory())
        failing(OperationalError("gone"))
        response = client.get(self.url, headers={"Accept": "application/json"})
        assert (response.status_code, json.loads(response.text)["error"]) == (503, "unavailable")

    def test_leaves_our_own_mistakes_a_500(self, client, failing):
        client.force_login(UserFactory())
        failing(ValueError("ours"))
        response = client.get(self.url)
        assert response.status_code == 500
        assert "Something broke on our side" in response.text

    def test_speaks_when_the_session_cannot_be_loaded(self, client, monkeypatch):
        client.force_login(UserFactory())
        monkeypatch.setattr(BaseDatabaseWrapper, "cursor", _refused)
        response = client.get(self.url)
        assert response.status_code == 503
        assert "The database does not answer" in response.text

    def test_leaves_an_answer_alone_when_all_is_well(self, client):
        client.force_login(UserFactory())
        assert client.get(self.url).status_code == 200


def _refused(*_args, **_kwargs):
    raise OperationalError("connection refused")


class TestOneLine:
    def log(self, failure):
        try:
            raise failure
        except type(failure):
            exc_info = sys.exc_info()
        record = logging.LogRecord("django.request", logging.ERROR, __file__, 1, "Error: %s", ("/help/",), exc_info)
        OneLine().filter(record)
        return logging.Formatter().format(record)

    def test_cuts_an_outage_to_one_line(self):
        written = self.log(OperationalError("refused\nIs the server running?"))
        assert written == "Error: /help/: the database does not answer (refused)"

    def test_keeps_the_traceback_of_our_own_mistakes(self):
        assert "Traceback" in self.log(ValueError("ours"))


class TestACommandBeforeTheFirstStart:
    def test_says_how_to_start(self, tmp_path):
        home = {"DMSEARCH_HOME": str(tmp_path), "DATABASE_URL": "", "REDIS_URL": ""}
        argv = [sys.executable, settings.BASE_DIR / "manage.py", "search", "levee"]
        run = subprocess.run(argv, env={**os.environ, **home}, capture_output=True, text=True, check=False)
        assert run.returncode == 1
        assert "Start it with `make run` first" in run.stderr
        assert "Traceback" not in run.stderr

    @pytest.mark.django_db
    def test_says_so_where_the_tables_are_missing(self):
        with pytest.raises(ProgrammingError) as missing, connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM corpora_nothing")
        assert not_ready(missing.value) == (
            "The database lacks a table. Start it with `make run` first: that starts the servers and makes the tables."
        )

    def test_shows_other_mistakes_whole(self):
        assert not not_ready(ValueError("broken"))
