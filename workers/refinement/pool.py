"""The passages that examples are compared with: a corpus and the examples' own texts, each text once, on disk.

In memory stand sixteen bytes a passage, and while the pool is made some eighty more.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from workers.records import Passage, read_jsonl
from workers.refinement.examples import Example, key_of, read_examples
from workers.refinement.journal import write_json

Keys = NDArray[np.uint64]
Rows = NDArray[np.int64]


class Pool:
    """Texts by row, and rows by text."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "pool.jsonl"
        self._keys: Keys = np.load(folder / "pool-keys.npy")
        self._offsets: Rows = np.load(folder / "pool-offsets.npy")
        self._order: Rows = np.argsort(self._keys)
        self._row_of_id: dict[str, int] = json.loads((folder / "pool-sources.json").read_text(encoding="utf-8"))

    def __len__(self) -> int:
        return len(self._keys)

    def __iter__(self) -> Iterator[str]:
        with self._path.open(encoding="utf-8") as file:
            yield from map(json.loads, file)

    def texts(self, rows: Iterable[int]) -> list[str]:
        found = []
        with self._path.open("rb") as file:
            for row in rows:
                file.seek(self._offsets[row])
                found.append(str(json.loads(file.readline())))
        return found

    def rows_of(self, texts: Iterable[str]) -> list[int]:
        """Return the row of each text that is in the pool."""
        keys = np.array([key_of(text) for text in texts], dtype=np.uint64)
        places = np.minimum(np.searchsorted(self._keys, keys, sorter=self._order), len(self) - 1)
        rows = self._order[places]
        return [int(row) for row, key in zip(rows, keys, strict=True) if self._keys[row] == key]

    def row_of_source(self, passage_id: str) -> list[int]:
        """Return the row of the passage an example was made from, where the corpus has it."""
        return [self._row_of_id[passage_id]] if passage_id in self._row_of_id else []


def open_pool(folder: Path, *, corpora: Sequence[Path], examples: Sequence[Path]) -> Pool:
    """Return the pool of a run, made at the first call."""
    if not (folder / "pool-keys.npy").exists():
        sources = {example.source for example in read_examples(examples)}
        passages = chain.from_iterable(read_jsonl(path, Passage) for path in corpora)
        write_pool(folder, passages, examples=read_examples(examples), sources=sources)
    return Pool(folder)


def write_pool(
    folder: Path, passages: Iterable[Passage], *, examples: Iterable[Example], sources: Collection[str] = ()
) -> None:
    """Write each text once; a title stands before its text, as retrievers read passages.

    sources: ids of the passages whose rows will be asked for. `pool-keys.npy` comes last: it says that all is there.
    """
    rows: dict[int, int] = {}
    row_of_id: dict[str, int] = {}
    offsets = []
    with (folder / "pool.jsonl").open("wb") as file:
        for passage_id, text in _texts(passages, examples):
            key = key_of(text)
            if key not in rows:
                rows[key] = len(rows)
                offsets.append(file.tell())
                file.write(json.dumps(text, ensure_ascii=False).encode() + b"\n")
            if passage_id and passage_id in sources:
                row_of_id[passage_id] = rows[key]
    if not rows:
        raise ValueError("There is no passage to compare with.")
    np.save(folder / "pool-offsets.npy", np.array(offsets, dtype=np.int64))
    write_json(folder / "pool-sources.json", row_of_id)
    keys = folder / "pool-keys.part.npy"
    np.save(keys, np.fromiter(rows, dtype=np.uint64, count=len(rows)))
    keys.rename(folder / "pool-keys.npy")


def _texts(passages: Iterable[Passage], examples: Iterable[Example]) -> Iterator[tuple[str, str]]:
    for passage in passages:
        if text := f"{passage.title}\n{passage.text}".strip():
            yield passage.id, text
    for example in examples:
        for text in (*example.triple.positives, *example.triple.negatives):
            yield "", text
