import pytest
from django.db import OperationalError
from django.urls import reverse

from apps.pages import health
from apps.pages.health import Check, State, fail, ok, register, run_checks, warn, worst
from tests.factories import UserFactory


@pytest.fixture
def checks(monkeypatch):
    """The registry, empty; what is registered in the test is forgotten after it."""
    known = {}
    monkeypatch.setattr(health, "_checks", known)
    return known


def check(name, run, **about):
    return Check(name=name, label=name.title(), run=run, **{"order": 1, **about})


class TestRunChecks:
    def test_goes_in_order(self, checks):
        register(
            check("late", lambda: ok("fine"), order=9),
            check("b", lambda: ok("fine")),
            check("a", lambda: ok("fine")),
        )
        assert [result.check.name for result in run_checks()] == ["a", "b", "late"]

    def test_does_not_ask_a_server_that_is_away_a_second_time(self, checks):
        asked = []
        register(
            check("database", lambda: fail("away", "start it")),
            check("index", lambda: asked.append(1) or ok("fine"), order=2, needs=("database",)),
        )
        index = run_checks()[1].finding
        assert (asked, index.state, index.remedy) == ([], State.FAIL, "Mend “Database” first.")

    def test_goes_on_after_a_check_that_raises(self, checks, caplog):
        def broken():
            raise ValueError("no such thing\nand more")

        register(check("broken", broken), check("fine", lambda: ok("fine"), order=2))
        first, second = run_checks()
        assert first.finding.summary == "ValueError: no such thing"
        assert second.finding.state == State.OK
        assert "Traceback" in caplog.text

    def test_says_which_server_is_away_without_a_traceback(self, checks, caplog):
        def away():
            raise OperationalError("connection refused")

        register(check("rows", away))
        assert run_checks()[0].finding.summary == "the database does not answer"
        assert "Traceback" not in caplog.text

    def test_asks_only_the_vital_ones_when_told(self, checks):
        register(check("vital", lambda: ok("fine"), vital=True), check("other", lambda: ok("fine")))
        assert [result.check.name for result in run_checks(vital_only=True)] == ["vital"]

    def test_the_worst_counts(self, checks):
        register(check("a", lambda: ok("fine")))
        assert worst(run_checks()) == State.OK
        register(check("b", lambda: warn("hm", "look")))
        assert worst(run_checks()) == State.WARN
        register(check("c", lambda: fail("no", "mend")))
        assert worst(run_checks()) == State.FAIL


class TestHealthz:
    def test_answers_whatever_is_away(self, client, monkeypatch, checks):
        register(check("database", lambda: fail("away", "start it"), vital=True))
        response = client.get(reverse("healthz"))
        assert (response.status_code, response.json()) == (200, {"status": "ok"})

    @pytest.mark.django_db
    def test_costs_no_query(self, client, django_assert_num_queries):
        with django_assert_num_queries(0):
            client.get(reverse("healthz"))


class TestReadyz:
    def test_is_503_while_something_vital_fails(self, client, checks):
        register(
            check("database", lambda: ok("PostgreSQL 18.6"), vital=True),
            check("index", lambda: fail("none", "make one"), vital=True),
        )
        response = client.get(reverse("readyz"))
        assert response.status_code == 503
        assert response.json() == {"status": "not ready", "checks": {"database": "ok", "index": "fail"}}

    def test_tells_strangers_no_versions(self, client, checks):
        register(check("database", lambda: ok("PostgreSQL 18.6", version="18.6"), vital=True))
        assert "18.6" not in client.get(reverse("readyz")).text

    @pytest.mark.django_db
    def test_is_200_with_database_broker_and_live_index(self, client, services, index):
        response = client.get(reverse("readyz"))
        assert response.json()["checks"] == {"database": "ok", "broker": "ok", "live_index": "ok"}
        assert response.status_code == 200

    @pytest.mark.django_db
    def test_is_503_without_an_index(self, client, services):
        response = client.get(reverse("readyz"))
        assert (response.status_code, response.json()["checks"]["live_index"]) == (503, "fail")


@pytest.mark.django_db
class TestStatusPage:
    url = "/status/"

    def test_shows_every_check_with_what_it_saw(self, client, checks):
        client.force_login(UserFactory())
        register(check("disk", lambda: ok("81 GB free")))
        page = client.get(self.url).text
        assert "81 GB free" in page
        assert "All is well." in page

    @pytest.mark.parametrize(("who", "shown"), [({"admin": True}, True), ({}, False)])
    def test_tells_admins_how_to_mend(self, client, checks, who, shown):
        client.force_login(UserFactory(**who))
        register(check("disk", lambda: fail("full", "Run `make room`.")))
        assert ("Run <code>make room</code>." in client.get(self.url).text) is shown

    def test_is_never_kept_by_a_cache(self, client, checks):
        client.force_login(UserFactory())
        assert "no-store" in client.get(self.url)["Cache-Control"]

    def test_gives_htmx_the_table_alone(self, client, checks):
        client.force_login(UserFactory())
        response = client.get(self.url, headers={"HX-Request": "true", "HX-Target": "checks"})
        assert response.text.lstrip().startswith('<section id="checks"')

    def test_is_not_for_strangers(self, client):
        assert client.get(self.url).status_code == 302

    def test_shows_all_real_checks(self, client, services, index):
        client.force_login(UserFactory(admin=True))
        results = {result.check.name: result.finding for result in client.get(self.url).context["results"]}
        assert {"database", "pgvector", "migrations", "broker", "disk", "model", "live_index"} <= set(results)
        assert {"queue_query", "queue_embed", "queue_ingest", "queue_maintenance"} <= set(results)
        assert results["live_index"].state == State.OK
        assert results["queue_query"].state == State.FAIL
        assert "words alone" in results["queue_query"].summary
