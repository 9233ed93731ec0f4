"""Uploads and searches as people send them, each remembered until the audit."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from django.core.files.base import ContentFile

from apps.operations.soak.browser import UNAVAILABLE, Answer, Browser, Hung, Told

CORPUS = "soak"
ROWS = 40
# A corrupt file among them: it must fail with a reason, and hold nobody up.
EVERY_SO_MANY_BROKEN = 10
_QUESTIONS = (
    "where is the water rising",
    "Which roads are closed near the gauge?",
    "people who need a boat",
    "The dam has failed.",
    "shelter capacity",
)


def word_of(upload: int, row: int) -> str:
    """Return the one word that only this row has: a search for it must find the row."""
    return f"soak{upload:05d}row{row:03d}"


def tweets(upload: int) -> bytes:
    lines = (
        {
            "id": word_of(upload, row),
            "text": f"Water at gauge {word_of(upload, row)} rises, the road to shelter {row} is closed.",
            "created_at": "2026-04-12T06:00:00Z",
        }
        for row in range(ROWS)
    )
    return "".join(json.dumps(line) + "\n" for line in lines).encode()


@dataclass(slots=True)
class Tally:
    """What happened so far; several threads write."""

    accepted: list[int] = field(default_factory=list)  #: numbers of uploads that the web took
    broken: int = 0  #: corrupt files it took
    readable: list[int] = field(default_factory=list)  #: uploads whose reading has ended: searches must find them
    uploads_told: Counter[str] = field(default_factory=Counter)
    searches: Counter[str] = field(default_factory=Counter)  #: by mode, or by what the asker was told
    took_ms: list[float] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)  #: failures that nobody was told of
    lock: threading.Lock = field(default_factory=threading.Lock)


def upload_until(stop: threading.Event, browser: Browser, tally: Tally, *, pause_s: float) -> None:
    """Upload file after file; one that was not taken is sent again, as a person would."""
    number = 0
    while not stop.is_set():
        broken = number % EVERY_SO_MANY_BROKEN == EVERY_SO_MANY_BROKEN - 1
        while not stop.is_set() and not _upload(browser, tally, number, broken=broken):
            stop.wait(1)
        number += 1
        stop.wait(pause_s)


def _upload(browser: Browser, tally: Tally, number: int, *, broken: bool) -> bool:
    name = f"broken-{number:05d}.pdf" if broken else f"tweets-{number:05d}.jsonl"
    content = b"%PDF-1.7 cut short" + str(number).encode() if broken else tweets(number)
    fields: dict[str, object] = {"files": ContentFile(content, name=name), "kind": "tweet"}
    try:
        answer = browser.post(f"/corpora/{CORPUS}/upload", fields, form=f"/corpora/{CORPUS}/")
    except Told as told:
        tally.uploads_told[str(told)] += 1
        return False
    except Hung as hung:
        tally.untold.append(f"upload {name}: {hung}")
        return False
    if answer.status == 201:
        if broken:
            tally.broken += 1
        else:
            tally.accepted.append(number)
        return True
    if answer.status in UNAVAILABLE:
        tally.uploads_told[f"status {answer.status}"] += 1
    else:
        tally.untold.append(f"upload {name}: status {answer.status}: {answer.body[:200]}")
    return False


def search_until(stop: threading.Event, browser: Browser, tally: Tally, *, seed: int) -> None:
    """Search on and on: half of the searches for a row that must be found."""
    chance = random.Random(seed)  # noqa: S311 - which query comes next is no secret
    while not stop.is_set():
        with tally.lock:
            known = chance.choice(tally.readable) if tally.readable and chance.random() < 0.5 else None
        wanted = word_of(known, chance.randrange(ROWS)) if known is not None else ""
        query = wanted or chance.choice(_QUESTIONS)
        started = time.perf_counter()
        verdict = search(browser, query, wanted=wanted)
        with tally.lock:
            tally.took_ms.append((time.perf_counter() - started) * 1000)
            tally.searches[verdict.kind] += 1
            if verdict.untold:
                tally.untold.append(f"search {query!r}: {verdict.untold}")
        stop.wait(chance.uniform(0.05, 0.4))


@dataclass(frozen=True, slots=True)
class Verdict:
    kind: str
    untold: str = ""


def search(browser: Browser, query: str, *, wanted: str = "") -> Verdict:
    try:
        answer = browser.get("/search.json", q=query)
    except Told as told:
        return Verdict(str(told))
    except Hung as hung:
        return Verdict("no answer", untold=str(hung))
    return judge(answer, wanted=wanted)


def judge(answer: Answer, *, wanted: str) -> Verdict:
    """Say what an answer was: a mode of search, something the asker was told, or a failure nobody was told of."""
    if answer.status in UNAVAILABLE:
        return Verdict(f"status {answer.status}")
    if answer.status != 200:
        return Verdict(f"status {answer.status}", untold=f"status {answer.status}: {answer.body[:200]}")
    found = answer.json()
    if wanted and wanted not in {hit["external_id"] for hit in found["results"]}:
        return Verdict("missed", untold=f"{wanted} was read, and is not found ({found['mode']})")
    return Verdict(str(found["mode"]))


def note_what_is_readable(tally: Tally, ask: Callable[..., list[tuple[object, ...]]]) -> None:
    """Learn which uploads have been read to their end."""
    rows = ask("SELECT name FROM ingestion_jobitem WHERE state = 'DONE' AND name LIKE 'tweets-%%'")
    numbers = sorted({int(str(name).removeprefix("tweets-").removesuffix(".jsonl")) for (name,) in rows})
    with tally.lock:
        tally.readable = numbers
