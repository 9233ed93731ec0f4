"""A query worker's models: loaded before they are asked for, never more than memory is to hold."""

import pytest

from apps.indexing import services
from apps.pages.queues import Heartbeat
from apps.retrievers.family import get_card
from apps.search import readiness
from workers.tasks import query
from workers.tasks.warming import Warmer

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def no_models(monkeypatch, services):
    monkeypatch.setattr(query, "_batchers", type(query._batchers)())
    monkeypatch.setattr(query, "_kept", set())
    readiness.redis_connection().flushdb()


@pytest.fixture
def index(no_models, monkeypatch):
    monkeypatch.setattr(services.jobs, "request_embedding", lambda **_: None)
    return services.create_index(get_card("hashing"), revision="1")


@pytest.fixture
def candidate(index):
    return services.create_index(get_card("hashing-128"), revision="1", making=services.Making(goes_live=False))


class TestLooking:
    def test_loads_the_live_model_and_tells_so(self, index, monkeypatch):
        Warmer().look()
        assert query.models_held() == {"hashing@1"}
        held = {
            key: readiness.redis_connection().get(key) for key in readiness.redis_connection().keys("dmsearch:models:*")
        }
        assert list(held.values()) == [b'["hashing@1"]']

    def test_loads_what_a_switch_waits_for(self, index, candidate):
        warmer = Warmer()
        warmer.look()
        readiness.ask_for(candidate)
        warmer.look()
        assert query.models_held() == {"hashing@1", "hashing-128@1"}

    def test_leaves_a_model_in_use_for_the_one_that_was_there_before(self, index, candidate):
        services.go_live(candidate)
        query.batcher("hashing-128")
        query.batcher("hashing", "elsewhere")  # of a shadowed candidate
        Warmer().look()
        assert not query.has_room()
        assert ("hashing", "") not in query._batchers

    def test_keeps_the_live_model_when_two_candidates_are_asked_for(self, index):
        Warmer().look()
        live = query.batcher("hashing")
        for folder in ("one", "another"):
            query.batcher("hashing-128", folder)
        assert query.batcher("hashing") is live

    def test_a_model_that_is_not_there_stops_nothing_and_is_tried_again_later(self, index, monkeypatch, caplog):
        tried = []

        def missing(*model):
            tried.append(model)
            raise OSError("no such file")

        monkeypatch.setattr(query, "batcher", missing)
        warmer = Warmer()
        warmer.look()
        warmer.look()
        assert len(tried) == 1
        assert "no such file" in caplog.text

    def test_neither_does_one_whose_folder_is_gone(self, lost_model, caplog):
        Warmer().look()
        assert "ours cannot be loaded here: No retriever is called 'ours'" in caplog.text


class TestLacking:
    def test_names_the_workers_that_have_it_not(self, index, monkeypatch):
        workers = [Heartbeat(host="a", pid=pid, queues=("query",), busy=0, quiet_s=0) for pid in (1, 2)]
        monkeypatch.setattr(readiness, "workers_heard_from", lambda: workers)
        readiness.tell(["hashing@1"], host="a", pid=1)
        assert readiness.lacking(index) == [workers[1]]
