"""What a browser does, no more: cookies, forms, and what it tells its user when something fails."""

from __future__ import annotations

import json
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.client import HTTPException
from http.cookiejar import CookieJar
from typing import Any
from urllib.error import URLError

from django.test.client import BOUNDARY, MULTIPART_CONTENT, encode_multipart

PATIENCE_S = 120.0
#: What a server says that is there and cannot answer now.
UNAVAILABLE = frozenset({502, 503})
_TOKEN = re.compile(r'name="csrfmiddlewaretoken" value="([^"]+)"')


class Told(Exception):
    """The request failed, and whoever sent it was told: a 503, a connection that broke."""


class Hung(Exception):
    """No answer at all came for so long that nobody would have waited: nobody was told."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    body: str

    def json(self) -> dict[str, Any]:
        return json.loads(self.body)


@dataclass(slots=True)
class Browser:
    url: str
    _jar: CookieJar = field(default_factory=CookieJar)

    def get(self, path: str, **query: str) -> Answer:
        question = f"?{urllib.parse.urlencode(query)}" if query else ""
        return self._send(self._request(path + question, headers={"Accept": "application/json"}))

    def post(self, path: str, fields: Mapping[str, object], *, form: str) -> Answer:
        """Send a form as the page at `form` would; return that page where it shows an error instead."""
        page = self._send(self._request(form))
        if page.status in UNAVAILABLE:
            raise Told(f"{form}: status {page.status}")
        token = _TOKEN.search(page.body)
        if token is None:
            return page
        body = encode_multipart(BOUNDARY, {**fields, "csrfmiddlewaretoken": token[1]})
        headers = {"Content-Type": MULTIPART_CONTENT, "Referer": f"{self.url}{form}"}
        # A form gets a page back, a script gets JSON: uploads are sent by one.
        if form != path:
            headers["Accept"] = "application/json"
        return self._send(self._request(path, headers=headers, data=body))

    def log_in(self, username: str, password: str) -> None:
        self.post("/login", {"username": username, "password": password}, form="/login")

    def _request(
        self, path: str, *, headers: dict[str, str] | None = None, data: bytes | None = None
    ) -> urllib.request.Request:
        return urllib.request.Request(f"{self.url}{path}", data=data, headers=headers or {})  # noqa: S310 - our own http

    def _send(self, request: urllib.request.Request) -> Answer:
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self._jar))
        try:
            with opener.open(request, timeout=PATIENCE_S) as response:
                return Answer(response.status, response.read().decode())
        except urllib.error.HTTPError as failure:
            return Answer(failure.code, failure.read().decode(errors="replace"))
        except TimeoutError as failure:
            raise Hung(f"no answer in {PATIENCE_S:g} s") from failure
        except (OSError, HTTPException) as failure:
            if isinstance(failure, URLError) and isinstance(failure.reason, TimeoutError):
                raise Hung(f"no connection in {PATIENCE_S:g} s") from failure
            raise Told(f"connection: {type(failure).__name__}") from failure
