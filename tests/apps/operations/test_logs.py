"""Log lines carry the id of their request, as text and as JSON, and the workers' lines too."""

import json
import logging
import logging.config

import pytest
from django.conf import settings
from django_guid import clear_guid, set_guid

from dmsearch.celery import app


def formatted(name, record):
    """Return `record` as the formatter `name` of the settings writes it."""
    configurator = logging.config.DictConfigurator(settings.LOGGING)
    for each in settings.LOGGING["filters"].values():
        configurator.configure_filter(dict(each)).filter(record)
    return configurator.configure_formatter(dict(settings.LOGGING["formatters"][name])).format(record)


@pytest.fixture
def record():
    return logging.LogRecord("apps.search", logging.WARNING, __file__, 1, "slow: %s ms", (900,), None)


@pytest.fixture
def request_id():
    set_guid("5f3759df00000001")
    yield "5f3759df00000001"
    clear_guid()


class TestLines:
    def test_carry_the_request_id(self, record, request_id):
        assert f"WARNING [{request_id}] apps.search: slow: 900 ms" in formatted("line", record)

    def test_are_objects_for_a_collector(self, record, request_id):
        told = json.loads(formatted("json", record))
        assert told["level"] == "WARNING"
        assert told["message"] == "slow: 900 ms"
        assert told["request_id"] == request_id

    def test_stand_without_one_outside_of_requests(self, record):
        assert json.loads(formatted("json", record))["request_id"] in (None, "-")


class TestRequestIds:
    def test_come_back_to_the_asker(self, client, db):
        assert client.get("/healthz").headers["X-Request-ID"]

    def test_are_taken_from_a_proxy_that_sends_one(self, client, db):
        sent = "0123456789abcdef0123456789abcdef"
        assert client.get("/healthz", headers={"X-Request-ID": sent}).headers["X-Request-ID"] == sent

    def test_are_ours_when_a_stranger_sends_rubbish(self, client, db):
        answered = client.get("/healthz", headers={"X-Request-ID": "x\ty"}).headers["X-Request-ID"]
        assert answered.isalnum()

    def test_travel_with_a_task(self, services, request_id):
        """The worker's side, which sets it before the task, is the library's; that it gets it is ours to see."""
        app.send_task("operations.nothing", queue="test-request-ids")
        with app.connection_for_read() as connection:
            message = connection.SimpleQueue("test-request-ids").get(timeout=5)
            message.ack()
        assert message.headers["X-Request-ID"] == request_id
