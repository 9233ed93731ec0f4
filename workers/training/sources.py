"""Training files as sources of examples: read once, checked, named by what is in them."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from apps.retrievers.intents import Intent
from workers.records import Triple
from workers.refinement.examples import key_of, read_examples
from workers.refinement.journal import digest_of


@dataclass(frozen=True, slots=True)
class Source:
    """The examples of one file."""

    name: str  #: its path as given: the miner calls all its files level-N
    digest: str
    triples: tuple[Triple, ...]


def read_sources(paths: Sequence[Path], *, need_negatives: bool) -> list[Source]:
    """Read the files, one source each.

    Raises ValueError naming file and line where a line is not an example, or lacks negatives that are needed.
    """
    sources = []
    for path in paths:
        triples = tuple(example.triple for example in read_examples([path]))
        if not triples:
            raise ValueError(f"{path}: there is no example in it.")
        if need_negatives and (bare := next((each for each in triples if not each.negatives), None)):
            raise ValueError(
                f"{path}: the query {bare.query[:80]!r} has no negatives. Mine some: `python -m workers.refinement mine`."
            )
        sources.append(Source(str(path), digest_of(path), triples))
    return sources


class KnownPositives:
    """Which texts answer which query, over all files: none of them is a negative of it in any batch."""

    def __init__(self, sources: Sequence[Source]) -> None:
        self._keys: dict[tuple[Intent, int], set[int]] = defaultdict(set)
        for source in sources:
            for triple in source.triples:
                self._keys[triple.intent, key_of(triple.query)].update(map(key_of, triple.positives))

    def of(self, triple: Triple) -> set[int]:
        """Return the keys of the query's positives, and of the query itself."""
        query = key_of(triple.query)
        return self._keys[triple.intent, query] | {query}


def digests(sources: Sequence[Source]) -> Mapping[str, str]:
    """Return the files' digests by folder and name, which a run that is moved keeps; by their paths where two share them."""
    short = {source.name: "/".join(Path(source.name).parts[-2:]) for source in sources}
    shared = Counter(short.values())
    return {short[each.name] if shared[short[each.name]] == 1 else each.name: each.digest for each in sources}
