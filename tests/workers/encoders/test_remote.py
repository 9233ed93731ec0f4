import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import numpy as np
import pytest

from apps.retrievers.checkpoints import get_checkpoint
from apps.retrievers.family import PACKAGED
from workers.encoders import get_encoder, remote
from workers.encoders.base import EncoderUnavailable
from workers.encoders.hashing import HashingEncoder
from workers.encoders.remote import RemoteEncoder


def vectors_of(texts, dim):
    """What the served model answers, three times too long so that somebody must scale it."""
    return (3 * HashingEncoder().encode(texts)[:, :dim]).tolist()


class Server:
    """A real HTTP server on this machine that speaks like TEI or like OpenAI."""

    def __init__(self, *, speaks, dim=384):
        self.speaks, self.dim = speaks, dim
        self.models = [PACKAGED.hub_id]
        self.busy_for = 0
        self.refuses_with = None
        self.asked = []
        handler = type("Handler", (_Handler,), {"server_state": self})
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        Thread(target=self._http.serve_forever, args=(0.01,), daemon=True).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()

    def answer(self, path, body, headers):
        self.asked.append((path, body, headers))
        if body and self.busy_for:
            self.busy_for -= 1
            return 429, {"error": "overloaded"}
        if body and self.refuses_with:
            return self.refuses_with, {"error": "no"}
        if self.speaks == "tei":
            return self._as_tei(path, body)
        return self._as_openai(path, body)

    def _as_tei(self, path, body):
        if path == "/info":
            return 200, {"model_id": PACKAGED.hub_id, "model_sha": "c0ffee", "max_input_length": 256}
        return 200, vectors_of(body["inputs"], self.dim)

    def _as_openai(self, path, body):
        if path == "/v1/models":
            return 200, {"data": [{"id": name} for name in self.models]}
        if path == "/v1/embeddings":
            rows = vectors_of(body["input"], self.dim)
            # Any order is allowed: the index says whose vector it is.
            return 200, {"data": [{"index": i, "embedding": row} for i, row in enumerate(rows)][::-1]}
        return 404, {"error": "no such path"}


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        self._answer(None)

    def do_POST(self):
        self._answer(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))

    def _answer(self, body):
        status, answer = self.server_state.answer(self.path, body, self.headers)
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Keep the test's output clean."""


@pytest.fixture(params=["tei", "openai"])
def server(request):
    server = Server(speaks=request.param)
    yield server
    server.close()


@pytest.fixture
def openai():
    server = Server(speaks="openai")
    yield server
    server.close()


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(remote, "_PAUSES_S", (0, 0, 0))


class TestRemoteEncoder:
    texts = [f"levee {number} failed" for number in range(100)]

    def test_gives_unit_vectors_in_the_order_of_the_texts(self, server):
        found = RemoteEncoder(PACKAGED, server.url).encode(self.texts)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, HashingEncoder().encode(self.texts), atol=1e-6)

    def test_is_what_a_url_as_backend_gives(self, server):
        encoder = get_encoder(PACKAGED, backend=f"{server.url}/v1/")
        assert encoder.encode(["flood"]).shape == (1, 384)
        assert encoder.backend == f"remote {server.url}/v1/"

    def test_no_texts_ask_for_nothing(self, server):
        encoder = RemoteEncoder(PACKAGED, server.url)
        asked = len(server.asked)
        assert encoder.encode([]).shape == (0, 384)
        assert len(server.asked) == asked

    def test_waits_for_a_busy_server(self, server):
        encoder = RemoteEncoder(PACKAGED, server.url)
        server.busy_for = 3
        assert encoder.encode(["flood"]).shape == (1, 384)

    def test_says_that_a_server_stays_busy(self, server):
        encoder = RemoteEncoder(PACKAGED, server.url)
        server.busy_for = 99
        with pytest.raises(EncoderUnavailable, match=r"429.*overloaded"):
            encoder.encode(["flood"])

    def test_an_error_of_the_server_is_not_tried_again(self, server):
        encoder = RemoteEncoder(PACKAGED, server.url)
        server.refuses_with = 400
        asked = len(server.asked)
        with pytest.raises(EncoderUnavailable, match="400"):
            encoder.encode(["flood"])
        assert len(server.asked) == asked + 1

    def test_sends_the_key_of_the_environment(self, server, monkeypatch):
        monkeypatch.setenv("ENCODER_API_KEY", "secret")
        RemoteEncoder(PACKAGED, server.url)
        assert {headers["Authorization"] for _, _, headers in server.asked} == {"Bearer secret"}

    def test_does_not_send_five_megabytes(self, server):
        encoder = RemoteEncoder(PACKAGED, server.url)
        encoder.encode(["a" * 5_000_000])
        _, body, _ = server.asked[-1]
        assert len(json.dumps(body)) < 10_000

    def test_sends_what_the_model_reads_and_no_more(self, server):
        encoder = RemoteEncoder(PACKAGED, server.url, checkpoint=get_checkpoint(PACKAGED))
        encoder.encode(["flood " * 900, "levee  failed", ""])
        _, body, _ = server.asked[-1]
        long, short, empty = body.get("inputs") or body["input"]
        assert len(long.split()) == PACKAGED.max_tokens - 2  # [CLS] and [SEP] are the server's to add
        assert (short, empty) == ("levee  failed", " ")

    def test_refuses_a_server_of_another_model(self):
        server = Server(speaks="tei", dim=100)
        try:
            with pytest.raises(EncoderUnavailable, match="which gives 100 dimensions; all-MiniLM-L6-v2 has 384"):
                RemoteEncoder(PACKAGED, server.url)
        finally:
            server.close()

    def test_refuses_a_server_that_lists_only_others(self, openai):
        openai.models = ["a", "b"]
        with pytest.raises(
            EncoderUnavailable, match="does not serve sentence-transformers/all-MiniLM-L6-v2; it has a, b"
        ):
            RemoteEncoder(PACKAGED, openai.url)

    def test_takes_the_only_model_whatever_it_is_called(self, openai):
        openai.models = ["/models/minilm"]
        assert RemoteEncoder(PACKAGED, openai.url).revision == "served-/models/minilm"

    def test_says_that_nobody_answers(self):
        with pytest.raises(EncoderUnavailable, match=r"No encoder answers at http://127\.0\.0\.1:9"):
            RemoteEncoder(PACKAGED, "http://127.0.0.1:9")


class TestRevision:
    def test_is_the_checkpoints_where_the_files_are_here_too(self, server):
        here = get_checkpoint(PACKAGED)
        assert RemoteEncoder(PACKAGED, server.url, checkpoint=here).revision == here.revision

    def test_is_else_the_commit_that_tei_serves(self):
        server = Server(speaks="tei")
        try:
            assert RemoteEncoder(PACKAGED, server.url).revision == "c0ffee"
        finally:
            server.close()
