"""An index in words and as JSON, for the terminal and for programs."""

from __future__ import annotations

from typing import Any

from django.template.defaultfilters import filesizeformat

from apps.indexing import ann
from apps.indexing.estimating import Estimate
from apps.indexing.models import VectorIndex
from apps.indexing.pace import Pace, pace
from apps.pages.templatetags.durations import lasting


def as_json(index: VectorIndex) -> dict[str, Any]:
    seen, size, proof = pace(index), ann.sizes(index), index.certificate()
    return {
        "id": index.pk,
        "retriever": index.retriever,
        "revision": index.revision,
        "checkpoint": index.checkpoint,
        "dim": index.dim,
        "precision": index.precision,
        "m": index.m,
        "ef_construction": index.ef_construction,
        "ef_search": index.ef_search,
        "dense_shares": index.dense_shares,
        "status": index.status.lower(),
        "stored": seen.stored,
        "owed": seen.owed,
        "set_aside": seen.set_aside,
        "passages_per_s": round(seen.passages_per_s, 1),
        "seconds_left": round(seen.left.total_seconds()) if seen.left else None,
        "table_bytes": size.table,
        "graph_bytes": size.graph,
        "recall_at_10": proof.recall if proof else None,
        "certified_at": proof.finished_at.isoformat() if proof and proof.finished_at else None,
        "searches_exactly": index.searches_exactly,
        "shadow_share": index.shadow_share,
        "trouble": index.trouble,
    }


def as_line(index: VectorIndex) -> str:
    seen, size, proof = pace(index), ann.sizes(index), index.certificate()
    parts = [
        f"{index.pk:>4}  {index.get_status_display():<9}{index.retriever} at {index.revision[:12]}, {index.dim:,} dims, {index.precision}",
        f"{seen.stored:,} vectors",
    ]
    parts += [f"{seen.owed:,} owed"] if seen.owed else []
    parts += [f"{seen.set_aside:,} set aside"] if seen.set_aside else []
    parts += [filesizeformat(size.table + size.graph)]
    parts += [f"recall@10 {proof.recall:.3f}"] if proof and proof.recall is not None else []
    parts += [f"TROUBLE {index.trouble}"] if index.trouble else []
    return "; ".join(parts)


def progress_line(seen: Pace) -> str:
    """Return how far a build is, on one line."""
    parts = [f"{seen.percent:>3} %", f"{seen.stored:,}/{seen.total:,} passages"]
    parts += [f"{seen.passages_per_s:,.0f}/s"] if seen.passages_per_s else []
    parts += [f"{seen.workers} workers"] if seen.workers > 1 else []
    parts += [f"{seen.set_aside:,} set aside"] if seen.set_aside else []
    parts += [f"about {lasting(seen.left)} left"] if seen.left else []
    return "  ".join(parts)


def estimate_json(estimate: Estimate) -> dict[str, Any]:
    return {
        "passages": estimate.passages,
        "passages_per_s": estimate.passages_per_s,
        "workers": estimate.workers,
        "embed_s": estimate.embed_s,
        "graph_s": round(estimate.graph_s, 1),
        "table_bytes": estimate.table_bytes,
        "graph_bytes": estimate.graph_bytes,
        "free_bytes": estimate.free_bytes,
        "fits": estimate.fits,
    }


def estimate_lines(estimate: Estimate) -> list[str]:
    size = f"{filesizeformat(estimate.bytes)} on disk ({filesizeformat(estimate.graph_bytes)} of it the graph)"
    if estimate.free_bytes is not None:
        size += f"; {filesizeformat(estimate.free_bytes)} are free"
    if not estimate.fits:
        size += ": TOO LITTLE"
    workers = f"{estimate.workers} workers" if estimate.workers > 1 else "one worker"
    time = f"about {lasting(estimate.seconds)} with {workers}" if estimate.seconds else "time not known yet"
    lines = [f"{estimate.passages:,} passages: {time}, {size}."]
    if estimate.passages_per_s:
        lines.append(
            f"Measured: {estimate.passages_per_s:,.0f} passages/s and worker; the graph takes about {lasting(estimate.graph_s)}."
        )
    return lines
