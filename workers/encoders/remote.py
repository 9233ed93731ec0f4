"""A model that somebody already serves: Text Embeddings Inference, vLLM, or any OpenAI-like server."""

import json
import os
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import numpy as np

from apps.retrievers.card import RetrieverCard
from apps.retrievers.checkpoints import Checkpoint
from workers.encoders.base import EncoderUnavailable, Vectors, unit_length
from workers.encoders.tokenizing import TextTokenizer

_BATCH, _REQUESTS_AT_ONCE = 32, 4
_TIMEOUT_S = 60
_BUSY = {429, 502, 503, 504}
_PAUSES_S = (0.2, 0.8, 3.2)
#: Where the tokenizer is not here to say how much of a text the model reads, this is sent and no more.
_CHARACTERS_A_TOKEN = 20


class RemoteEncoder:
    """Sends texts to a server. Its prompts are still the card's: the server is to add none.

    The server is asked once what it is: TEI tells its model and commit at /info and cuts long texts
    itself; any other is taken to speak OpenAI's /v1/embeddings, and may refuse long texts: they are cut
    here, by the checkpoint's tokenizer where it is on this machine. $ENCODER_API_KEY is sent if set.
    """

    def __init__(self, card: RetrieverCard, url: str, *, checkpoint: Checkpoint | None = None) -> None:
        self.card = card
        self.backend = f"remote {url}"
        self._url = url.rstrip("/").removesuffix("/embeddings").removesuffix("/v1").removesuffix("/embed")
        self._tokenizer = TextTokenizer(card, checkpoint.path) if checkpoint else None
        self._tei = self._ask_tei()
        self._model = self._tei.get("model_id") or self._served_model()
        self.revision = checkpoint.revision if checkpoint else self._tei.get("model_sha") or f"served-{self._model}"
        self._check()

    def encode(self, texts: Sequence[str]) -> Vectors:
        if not texts:
            return np.empty((0, self.card.dim), dtype=np.float32)
        batches = [texts[start : start + _BATCH] for start in range(0, len(texts), _BATCH)]
        with ThreadPoolExecutor(_REQUESTS_AT_ONCE) as pool:
            return unit_length(np.concatenate(list(pool.map(self._vectors, batches))))

    def _vectors(self, texts: Sequence[str]) -> Vectors:
        cut = [text or " " for text in self._cut(texts)]  # servers refuse an empty text
        if self._tei:
            rows = self._post("/embed", {"inputs": cut, "truncate": True, "normalize": True})
        else:
            found = self._post("/v1/embeddings", {"model": self._model, "input": cut, "encoding_format": "float"})
            rows = [item["embedding"] for item in sorted(found["data"], key=lambda item: item["index"])]
        return np.asarray(rows, dtype=np.float32).reshape(len(texts), -1)

    def _cut(self, texts: Sequence[str]) -> list[str]:
        if self._tokenizer is not None:
            return self._tokenizer.cut(texts)
        return [text[: self.card.max_tokens * _CHARACTERS_A_TOKEN] for text in texts]

    def _check(self) -> None:
        """Refuse a server whose vectors are not this model's size."""
        dim = self._vectors(["flood"]).shape[1]
        if dim != self.card.dim:
            raise EncoderUnavailable(
                f"{self._url} serves {self._model}, which gives {dim} dimensions; {self.card.name} has {self.card.dim}."
            )

    def _ask_tei(self) -> dict[str, Any]:
        """Return what TEI tells of itself, or nothing where the server is another."""
        try:
            found: dict[str, Any] = self._send("/info")
        except _Refused:
            return {}
        return found if "model_id" in found else {}

    def _served_model(self) -> str:
        """Return the id of the model to ask for: the card's if the server lists it, else its only one."""
        listed = [item["id"] for item in self._send("/v1/models")["data"]]
        wanted = (self.card.hub_id, self.card.name)
        chosen = next((name for name in listed if name in wanted), listed[0] if len(listed) == 1 else None)
        if chosen is None:
            raise EncoderUnavailable(f"{self._url} does not serve {self.card.hub_id}; it has {', '.join(listed)}.")
        return str(chosen)

    def _post(self, path: str, body: dict[str, Any]) -> Any:
        """Send `body`, waiting a little longer each time while the server is busy."""
        data = json.dumps(body).encode()
        for pause_s in _PAUSES_S:
            try:
                return self._send(path, data)
            except _Refused as refusal:
                if refusal.code not in _BUSY:
                    raise
            time.sleep(pause_s)
        return self._send(path, data)

    def _send(self, path: str, body: bytes | None = None) -> Any:
        headers = {"Content-Type": "application/json"}
        if key := os.environ.get("ENCODER_API_KEY"):
            headers["Authorization"] = f"Bearer {key}"
        # get_encoder lets only http and https through
        request = Request(f"{self._url}{path}", data=body, headers=headers)  # noqa: S310
        try:
            with urlopen(request, timeout=_TIMEOUT_S) as answer:  # noqa: S310
                return json.load(answer)
        except HTTPError as error:
            raise _Refused(f"{self._url}{path}: {error} {error.read(500).decode()}", code=error.code) from error
        except (URLError, TimeoutError, HTTPException, ValueError) as error:
            raise EncoderUnavailable(f"No encoder answers at {self._url}: {error}") from error


class _Refused(EncoderUnavailable):
    """The server answered, and the answer was an error."""

    def __init__(self, message: str, *, code: int) -> None:
        super().__init__(message)
        self.code = code
