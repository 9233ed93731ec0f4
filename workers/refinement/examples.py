"""An example on its way through the refinery: a triple that knows where it comes from."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any, Self

from apps.retrievers.intents import Intent, instruction
from workers.records import Json, Triple, read_jsonl

#: DisastIR's tables call two of the intents by their initials.
_INTENT_OF_PREFIX = {str(intent): intent for intent in Intent} | {"TW": Intent.TWITTER, "FC": Intent.FACTCHECK}


@dataclass(frozen=True, kw_only=True, slots=True)
class Example:
    """As a line of JSON it is a triple with further keys, so training reads it as it is."""

    id: str
    triple: Triple
    source: str = ""  #: id of the passage it was made from, which is no negative of it
    kind: str = ""  #: how it was made: "synthesis", "title" …
    episode: str = ""  #: id of the account that the event it tells of belongs to
    set_aside: tuple[str, ...] = ()  #: positives that were not agreed on: not trained on, and no negatives either

    @classmethod
    def from_json(cls, fields: Json) -> Self:
        triple = Triple.from_json(fields)
        return cls(
            id=str(fields.get("id") or _name(triple)),
            triple=triple,
            source=str(fields.get("source") or ""),
            kind=str(fields.get("kind") or ""),
            episode=str(fields.get("episode") or ""),
            set_aside=tuple(map(str, fields.get("set_aside") or ())),
        )

    def to_json(self) -> dict[str, Any]:
        more = {"episode": self.episode, "set_aside": list(self.set_aside)}
        told = {key: value for key, value in more.items() if value}
        return {"id": self.id, "source": self.source, "kind": self.kind, **told, **self.triple.to_json()}

    @property
    def cut_from(self) -> str:
        """Return the document of a pair of spans: others are cut from it that may overlap. "" for other kinds."""
        return self.source if self.kind == "span" else ""


def read_examples(paths: Sequence[Path]) -> Iterator[Example]:
    """Yield the examples of all files. Files in DMRetriever's training form will do.

    Where a line names neither intent nor prompt, the file's name does: `QAdoc_outbreaks.jsonl`.
    """
    for path in paths:
        intent = _INTENT_OF_PREFIX.get(path.name.partition("_")[0])
        yield from read_jsonl(path, Example, defaults={"prompt": instruction(intent)} if intent else None)


def key_of(text: str) -> int:
    """Return 64 bits that name a text; white space and case do not count."""
    plain = " ".join(text.lower().split())
    return int.from_bytes(blake2b(plain.encode(), digest_size=8).digest())


def _name(triple: Triple) -> str:
    content = "\n".join((triple.intent, triple.query, *triple.positives))
    return blake2b(content.encode(), digest_size=8).hexdigest()
