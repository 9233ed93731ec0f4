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
from workers.vector_store import VectorStore


class Watched(HashingEncoder):
    """Remembers what it encoded, and may break down after so many texts."""

    def __init__(self, *, breaks_after=10**9):
        super().__init__()
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
    monkeypatch.setattr("workers.vector_store._BATCH", 3)

    def embed(texts, encoder):
        return VectorStore(tmp_path, encoder).embed(texts)

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
        assert embed([], HashingEncoder()).in_memory().shape == (0, 384)

    def test_is_read_block_by_block(self, embed, monkeypatch):
        monkeypatch.setattr("workers.vector_store._BLOCK", 7)
        stored = embed(TEXTS, HashingEncoder())
        assert [block.shape for block in stored] == [(7, 384), (3, 384)]
        np.testing.assert_array_equal(np.concatenate(list(stored)), stored.in_memory())

    def test_says_how_far_it_is(self, tmp_path, monkeypatch):
        monkeypatch.setattr("workers.vector_store._BATCH", 4)
        told = []
        VectorStore(tmp_path, HashingEncoder()).embed(iter(TEXTS), advance=told.append)
        assert told == [4, 4, 2]

    def test_forgets_a_key_that_was_written_in_part(self, embed, tmp_path):
        embed(TEXTS[:4], HashingEncoder())
        (keys,) = tmp_path.glob("*/keys")
        keys.write_bytes(keys.read_bytes()[:-3])
        np.testing.assert_array_equal(embed(TEXTS, HashingEncoder()).in_memory(), HashingEncoder().encode(TEXTS))

    def test_keeps_models_apart(self, embed, tmp_path):
        other = HashingEncoder()
        other.revision = "2"
        embed(TEXTS, HashingEncoder())
        embed(TEXTS, other)
        assert len(list(tmp_path.iterdir())) == 2

    def test_two_runs_may_write_at_once(self, tmp_path):
        class Interrupted(HashingEncoder):
            def encode(self, texts):
                VectorStore(tmp_path, HashingEncoder()).embed([TEXTS[1], "sandbags"])
                return super().encode(texts)

        stored = VectorStore(tmp_path, Interrupted()).embed(TEXTS)
        np.testing.assert_array_equal(stored.in_memory(), HashingEncoder().encode(TEXTS))
        again = VectorStore(tmp_path, HashingEncoder()).embed(["sandbags"])
        np.testing.assert_array_equal(again.in_memory(), HashingEncoder().encode(["sandbags"]))


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
        stored = VectorStore(folder, Tiny()).embed(pool)
        queries = Tiny().encode(["one", "two"])
        _, rows = top_k(queries, stored, 5)
        assert [len(text) > 900 for text in pool.texts(rows[0])] == [True] * 5
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return peak

    def test_does_not_grow_with_the_texts(self, tmp_path):
        few, many = self.peak(tmp_path / "few", 2_000), self.peak(tmp_path / "many", 6_000)
        assert (many - few) / 4_000 < 700  # a text alone has a thousand
