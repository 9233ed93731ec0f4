"""TREC's text files: topics, qrels and runs."""

import re
from collections.abc import Callable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TypeVar

from apps.retrievers.intents import Intent
from workers.evaluation.collection import Collection
from workers.evaluation.ranking import Hit, Rankings, cut
from workers.records import Passage, Qrel, Query, read_jsonl

T = TypeVar("T")

_TOPIC = re.compile(r"<top(?:ic)?\b[^>]*>.*?</top(?:ic)?>", re.DOTALL | re.IGNORECASE)
_NUMBER = re.compile(r"<num>\s*(?:Number:)?\s*([^\s<]+)|<topic\b[^>]*\bnumber=[\"']([^\"']+)", re.IGNORECASE)
# Older topics leave their elements open: a field ends at the next tag, whatever that is.
_FIELDS = tuple(
    re.compile(rf"<{name}>\s*(?:Topic:)?\s*([^<]+)", re.IGNORECASE) for name in ("question", "title", "query")
)


def read_trec(folder: Path, *, intent: Intent | None = None) -> Collection:
    """Read a folder of `corpus.jsonl` (as in BEIR), `topics.*` and `qrels.*`.

    Topics name no intent: they get `intent`, a question for a passage if that is not given.
    """
    return Collection.build(
        folder.name,
        passages=read_jsonl(folder / "corpus.jsonl", Passage),
        queries=read_topics(_only(folder, "topics*"), intent=intent or Intent.QA),
        judgments=read_qrels(_only(folder, "qrels*")),
    )


def read_topics(path: Path, *, intent: Intent) -> list[Query]:
    """Read `<top>` or `<topic>` elements, or else lines of an id, a tab and a query.

    Of a topic's fields the question is taken where there is one, then the title.
    """
    text = path.read_text(encoding="utf-8")
    pairs = _marked_up(path, text) if text.lstrip().startswith("<") else _tabbed(path)
    return [Query(id=topic_id, text=query, intent=intent) for topic_id, query in pairs]


def read_qrels(path: Path) -> Iterator[Qrel]:
    """Yield the judgments of lines `query-id iteration passage-id grade`."""

    def parse(line: str) -> Qrel:
        query_id, _iteration, passage_id, grade = line.split()
        return Qrel(query_id=query_id, passage_id=passage_id, grade=int(grade))

    return _read_lines(path, parse, form="query-id iteration passage-id grade")


def read_run(path: Path) -> dict[str, list[Hit]]:
    """Read lines `query-id Q0 passage-id rank score tag`, best score first, as trec_eval does.

    Equal scores keep the order of the file.
    """

    def parse(line: str) -> tuple[str, Hit]:
        query_id, _q0, passage_id, _rank, score, _tag = line.split()
        return query_id, Hit(passage_id, float(score))

    rankings: dict[str, list[Hit]] = {}
    for query_id, hit in _read_lines(path, parse, form="query-id Q0 passage-id rank score tag"):
        rankings.setdefault(query_id, []).append(hit)
    return {query_id: sorted(hits, key=lambda hit: -hit.score) for query_id, hits in rankings.items()}


def write_run(path: Path, rankings: Rankings, *, tag: str) -> None:
    """Write the lines that `read_run` reads. tag: who made them; its spaces, which would be further fields, become "-"."""
    tag = "-".join(tag.split())
    with path.open("w", encoding="utf-8") as file:
        for query_id, hits in rankings.items():
            for rank, hit in enumerate(hits, start=1):
                file.write(f"{query_id} Q0 {hit.passage_id} {rank} {hit.score:.6f} {tag}\n")


class RunFile:
    """The rankings of another system, from a file: they are scored as they are.

    `system` says what made them, where that is known: the model, the retrieval, how it was searched.
    """

    def __init__(self, path: Path, *, system: Mapping[str, str] | None = None) -> None:
        self._path = path
        self._system = dict(system or {})
        self.kind = self._system.pop("retrieval", "run")

    def describe(self) -> dict[str, str]:
        content = blake2b(self._path.read_bytes(), digest_size=8).hexdigest()
        return {"model": self._path.stem, "revision": content} | self._system | {"run": content}

    def search(self, collection: Collection, *, k: int) -> dict[str, list[Hit]]:
        run = read_run(self._path)
        return {query.id: cut(query, run.get(query.id, ()), k=k) for query in collection.queries}


def _marked_up(path: Path, text: str) -> Iterator[tuple[str, str]]:
    for topic in _TOPIC.finditer(text):
        number = _NUMBER.search(topic[0])
        fields = filter(None, (field.search(topic[0]) for field in _FIELDS))
        query = next((" ".join(found[1].split()) for found in fields), "")
        if not (number and query):
            line = text.count("\n", 0, topic.start()) + 1
            raise ValueError(f"{path}, line {line}: a topic without a number or a title")
        yield number[1] or number[2], query


def _tabbed(path: Path) -> Iterator[tuple[str, str]]:
    def parse(line: str) -> tuple[str, str]:
        topic_id, query = line.rstrip("\n").split("\t")
        return topic_id, query.strip()

    return _read_lines(path, parse, form="topic id, a tab, the query")


def _read_lines(path: Path, parse: Callable[[str], T], *, form: str) -> Iterator[T]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield parse(line)
                except ValueError as error:
                    raise ValueError(f"{path}, line {number}: not of the form: {form}") from error


def _only(folder: Path, pattern: str) -> Path:
    found = sorted(folder.glob(pattern))
    if len(found) != 1:
        raise ValueError(f"{folder} needs one file {pattern}, not {len(found)}.")
    return found[0]
