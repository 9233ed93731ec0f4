"""A language model behind an OpenAI-compatible chat endpoint, and answers of a checked form from it."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from typing import Any, Protocol, TypeVar

import httpx2
from pydantic import BaseModel, ValidationError
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt
from tenacity.wait import wait_random_exponential

from workers.refinement.budgets import Budget, Usage, tokens_in

Message = dict[str, str]
AnswerT = TypeVar("AnswerT", bound=BaseModel)

_TRY_AGAIN = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
_LONGEST_PAUSE_S = 300.0
_LONGEST_ANSWER_BYTES = 8 << 20
_REPAIR = (
    "That was not what was asked for: {complaint}. Answer again with one JSON object of the form described, "
    "and nothing before or after it."
)


class EndpointRefused(RuntimeError):
    """The server will never answer a request like this one: a wrong key, model or address."""


class EndpointBusy(Exception):
    """The server did not answer this time."""

    def __init__(self, message: str, *, pause_s: float | None = None) -> None:
        super().__init__(message)
        self.pause_s = pause_s  #: how long the server asked us to wait


class AnswerRejected(Exception):
    """The model answered, and the answer is of no use. The message is the reason that reports count."""


@dataclass(frozen=True, slots=True)
class Completion:
    text: str
    usage: Usage


class Generator(Protocol):
    def complete(self, messages: Sequence[Message], *, seed: int) -> Completion:
        """Return the model's answer, "" where it refused. Raises EndpointBusy, EndpointRefused or BudgetSpent."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class ChatSettings:
    url: str  #: up to the version: https://host/v1
    model: str
    api_key: str = field(default="", repr=False)
    temperature: float = 0.8
    most_tokens: int = 3_000  #: of one answer; two documents of 600 words take 1,700
    json_mode: bool = True  #: ask for `response_format`; a few servers do not know it
    timeout_s: float = 120.0  #: for the whole answer of one request
    attempts: int = 6
    pause_s: float = 1.0  #: first pause between attempts; it doubles, with a random share


class ChatEndpoint:
    """Safe to call from several threads."""

    def __init__(self, settings: ChatSettings, budget: Budget, *, connections: int = 8) -> None:
        self._settings = settings
        self._budget = budget
        key = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        limits = httpx2.Limits(max_connections=connections, max_keepalive_connections=connections)
        self._client = httpx2.Client(headers=key, timeout=settings.timeout_s, limits=limits)

    def complete(self, messages: Sequence[Message], *, seed: int) -> Completion:
        body = self._body(messages, seed)
        most = Usage(sum(tokens_in(message["content"]) for message in messages), self._settings.most_tokens)
        with self._budget.holding(most):
            completion = _completion(self._retrying()(self._post, body), most)
            self._budget.add(completion.usage)
        return completion

    def _body(self, messages: Sequence[Message], seed: int) -> dict[str, Any]:
        form = {"response_format": {"type": "json_object"}} if self._settings.json_mode else {}
        return {
            "model": self._settings.model,
            "messages": list(messages),
            "temperature": self._settings.temperature,
            "max_tokens": self._settings.most_tokens,
            "seed": seed,
            **form,
        }

    def _retrying(self) -> Retrying:
        return Retrying(
            retry=retry_if_exception_type(EndpointBusy),
            stop=stop_after_attempt(self._settings.attempts),
            wait=self._pause,
            reraise=True,
        )

    def _pause(self, state: RetryCallState) -> float:
        asked = getattr(state.outcome and state.outcome.exception(), "pause_s", None)
        backing_off = wait_random_exponential(multiplier=self._settings.pause_s, max=_LONGEST_PAUSE_S)(state)
        return backing_off if asked is None else min(asked, _LONGEST_PAUSE_S)

    def _post(self, body: dict[str, Any]) -> dict[str, Any]:
        try:
            with self._client.stream("POST", f"{self._settings.url.rstrip('/')}/chat/completions", json=body) as reply:
                content = self._read(reply)
        except (httpx2.TimeoutException, httpx2.TransportError) as error:
            raise EndpointBusy(f"no answer: {type(error).__name__} {error}".strip()) from error
        if reply.status_code in _TRY_AGAIN:
            raise EndpointBusy(f"the server answers {reply.status_code}", pause_s=_asked_pause(reply.headers))
        if reply.status_code != 200:
            told = content[:300].decode(errors="replace")
            raise EndpointRefused(f"{self._settings.url} answers {reply.status_code}: {told}")
        return _json_object(content)

    def _read(self, reply: httpx2.Response) -> bytes:
        """Return the body; a server that drips it slower than the timeout, or without end, is given up."""
        content = bytearray()
        ends_at = time.monotonic() + self._settings.timeout_s
        for part in reply.iter_bytes():
            content += part
            if time.monotonic() > ends_at or len(content) > _LONGEST_ANSWER_BYTES:
                raise EndpointBusy("an answer too slow or too long")
        return bytes(content)


def ask(generator: Generator, messages: Sequence[Message], answer: type[AnswerT], *, seed: int) -> AnswerT:
    """Return an answer of the form `answer`, with one chance for the model to put a malformed one right.

    Raises AnswerRejected where it does not. An object may come in a Markdown fence and have keys too many.
    """
    first = _text(generator, messages, seed)
    try:
        return answer.model_validate_json(_unfenced(first), strict=True)
    except ValidationError as error:
        complaint = _complaint(error)
    again = [*messages, {"role": "assistant", "content": first}]
    again.append({"role": "user", "content": _REPAIR.format(complaint=complaint)})
    try:
        return answer.model_validate_json(_unfenced(_text(generator, again, seed)), strict=True)
    except ValidationError as error:
        raise AnswerRejected(_complaint(error)) from error


def _text(generator: Generator, messages: Sequence[Message], seed: int) -> str:
    text = generator.complete(messages, seed=seed).text
    if not text:
        raise AnswerRejected("the model refused")
    return text


def _completion(reply: dict[str, Any], most: Usage) -> Completion:
    """Return what a reply says; "" where the model refused or the server filtered it."""
    message = reply["choices"][0].get("message") or {}
    text = "" if message.get("refusal") else message.get("content") or ""
    counted = reply.get("usage") or {}
    usage = Usage(
        int(counted.get("prompt_tokens") or most.prompt),
        int(counted.get("completion_tokens") or tokens_in(text)),
    )
    return Completion(text.strip(), usage)


class _Reply(BaseModel, extra="allow"):
    choices: list[dict[str, Any]]


def _json_object(content: bytes) -> dict[str, Any]:
    try:
        reply = _Reply.model_validate_json(content)
    except ValidationError as error:
        raise EndpointBusy("the server's answer is broken off or no chat completion") from error
    if not reply.choices:
        raise EndpointBusy("the server's answer has no choice in it")
    return reply.model_dump()


def _unfenced(text: str) -> str:
    if text.startswith("```"):
        return text.split("\n", 1)[-1].rsplit("```", 1)[0]
    return text


def _complaint(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    if first["type"] == "json_invalid":
        return "not a JSON object"
    place = ".".join(str(part) for part in first["loc"] if isinstance(part, str)) or "the object"
    return f"{place}: {first['msg']}"


def _asked_pause(headers: httpx2.Headers) -> float | None:
    """Return the seconds of Retry-After, which may be a number or a date."""
    asked = headers.get("retry-after", "").strip()
    if not asked:
        return None
    try:
        return max(0.0, float(asked))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(asked).timestamp() - time.time())
    except ValueError:
        return None
