"""From what an admin asks for to an index: the model found, the parameters checked."""

from __future__ import annotations

from pathlib import Path

from django.conf import settings

from apps.indexing import ann, services
from apps.indexing.estimating import Plan
from apps.indexing.models import VectorIndex
from apps.retrievers.checkpoints import CheckpointMissing, get_checkpoint
from apps.retrievers.family import UnknownRetriever
from apps.retrievers.naming import named_retriever


class NotMade(Exception):
    """No index was made; the message says why, for the admin."""


def plan(model: str, *, precision: str = "", m: int = 16, ef_construction: int = 64) -> Plan:
    """Return what is asked for, checked. model: a card's name or a checkpoint's folder; "": the settings' own."""
    try:
        card, folder = named_retriever(model) if model else services.chosen_model()
    except (UnknownRetriever, ValueError, OSError) as failure:  # OSError: a name too long, a folder one may not enter
        raise NotMade(str(failure)) from failure
    checkpoint = str(folder.resolve()) if folder else ""
    _see_that_they_fit(retriever=card.name, checkpoint=checkpoint)
    if ef_construction < 2 * m:
        raise NotMade(f"ef_construction must be at least twice m: {2 * m} or more.")
    chosen = precision or ann.suitable_precision(card.dim)
    if chosen == VectorIndex.Precision.HALFVEC and card.dim > ann.LARGEST_HALFVEC_GRAPH:
        raise NotMade(f"{card.name} has {card.dim:,} dimensions: its graph takes the precision “binary” only.")
    if chosen == VectorIndex.Precision.VECTOR and card.dim > ann.LARGEST_VECTOR_GRAPH:
        raise NotMade(f"{card.name} has {card.dim:,} dimensions: its graph takes “halfvec” or “binary” only.")
    return Plan(
        card=card,
        checkpoint=checkpoint,
        precision=chosen,
        m=m,
        ef_construction=ef_construction,
    )


def revision_of(plan: Plan) -> str:
    """Return the revision of the weights at hand, or raise NotMade with the way to get them."""
    if not plan.card.hub_id:
        return plan.card.revision
    folder = Path(plan.checkpoint) if plan.checkpoint else settings.RETRIEVER_FOLDER
    try:
        return get_checkpoint(plan.card, folder=folder).revision
    except (CheckpointMissing, OSError) as missing:
        raise NotMade(str(missing)) from missing


def make(plan: Plan, *, revision: str = "", goes_live: bool = False, paused: bool = False) -> VectorIndex:
    """Make the index beside the live one. revision: refuse weights at hand that are of another one."""
    found = revision_of(plan)
    if revision and not found.startswith(revision):
        raise NotMade(f"The weights at hand are of revision {found}, not {revision}.")
    making = services.Making(
        checkpoint=plan.checkpoint,
        precision=plan.precision,
        m=plan.m,
        ef_construction=plan.ef_construction,
        goes_live=goes_live,
        paused=paused,
    )
    return services.create_index(plan.card, revision=found, making=making)


def _see_that_they_fit(**texts: str) -> None:
    for name, text in texts.items():
        most = VectorIndex._meta.get_field(name).max_length or 0  # type: ignore[union-attr]
        if len(text) > most:
            raise NotMade(f"{text[:40]}… is too long: {len(text)} characters, where an index takes {most}.")
