"""DisastIR and DisastIR-DevLite: 48 tasks, a file each, judgments keyed by text.

`corpus.jsonl` holds {"corpus_id", "text"}; `query/{intent}_{event}.json` a list of {"query_id",
"user_query"}; `qrels/{intent}_{event}_qrels.json` a list of {"user_query", "passage", "score"}.
"""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import Any, TypeVar

from apps.retrievers.intents import Intent
from workers.evaluation.collection import Collection
from workers.records import Passage, Qrel, Query

T = TypeVar("T")
Fields = dict[str, Any]

#: The result tables shorten two intents; a file named after them is understood.
_SHORT_INTENTS = {"TW": Intent.TWITTER, "FC": Intent.FACTCHECK}
_BETWEEN_ITEMS = re.compile(r"[\s,]*")


def read_disastir(folder: Path) -> Collection:
    """Join queries, passages and judgments by their text.

    A text that stands in the corpus twice is one passage: judgments cannot tell the two apart.
    Raises ValueError naming the file and the line that is broken.
    """
    paths = sorted((folder / "query").glob("*.json"))
    if not paths:
        raise ValueError(f"{folder / 'query'} has no query files such as QA_Bio.json.")
    ids: dict[str, str] = {}
    for text, passage_id in _read_lines(folder / "corpus.jsonl", _text_and_id):
        ids.setdefault(text, passage_id)
    queries: list[Query] = []
    judgments: list[Qrel] = []
    events: dict[str, str] = {}
    for path in paths:
        task_queries, event = _read_queries(path)
        queries += task_queries
        judgments += _join(folder / "qrels" / f"{path.stem}_qrels.json", task_queries, ids)
        events |= {query.id: event for query in task_queries}
    return Collection.build(
        folder.name,
        passages=(Passage(id=passage_id, text=text) for text, passage_id in ids.items()),
        queries=queries,
        judgments=judgments,
        events=events,
    )


def _read_queries(path: Path) -> tuple[list[Query], str]:
    """Return the queries of a task, whose intent the file's name gives, and its event."""
    name, _, event = path.stem.partition("_")
    try:
        intent = _SHORT_INTENTS.get(name) or Intent(name)
    except ValueError as error:
        raise ValueError(f"{path}: the name is not of the form QA_Bio.json: {error}") from error

    def query(fields: Fields) -> Query:
        # Ids start again in every file.
        return Query(id=f"{path.stem}/{fields['query_id']}", text=fields["user_query"].strip(), intent=intent)

    return _read_list(path, query), event


def _join(path: Path, queries: Iterable[Query], ids: Mapping[str, str]) -> Iterator[Qrel]:
    """Yield the judgments of a task under the ids of its queries and of the passages."""
    asked: dict[str, list[str]] = {}
    for query in queries:
        asked.setdefault(query.text, []).append(query.id)
    for query_text, passage_text, grade in _read_list(path, _judgment):
        passage_id = ids.get(passage_text) or _id_of_absent(passage_text)
        for query_id in asked.get(query_text, ()):
            yield Qrel(query_id=query_id, passage_id=passage_id, grade=grade)


def _id_of_absent(text: str) -> str:
    """Name a judged text that the corpus lacks: no system can find it, yet the ideal holds it."""
    return f"absent-{blake2b(text.encode(), digest_size=8).hexdigest()}"


def _text_and_id(fields: Fields) -> tuple[str, str]:
    return fields["text"].strip(), str(fields["corpus_id"])


def _judgment(fields: Fields) -> tuple[str, str, int]:
    return fields["user_query"].strip(), fields["passage"].strip(), int(fields["score"])


def _read_lines(path: Path, parse: Callable[[Fields], T]) -> Iterator[T]:
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, start=1):
            if line.strip():
                try:
                    yield parse(json.loads(line))
                except (AttributeError, KeyError, TypeError, ValueError) as error:
                    raise _broken(path, number, error) from error


def _read_list(path: Path, parse: Callable[[Fields], T]) -> list[T]:
    text = path.read_text(encoding="utf-8")
    try:
        items = json.loads(text)
    except json.JSONDecodeError as error:
        raise _broken(path, error.lineno, error) from error
    if not isinstance(items, list):
        raise _broken(path, 1, TypeError("not a list"))
    parsed = []
    for index, item in enumerate(items):
        try:
            parsed.append(parse(item))
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise _broken(path, _line_of_item(text, index), error) from error
    return parsed


def _line_of_item(text: str, index: int) -> int:
    """Return the line on which an item of the JSON list `text` starts."""
    decoder = json.JSONDecoder()
    start = end = text.index("[") + 1
    for _ in range(index + 1):
        gap = _BETWEEN_ITEMS.match(text, end)
        start = gap.end() if gap else end
        _, end = decoder.raw_decode(text, start)
    return text.count("\n", 0, start) + 1


def _broken(path: Path, line: int, error: Exception) -> ValueError:
    reason = f"{error} is missing" if isinstance(error, KeyError) else str(error)
    return ValueError(f"{path}, line {line}: {reason}")
