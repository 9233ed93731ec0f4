import contextlib
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from workers.records import Passage


class ChatServer:
    """Speaks the chat protocol over HTTP, and misbehaves as told.

    `mischief` holds what the next requests get instead of an answer, first come first served:
    (status, body, headers), "hang" for none within the client's patience, or "drip" for one byte now and then.
    """

    def __init__(self):
        self.requests = []
        self.mischief = []
        self.answer = answer_as_asked
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}/v1"

    def close(self):
        self._closing.set()
        self._server.shutdown()
        self._server.server_close()

    def reply_to(self, request):
        """Return status, body and headers; None to hang."""
        with self._lock:
            self.requests.append(request)
            trouble = self.mischief.pop(0) if self.mischief else None
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            if trouble == "hang":
                self._closing.wait(5)
                return None
            if trouble == "drip":
                return trouble
            return trouble or (200, completion(self.answer(request)), {})
        finally:
            with self._lock:
                self._at_once -= 1

    def _handler(self):
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                reply = server.reply_to({"path": self.path, "key": self.headers.get("Authorization"), **body})
                if reply is None:
                    self.close_connection = True
                    return
                if reply == "drip":
                    self.drip()
                    return
                status, content, headers = reply
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(content.encode())))
                self.end_headers()
                self.wfile.write(content.encode())

            def drip(self):
                self.close_connection = True
                self.send_response(200)
                self.send_header("Content-Length", "1000")
                self.end_headers()
                with contextlib.suppress(ConnectionError):  # the client gives up
                    while not server._closing.wait(0.05):
                        self.wfile.write(b" ")

            def log_message(self, *_):
                """Keep quiet."""

        return Handler


def completion(text, *, refusal=None, prompt=100, written=20):
    message = {"role": "assistant", "content": text, "refusal": refusal}
    usage = {"prompt_tokens": prompt, "completion_tokens": written}
    return json.dumps({"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage})


def answer_as_asked(request):
    """Do what the prompts ask for: a task where a task is asked for, else an example unlike all others."""
    asked = request["messages"][-1]["content"]
    if "Propose one such retrieval task" in asked:
        return json.dumps({"usable": True, "task": "Find out which levee failed."})
    seed = request["seed"]
    fields = {"query": f"Which levee failed in flood {seed}?"}
    if '"positive"' in asked:
        fields["positive"] = f"In flood {seed} the north levee failed."
    if '"contradiction"' in asked:
        fields |= {"contradiction": f"No levee failed in {seed}.", "neutral": f"It rained in {seed}."}
    else:
        fields["negatives"] = [f"Levees of flood {seed} are inspected in spring."]
    return json.dumps(fields)


@pytest.fixture
def chat():
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture
def write(tmp_path):
    """Write a file under the test's folder: text as it is, a list of records as JSON lines."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, str):
            content = "".join(json.dumps(record) + "\n" for record in content)
        path.write_text(content)
        return path

    return write


@pytest.fixture
def passages():
    return [Passage(id=f"p{number}", text=f"Levee {number} failed. {LONG}") for number in range(6)]


LONG = (
    "The water rose through the night and people were brought to the school on the hill by boats and buses until dawn."
)


def lines(path):
    return [json.loads(line) for line in path.read_text().splitlines()]


def wait_until(condition, *, seconds=15):
    ends_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen"
        time.sleep(0.02)
