import tracemalloc
from dataclasses import replace

import numpy as np
import pytest

from apps.retrievers.family import HASHING
from workers.encoders.base import unit_length
from workers.encoders.hashing import HashingEncoder
from workers.exact_search import top_k
from workers.records import Passage
from workers.refinement.pool import Pool, write_pool
from workers.refinement.progress import Progress
from workers.refinement.vectors import VectorStore


class Watched(HashingEncoder):
    """Remembers what it encoded, and may break down after so many texts."""

    def __init__(self, *, breaks_after=10**9):
        self.seen = []
        self._left = breaks_after

    def encode(self, texts):
        self._left -= len(texts)
        if self._left < 0:
            raise MemoryError("no memory left")
        self.seen += texts
        return super().encode(texts)


@pytest.fixture
def embed(tmp_path, monkeypatch):
    monkeypatch.setattr("workers.refinement.vectors._BATCH", 3)

    def embed(texts, encoder):
        progress = Progress(tmp_path / "progress.json", stage="embed", total=len(texts))
        return VectorStore(tmp_path, encoder).embed(texts, progress=progress)

    return embed


TEXTS = [f"levee number {number}" for number in range(10)]


class TestVectorStore:
    def test_gives_vectors_in_the_order_of_the_texts(self, embed):
        stored = embed([TEXTS[1], TEXTS[0], TEXTS[1]], HashingEncoder())
        np.testing.assert_array_equal(
            np.concatenate(list(stored)), HashingEncoder().encode([TEXTS[1], TEXTS[0], TEXTS[1]])
        )
        np.testing.assert_array_equal(stored.at([1]), HashingEncoder().encode([TEXTS[0]]))

    def test_encodes_no_text_twice_in_this_run_or_the_next(self, embed):
        first, second = Watched(), Watched()
        embed([*TEXTS, *TEXTS], first)
        embed(["new", *TEXTS], second)
        assert first.seen == TEXTS
        assert second.seen == ["new"]

    def test_goes_on_where_it_broke_down(self, embed):
        broken, second = Watched(breaks_after=7), Watched()
        with pytest.raises(MemoryError):
            embed(TEXTS, broken)
        stored = embed(TEXTS, second)
        assert second.seen == TEXTS[6:]
        np.testing.assert_array_equal(stored.at(range(10)), HashingEncoder().encode(TEXTS))

    def test_drops_the_half_row_of_a_killed_run(self, embed, tmp_path):
        embed(TEXTS[:4], HashingEncoder())
        (folder,) = (path for path in tmp_path.iterdir() if path.is_dir())
        with (folder / "vectors.f32").open("ab") as file:
            file.write(b"\x01" * 100)
        np.testing.assert_array_equal(embed(TEXTS, HashingEncoder()).at(range(10)), HashingEncoder().encode(TEXTS))

    def test_of_no_text_is_empty(self, embed):
        assert list(embed([], HashingEncoder())) == []


class Tiny:
    """Eight dimensions, so that only what is kept of each passage counts."""

    card = replace(HASHING, name="tiny", dim=8)
    revision = backend = "1"

    def encode(self, texts):
        return unit_length(
            np.array([np.frombuffer(text[:8].encode().ljust(8), np.uint8) for text in texts], np.float32)
        )


class TestMemory:
    """A million passages of a thousand characters are a gigabyte; of each, some hundred bytes may stay."""

    def peak(self, folder, count):
        folder.mkdir()
        passages = (Passage(id=str(number), text=f"{number} {'levee ' * 160}") for number in range(count))
        tracemalloc.start()
        write_pool(folder, passages, examples=[])
        pool = Pool(folder)
        progress = Progress(folder / "progress.json", stage="embed", total=count)
        stored = VectorStore(folder, Tiny()).embed(pool, progress=progress)
        queries = Tiny().encode(["one", "two"])
        _, rows = top_k(queries, stored, 5)
        assert [len(text) > 900 for text in pool.texts(rows[0])] == [True] * 5
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    def test_does_not_grow_with_the_texts(self, tmp_path):
        few, many = self.peak(tmp_path / "few", 2_000), self.peak(tmp_path / "many", 6_000)
        assert (many - few) / 4_000 < 700  # a text alone has a thousand
