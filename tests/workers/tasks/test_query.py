import threading
import time

import numpy as np
import pytest

from apps.indexing import services as indexing
from apps.retrievers.family import get_card
from apps.retrievers.intents import Intent
from apps.search import encoding
from workers.encoders.hashing import HashingEncoder
from workers.tasks import query


@pytest.fixture(autouse=True)
def empty_redis(services):
    encoding.connection().flushdb()


@pytest.fixture
def index(db, monkeypatch):
    monkeypatch.setattr(indexing.jobs, "request_embedding", lambda **_: None)
    return indexing.create_index(get_card("hashing"), revision="1")


class TestModelsInMemory:
    @pytest.fixture(autouse=True)
    def no_models(self, monkeypatch):
        monkeypatch.setattr(query, "_batchers", type(query._batchers)())
        monkeypatch.setattr(query, "_kept", set())

    def test_one_that_is_loaded_lets_no_search_of_another_wait(self, monkeypatch):
        live = query.batcher("hashing")
        is_loading, go_on = threading.Event(), threading.Event()

        def load(card, **_):
            is_loading.set()
            assert go_on.wait(20)
            return HashingEncoder(card)

        monkeypatch.setattr(query.get_encoder, "__wrapped__", load)
        loading = threading.Thread(target=query.batcher, args=["hashing-128"])
        loading.start()
        assert is_loading.wait(20)
        seen = []
        searching = threading.Thread(target=lambda: seen.append(query.batcher("hashing")), daemon=True)
        searching.start()
        searching.join(10)
        assert seen == [live]
        assert query.models_held() == {"hashing@1"}
        go_on.set()
        loading.join()
        assert query.models_held() == {"hashing@1", "hashing-128@1"}

    def test_one_is_loaded_once_however_many_ask(self, monkeypatch):
        loaded = []

        def load(card, **_):
            loaded.append(card.name)
            time.sleep(0.05)
            return HashingEncoder(card)

        monkeypatch.setattr(query.get_encoder, "__wrapped__", load)
        askers = [threading.Thread(target=query.batcher, args=["hashing"]) for _ in range(4)]
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        assert loaded == ["hashing"]

    def test_that_of_the_live_index_stays_whatever_else_is_asked_for(self):
        live = query.batcher("hashing")
        query.keep("hashing", "")
        for folder in ("one", "another", "a third"):
            query.batcher("hashing-128", folder)
        assert query.batcher("hashing") is live
        assert set(query._batchers) == {("hashing", ""), ("hashing-128", "a third")}


class TestEncodingAQuery:
    def test_the_answer_comes_back_on_the_list_that_was_named(self):
        query.encode_query(retriever="hashing", revision="1", text="which road is open", reply="dmsearch:reply:test")
        vector = np.frombuffer(encoding.connection().lpop("dmsearch:reply:test"), dtype="<f4")
        np.testing.assert_allclose(vector, HashingEncoder().encode(["which road is open"])[0])

    def test_an_answer_that_nobody_fetches_goes_away(self):
        query.encode_query(retriever="hashing", revision="1", text="which road is open", reply="dmsearch:reply:test")
        assert 0 < encoding.connection().ttl("dmsearch:reply:test") <= query.REPLY_S

    def test_a_worker_with_other_weights_does_not_answer(self):
        query.encode_query(retriever="hashing", revision="2", text="which road is open", reply="dmsearch:reply:test")
        assert not encoding.connection().exists("dmsearch:reply:test")

    def test_a_repeated_query_is_answered_from_the_cache(self, index, run_jobs):
        first = encoding.encode_query("which road is open", Intent.QA, index=index)
        second = encoding.encode_query("which road is open", Intent.QA, index=index)
        assert run_jobs == ["search.encode_query"]
        np.testing.assert_array_equal(first, second)

    def test_says_so_when_no_worker_answers_in_time(self, index, settings, monkeypatch):
        settings.QUERY_TIMEOUT_S = 0.1
        monkeypatch.setattr(encoding.jobs, "request_query_vector", lambda **_: None)
        with pytest.raises(encoding.EncoderUnavailable, match=r"did not answer in 0\.1 s"):
            encoding.encode_query("which road is open", Intent.QA, index=index)
