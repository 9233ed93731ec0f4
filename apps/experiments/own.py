"""Measuring on the organisation's own judgments: every system that can answer now, with the rights of who asks."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from apps.experiments import evaluation_process as evaluator
from apps.experiments import recording
from apps.experiments.evaluation_process import Collection, EvaluationFailed
from apps.experiments.models import OwnMeasurement, Run
from apps.experiments.pipeline import write_run
from apps.feedback.collection import JudgedQuery, collect
from apps.feedback.exporting import write_beir
from apps.feedback.models import Judgment
from apps.indexing.models import VectorIndex
from apps.retrievers.family import UnknownRetriever
from apps.retrievers.intents import Intent
from apps.search import dense, services, wording
from apps.search.encoding import EncoderUnavailable, encode_query
from apps.search.outcome import Asked
from apps.search.scope import Scope
from dmsearch import advisory

if TYPE_CHECKING:
    from apps.accounts.models import User

DEPTH = 100
_ENCODING_S = 30.0  # nobody waits at a page

Ranking = Sequence[int]  # passages, best first
System = Mapping[str, str]
Tell = Callable[[int, int], None]


class NothingJudged(Exception):
    """There is no judgment to measure on; the message says what to do."""


def carry_out_waiting() -> None:
    """Carry out what waits, one at a time; tell of those whose worker was stopped that they are over.

    Asking twice does no harm, so `beat` asks again for what was asked while the broker was away.
    """
    with advisory.alone("dmsearch.measure_own") as alone:
        if not alone:
            return
        state = OwnMeasurement.State
        cut_off = OwnMeasurement.objects.filter(state=state.WORKING)  # else its worker would hold the lock
        cut_off.update(state=state.FAILED, reason="The worker was stopped in the middle of it. Measure again.")
        for measurement in OwnMeasurement.objects.filter(state=state.WAITING).order_by("pk"):
            carry_out(measurement)


def carry_out(measurement: OwnMeasurement) -> None:
    """Measure, and write down what came of it."""
    try:
        runs = measure(measurement.asked_by, tell=lambda done, total: measurement.advance(done, total=total))
    except (NothingJudged, EvaluationFailed, EncoderUnavailable, UnknownRetriever) as failure:
        measurement.end(OwnMeasurement.State.FAILED, str(failure))
    except Exception:
        measurement.end(OwnMeasurement.State.FAILED, "An unexpected error stopped it; the worker's log says which.")
        raise
    else:
        measurement.end(OwnMeasurement.State.DONE, digest=runs[0].digest)


def measure(user: User, *, tell: Tell) -> list[Run]:
    """Record a run of each system on the judgments that `user` may read."""
    judged = collect(Judgment.objects.readable_by(user), combine="majority", extent="judged")
    if not judged.qrels:
        raise NothingJudged("Nothing is judged yet that you may read. Judge a pool or grade results first.")
    systems = _systems()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / recording.OWN_JUDGMENTS
        write_beir(judged, folder)
        started = time.monotonic()
        rankings = [_answers(query, user=user, systems=systems) for query in _told(judged.queries, tell)]
        took_s = (time.monotonic() - started) / len(systems)
        return [
            _record(system, folder, _of_system(judged.queries, rankings, number), user=user, took_s=took_s)
            for number, (system, _) in enumerate(systems)
        ]


def _systems() -> list[tuple[System, VectorIndex | None]]:
    """Return the product as it answers, its arms, and the models of other complete indexes by themselves."""
    words = {"model": "words", "retrieval": "lexical", "search": "index"}
    live = VectorIndex.objects.live()
    if live is None:
        return [(words, None)]
    others = VectorIndex.objects.filter(status__in=(VectorIndex.Status.READY, VectorIndex.Status.STANDBY))
    both = _described(live) | {"retrieval": "hybrid", "fusion": "scores"} | _shares(live)
    return [(both, live), (_described(live), live), (words, None), *((_described(index), index) for index in others)]


def _described(index: VectorIndex) -> dict[str, str]:
    return {
        "model": index.retriever,
        "card": index.retriever,
        "revision": index.revision,
        "instructions": "on" if index.card.knows_intents else "off",
        "documents": "split",
        "retrieval": "dense",
        "search": "index",
    }


def _shares(index: VectorIndex) -> dict[str, str]:
    """Return the index's own shares of meaning, where it has some: with others it is another system."""
    told = ", ".join(f"{intent} {share}" for intent, share in sorted(index.dense_shares.items()))
    return {"shares": told} if told else {}


def _told(queries: Sequence[JudgedQuery], tell: Tell) -> Iterator[JudgedQuery]:
    for done, query in enumerate(queries):
        tell(done, len(queries))
        yield query
    tell(len(queries), len(queries))


def _answers(query: JudgedQuery, *, user: User, systems: Sequence[tuple[System, VectorIndex | None]]) -> list[Ranking]:
    """Return each system's ranking for the query, read as the intent that it was judged as."""
    intent = Intent(query.intent)
    worded = wording.read(query.text)
    corpora = tuple(corpus.pk for corpus in services.readable_corpora(user))
    scope = Scope(corpora=corpora, must=worded.must, must_not=worded.must_not)
    vectors = {
        index: encode_query(worded.text, intent, index=index, timeout=_ENCODING_S) for _, index in systems if index
    }
    asked = Asked(query=query.text, intent=intent, limit=2 * DEPTH)
    outcome = services.search(asked, user=user, is_live=False)
    if vectors and outcome.why_words:
        raise EncoderUnavailable(f"A query was answered by words alone: {outcome.why_words}.")
    by_words = sorted((hit for hit in outcome.hits if "words" in hit.ranks), key=lambda hit: hit.ranks["words"])
    rankings: list[Ranking] = []
    for system, index in systems:
        if system["retrieval"] == "hybrid":
            rankings.append([hit.passage_id for hit in outcome.hits])
        elif index is None:
            rankings.append([hit.passage_id for hit in by_words])
        else:
            found = dense.find(vectors[index], scope, index=index, limit=DEPTH)
            rankings.append([each.passage_id for each in found])
    return rankings


def _of_system(
    queries: Sequence[JudgedQuery], rankings: Sequence[Sequence[Ranking]], number: int
) -> Iterator[tuple[str, list[str]]]:
    for query, of_query in zip(queries, rankings, strict=True):
        yield query.id, list(map(str, of_query[number]))


def _record(
    system: System, folder: Path, rankings: Iterator[tuple[str, list[str]]], *, user: User, took_s: float
) -> Run:
    run = folder.parent / "rankings.run"
    write_run(run, rankings, tag="dmsearch")
    report = evaluator.score(Collection(folder=folder), run, system=dict(system), took_s=took_s)
    return recording.record(report, command="Quality: measured on own judgments", owner=user)
