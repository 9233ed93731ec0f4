import json
from io import StringIO

import pytest
from django.core.management import call_command

from dmsearch import embedded
from tests.dmsearch.embedded.conftest import delete, make_home


def services(action: str, *options: str) -> str:
    output = StringIO()
    call_command("services", action, *options, stdout=output)
    return output.getvalue()


@pytest.fixture
def home(settings):
    settings.HOME = make_home()
    yield settings.HOME
    delete(settings.HOME)


class TestServices:
    def test_brings_servers_up_tells_about_them_and_takes_them_down(self, home):
        assert "started postgres\nstarted valkey\npostgres: up, pid " in services("up")
        assert "started" not in services("up")
        told = json.loads(services("status", "--json"))
        assert told["home"] == str(home.path)
        assert [server["reachable"] for server in told["servers"]] == [True, True]
        assert "stopped postgres\nstopped valkey\npostgres: down" in services("down")

    @pytest.mark.parametrize("action", ["up", "down", "status"])
    def test_touches_nothing_where_urls_are_set(self, home, settings, action):
        settings.EMBEDDED_POSTGRES = settings.EMBEDDED_VALKEY = False
        output = services(action)
        assert "DATABASE_URL is set" in output
        assert "REDIS_URL is set" in output
        assert not home.path.exists()

    def test_starts_the_one_without_a_url(self, home, settings):
        settings.EMBEDDED_POSTGRES = False
        assert "started valkey" in services("up")
        assert [server.name for server in embedded.status(home) if server.running] == ["valkey"]
