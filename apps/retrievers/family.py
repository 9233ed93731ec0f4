"""The models this product knows: the DMRetriever family, the small default, and the baselines."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from difflib import get_close_matches
from types import MappingProxyType

from apps.retrievers import prompts
from apps.retrievers.baselines import BASELINES
from apps.retrievers.card import RetrieverCard
from apps.retrievers.own import own_card

__all__ = [
    "DMRETRIEVERS",
    "FAMILY",
    "HASHING",
    "PACKAGED",
    "STAND_INS",
    "RetrieverCard",
    "UnknownRetriever",
    "get_card",
]


class UnknownRetriever(LookupError):
    """No model of that name is in the family."""


def get_card(name: str) -> RetrieverCard:
    """Return the card called `name` (case does not matter; a hub id will do), or that of a model trained here."""
    wanted = name.lower()
    for card in FAMILY.values():
        if wanted and wanted in (card.name.lower(), card.hub_id.lower()):
            return card
    if own := own_card(name):
        return own
    near = " or ".join(get_close_matches(name, FAMILY, n=2)) or ", ".join(card.name for card in DMRETRIEVERS)
    raise UnknownRetriever(f"No retriever is called {name!r}. Did you mean {near}? `manage.py models list` has all.")


def _dmretriever(size: str, *, parameters: int, dim: int, layers: int) -> RetrieverCard:
    return RetrieverCard(
        name=f"DMRetriever-{size}",
        hub_id=f"DMIR01/DMRetriever-{size}",
        dim=dim,
        layers=layers,
        parameters=parameters,
        architecture="decoder" if parameters > 500 else "encoder",
        prompts=prompts.DMRETRIEVER,
    )


def _pretrained(card: RetrieverCard) -> RetrieverCard:
    """Return the card of `card`'s checkpoint before it learned the instructions (stage 2 only)."""
    return replace(card, name=f"{card.name}-PT", hub_id=f"{card.hub_id}-PT", prompts=prompts.NONE)


def _by_name(cards: Iterable[RetrieverCard]) -> Mapping[str, RetrieverCard]:
    return MappingProxyType({card.name: card for card in cards})


DMRETRIEVERS = (
    _dmretriever("33M", parameters=33, dim=384, layers=12),
    _dmretriever("109M", parameters=109, dim=768, layers=12),
    _dmretriever("335M", parameters=335, dim=1024, layers=24),
    _dmretriever("596M", parameters=596, dim=1024, layers=28),
    _dmretriever("4B", parameters=4_000, dim=2560, layers=36),
    _dmretriever("7.6B", parameters=7_600, dim=4096, layers=36),
)

UNRELEASED = replace(
    _dmretriever("1.5B", parameters=1_500, dim=0, layers=0),
    released=False,
    note="Named in the paper's family list; no checkpoint was published. The nearest are 596M and 4B.",
)

PACKAGED = RetrieverCard(
    name="all-MiniLM-L6-v2",
    hub_id="sentence-transformers/all-MiniLM-L6-v2",
    revision="8b3219a92973c328a8e22fadcfa821b5dc75636a",
    dim=384,
    layers=6,
    parameters=22,
    max_tokens=256,
    note="The default where no DMRetriever checkpoint is found. Trained without instructions.",
)

HASHING = RetrieverCard(
    name="hashing",
    hub_id="",
    revision="1",
    dim=384,
    layers=0,
    parameters=0,
    note="Development and tests: texts that share words come out near. Not a learned model.",
)

# Of other dims, so that changing the model can be tried where there is only one.
HASHING_SMALL = replace(HASHING, name="hashing-128", dim=128)
STAND_INS = (HASHING, HASHING_SMALL)

FAMILY: Mapping[str, RetrieverCard] = _by_name(
    (*DMRETRIEVERS, UNRELEASED, *map(_pretrained, DMRETRIEVERS), PACKAGED, *BASELINES, *STAND_INS)
)
