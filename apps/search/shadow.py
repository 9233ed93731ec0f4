"""Live searches on candidates too: asked for after the answer is ready, done by a worker, kept for comparison."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import date
from typing import Any

import numpy as np
from kombu.exceptions import OperationalError
from redis.exceptions import RedisError

from apps.indexing import shadowing
from apps.indexing.measured import ShadowedSearch
from apps.indexing.models import VectorIndex
from apps.indexing.switching import NotPossible
from apps.retrievers.intents import Intent
from apps.search import dense, jobs, readiness
from apps.search.area import Box
from apps.search.encoding import EncoderUnavailable, encode_query
from apps.search.scope import Scope

log = logging.getLogger(__name__)

# A worker that is busy for longer lets the searches of that time go: they are a sample.
EXPIRES_S = 60.0
# The candidate's model may have to be loaded first.
LOADING_S = 60.0
DEPTH = 100

_sender = ThreadPoolExecutor(1, thread_name_prefix="shadow")


def offer(text: str, intent: Intent, scope: Scope) -> None:
    """Ask that a search which was just answered be run on candidates too, if chance will have it.

    The answer waits for a look into Redis, no more; whatever fails here fails for the comparison alone.
    """
    try:
        chosen = shadowing.drawn()
    except RedisError as away:
        log.warning("Not shadowed: %s", away)
        return
    for index_id in chosen:
        _sender.submit(_send, index_id, {"text": text, "intent": str(intent), "scope": _as_json(scope)})


def run(index_id: int, search: Mapping[str, Any]) -> ShadowedSearch | None:
    """Search the live index and the candidate, and keep how alike they are; None when that is of no use any more."""
    candidate = VectorIndex.objects.filter(pk=index_id, shadow_share__gt=0).first()
    live = VectorIndex.objects.live()
    if candidate is None or live is None or candidate == live:
        return None
    text, intent, scope = search["text"], Intent(search["intent"]), _scope(search["scope"])
    try:
        live_vector = encode_query(text, intent, index=live, timeout=LOADING_S)
        started = time.perf_counter()
        vector = encode_query(text, intent, index=candidate, timeout=LOADING_S)
        encode_ms = (time.perf_counter() - started) * 1000
    except EncoderUnavailable as failure:
        log.warning("A search was not shadowed on index %s: %s", index_id, failure)
        return None
    pairs = [(live, live_vector), (candidate, vector)]
    random.shuffle(pairs)  # whoever comes second finds the passages' rows in memory
    found = {index.pk: _timed(of, scope, index) for index, of in pairs}
    (ours, live_ms), (theirs, candidate_ms) = found[live.pk], found[candidate.pk]
    return ShadowedSearch.objects.create(
        candidate=candidate,
        live=live,
        text=text,
        intent=str(intent),
        shared=len(ours & theirs),
        compared=max(len(ours), len(theirs)),
        encode_ms=encode_ms,
        live_ms=live_ms,
        candidate_ms=candidate_ms,
    )


def make_ready(index: VectorIndex) -> None:
    """See that all query workers have the model of `index` before searches need it; raise NotPossible when they cannot."""
    if not readiness.query_workers():
        return  # searches find words only as it is
    readiness.ask_for(index)
    try:
        encode_query(f"Are you there? {time.time_ns()}", Intent.QA, index=index, timeout=LOADING_S)
    except EncoderUnavailable as failure:
        raise NotPossible(
            f"Nothing was changed: no query worker could load {index.retriever} ({failure}). Searches would find "
            "words only. The log of the query worker says why."
        ) from failure
    if late := readiness.wait_for_all(index, patience_s=LOADING_S):
        names = ", ".join(f"process {worker.pid} on {worker.host}" for worker in late)
        raise NotPossible(
            f"Nothing was changed: {names} did not load {index.retriever} in {LOADING_S:.0f} s. Their searches would "
            "find words only. The log of the query worker says why; start it again if it hangs."
        )


def _send(index_id: int, search: dict[str, Any]) -> None:
    try:
        jobs.request_shadow(index_id=index_id, search=search, expires=EXPIRES_S)
    except OperationalError as away:
        log.warning("Not shadowed: %s", away)


def _timed(vector: np.ndarray, scope: Scope, index: VectorIndex) -> tuple[set[int], float]:
    started = time.perf_counter()
    found = dense.find(vector, scope, index=index, limit=DEPTH)
    return {each.passage_id for each in found[: shadowing.K]}, (time.perf_counter() - started) * 1000


def _as_json(scope: Scope) -> dict[str, Any]:
    fields = asdict(scope)
    return fields | {name: fields[name] and fields[name].isoformat() for name in ("since", "until")}


def _scope(fields: Mapping[str, Any]) -> Scope:
    """Read a scope again; what a newer or older sender names otherwise is left out."""
    known: dict[str, Any] = {name: fields[name] for name in Scope.__dataclass_fields__ if name in fields}
    for name, value in known.items():
        if isinstance(value, list):
            known[name] = tuple(value)
    for name in ("since", "until"):
        known[name] = date.fromisoformat(known[name]) if known.get(name) else None
    known["box"] = Box(**known["box"]) if known.get("box") else None
    return Scope(**known)
