"""bench index: loading, building and searching very many vectors, and the same in what people would take instead."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from argparse import ArgumentParser
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from django.conf import settings
from django.db import connection, transaction

from apps.corpora.models import Corpus, Document, Kind
from apps.indexing import ann, services
from apps.indexing.models import VectorIndex
from apps.retrievers.family import HASHING
from apps.search import dense
from apps.search.benchmark import cloud, gathering, material, measuring, serving
from apps.search.benchmark.cloud import Cloud
from apps.search.benchmark.memory import Peak, cpu_seconds, shared_out
from apps.search.benchmark.options import Say
from apps.search.benchmark.peers import PEERS, seconds, timed
from apps.search.retrieving import DEPTH
from apps.search.scope import Scope

# The others must find as much as we do, but for what may be chance.
_CHANCE = 0.002
_STORE_BATCH = 5_000
_EFFORTS = (100, 200, 400, 800)


@dataclass(frozen=True, kw_only=True, slots=True)
class Figures:
    """One system; sizes in MB, searches in ms; `few_`: of the searches among one passage in a hundred."""

    system: str
    passages: int
    dim: int
    load_s: float
    build_s: float
    build_cpu_s: int  #: on a machine that does other things too, this is what compares
    memory_mb: int
    size_mb: int
    effort: int  #: ef_search or what the system has for it: the least that finds as much
    recall: float
    p50_ms: float
    p95_ms: float
    few_effort: int
    few_recall: float
    few_p50_ms: float
    few_p95_ms: float


class PeerFailed(Exception):
    """A peer could not be measured; the message has its last words."""


def add_options(parser: ArgumentParser) -> None:
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--recall", type=float, default=0.9, help="choose the least ef_search that reaches it")
    parser.add_argument("--peers", default="", help=f"with commas between them: {', '.join(PEERS)}")


def measure(
    *, passages: int, dim: int, queries: int, recall: float, peers: str, say: Say, **_: Any
) -> Iterator[Figures]:
    with serving.servers(), tempfile.TemporaryDirectory(prefix="dmsearch-bench-") as name:
        folder = Path(name)
        with serving.throw_away_database():
            sentences = _sentences(services.ensure_index(), dim, say=say)
        say(f"making {passages:,} vectors of {dim:,} dimensions")
        made = gathering.make(sentences, folder, count=passages, queries=queries)
        with serving.throw_away_database():
            ours = _measure_ours(made, wanted=recall, say=say)
        yield ours
        for peer in filter(None, peers.split(",")):
            say(f"measuring {peer} at a recall of {ours.recall}")
            yield _measure_peer(peer, made, wanted=ours.recall - _CHANCE)


def table(figures: Sequence[Figures]) -> Iterator[str]:
    yield f"{measuring.machine()}; {figures[0].passages:,} vectors of {figures[0].dim:,} dimensions; searches one by one"
    yield ""
    yield "| system | load | build (processor) | memory | disk | recall@10 | p50 / p95 | 1 %: recall@10 | 1 %: p50 / p95 |"
    yield "|---|---|---|---|---|---|---|---|---|"
    for row in figures:
        made = f"{row.load_s:.0f} s | {row.build_s:.0f} s ({row.build_cpu_s:,} s) | {row.memory_mb:,} MB | {row.size_mb:,} MB"
        every = f"{row.recall:.3f} | {row.p50_ms:.1f} / {row.p95_ms:.1f} ms"
        some = f"{row.few_recall:.3f} | {row.few_p50_ms:.1f} / {row.few_p95_ms:.1f} ms"
        yield f"| {row.system} | {made} | {every} | {some} |"


def _sentences(index: VectorIndex, dim: int, *, say: Say) -> material.Material:
    say(f"encoding sentences with {index.retriever}")
    with tempfile.TemporaryDirectory() as folder, serving.query_worker(Path(folder), index=index):
        found = material.gather(index)
    return found if dim == index.dim else material.widened(found, dim)


def _measure_ours(made: Cloud, *, wanted: float, say: Say) -> Figures:
    count, dim = made.vectors.shape
    index = services.create_index(
        replace(HASHING, dim=dim), revision="benchmark", making=services.Making(goes_live=False)
    )
    VectorIndex.objects.update(status=VectorIndex.Status.RETIRED)  # nothing is owed: the vectors are at hand
    most, few = _make_passages(made.few, say=say)
    say("storing the vectors")
    load_s = seconds(lambda: _store(index, made.vectors))
    say("building the graph")
    with Peak(lambda: shared_out(_server_processes())) as peak:
        used = _server_cpu_seconds()
        build_s = seconds(lambda: ann.build_hnsw(index))
        used = _server_cpu_seconds() - used
    size = ann.sizes(index)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE corpora_passage")
    say("searching")
    every = _least_effort(made, index, corpora=(most.pk, few.pk), wanted=wanted)
    some = timed(made.queries, made.truth_of_few, partial(_find, index=index, corpora=(few.pk,)))
    return Figures(
        system=f"dmsearch, pgvector {_extension_version()}",
        passages=count,
        dim=dim,
        load_s=load_s,
        build_s=build_s,
        build_cpu_s=round(used),
        memory_mb=round(peak.bytes / 1e6),
        size_mb=round((size.table + size.graph) / 1e6),
        effort=index.ef_search,
        few_effort=index.ef_search,
        **every,
        **{f"few_{key}": value for key, value in some.items()},
    )


def _make_passages(few: np.ndarray, *, say: Say) -> tuple[Corpus, Corpus]:
    """Make a passage of one word for each row, its id the row's number from 1; return the large and the small corpus."""
    say(f"making {len(few):,} passages")
    corpora = [Corpus.objects.create(slug=name, name=name, kind=Kind.REPORT) for name in ("most", "few")]
    documents = [
        Document.objects.create(corpus=corpus, kind=Kind.REPORT, title="-", fingerprint=str(corpus.pk))
        for corpus in corpora
    ]
    columns = '(id, document_id, position, text, heading, start, "end", tokens, corpus_id, kind)'
    with connection.cursor() as cursor, cursor.copy(f"COPY corpora_passage {columns} FROM STDIN") as copy:
        for row, is_few in enumerate(few.tolist()):
            document = documents[is_few]
            copy.write_row((row + 1, document.pk, row, "-", "", 0, 1, 1, document.corpus_id, "report"))
    return corpora[0], corpora[1]


def _store(index: VectorIndex, vectors: np.ndarray) -> None:
    for start in range(0, len(vectors), _STORE_BATCH):
        part = vectors[start : start + _STORE_BATCH]
        with transaction.atomic():
            ann.copy_vectors(index, range(start + 1, start + 1 + len(part)), part)


def _least_effort(made: Cloud, index: VectorIndex, *, corpora: tuple[int, ...], wanted: float) -> dict[str, Any]:
    """Choose the ef_search as an admin does by the certificate's curve: the least that finds as much as `wanted`."""
    for index.ef_search in _EFFORTS:
        figures = timed(made.queries, made.truth, partial(_find, index=index, corpora=corpora))
        if figures["recall"] >= wanted:
            break
    return figures


def _find(query: np.ndarray, *, index: VectorIndex, corpora: tuple[int, ...]) -> list[int]:
    """Search as the page does, permissions included and as deep; return the first rows."""
    found = dense.find(query, Scope(corpora=corpora), index=index, limit=DEPTH)
    return [each.passage_id - 1 for each in found[: cloud.NEAREST]]


def _measure_peer(name: str, made: Cloud, *, wanted: float) -> Figures:
    argv = [sys.executable, "-m", "apps.search.benchmark.peers", name, str(made.folder), str(wanted)]
    done = subprocess.run(argv, cwd=settings.BASE_DIR, env={**os.environ}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PeerFailed(
            f"{name} could not be measured (`pip install -r requirements/bench.txt`): {done.stderr[-600:]}"
        )
    count, dim = made.vectors.shape
    return Figures(passages=count, dim=dim, **json.loads(done.stdout))


def _server_processes() -> list[int]:
    """Return the processes of our own server, its workers among them; none of a server elsewhere."""
    if not settings.EMBEDDED_POSTGRES:
        return []
    postmaster = _postmaster()
    children = Path(f"/proc/{postmaster}/task/{postmaster}/children").read_text().split()
    return [postmaster, *map(int, children)]


def _server_cpu_seconds() -> float:
    """Return what our backend and the workers that helped it have used; 0 of a server elsewhere."""
    if not settings.EMBEDDED_POSTGRES:
        return 0.0
    backend = connection.connection.info.backend_pid
    return cpu_seconds(backend) + cpu_seconds(_postmaster(), with_ended_children=True)


def _postmaster() -> int:
    return int((settings.HOME.servers / "postgres" / "postmaster.pid").read_text().split()[0])


def _extension_version() -> str:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extversion FROM pg_extension WHERE extname = 'vector'")
        return str(cursor.fetchone()[0])
