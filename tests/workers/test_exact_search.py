import tracemalloc

import numpy as np
import pytest

from workers.exact_search import top_k


def unit_rows(count, *, dim=16, seed=0):
    rows = np.random.default_rng(seed).standard_normal((count, dim)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def naive_top_k(queries, passages, k, exclude=None):
    """Sort everything, the slow and plain way."""
    rankings = []
    for number, scores in enumerate(queries @ passages.T):
        hidden = exclude[number] if exclude else ()
        ranked = np.argsort(-scores, kind="stable")
        rankings.append([row for row in ranked if row not in hidden][:k])
    return np.array(rankings)


class TestTopK:
    queries = unit_rows(7, seed=1)
    passages = unit_rows(5_000, seed=2)

    def test_ranks_as_sorting_everything_does(self):
        scores, rows = top_k(self.queries, self.passages, 10)
        assert np.array_equal(rows, naive_top_k(self.queries, self.passages, 10))
        np.testing.assert_allclose(scores, np.sort(self.queries @ self.passages.T)[:, :-11:-1], rtol=1e-5)

    def test_takes_the_passages_in_blocks_too(self):
        blocks = (self.passages[start : start + 700] for start in range(0, 5_000, 700))
        _, rows = top_k(self.queries, blocks, 10)
        assert np.array_equal(rows, naive_top_k(self.queries, self.passages, 10))

    def test_more_queries_than_fit_at_a_time_keep_their_own_results(self):
        queries = unit_rows(600, seed=3)
        _, rows = top_k(queries, self.passages, 3)
        assert np.array_equal(rows, naive_top_k(queries, self.passages, 3))

    def test_leaves_out_what_is_excluded_for_that_query_alone(self):
        exclude = [{int(row)} for row in naive_top_k(self.queries, self.passages, 1)[:, 0]]
        exclude[0] = set()
        _, rows = top_k(self.queries, self.passages, 10, exclude=exclude)
        assert np.array_equal(rows, naive_top_k(self.queries, self.passages, 10, exclude))

    def test_equal_scores_go_by_row(self):
        copies = np.repeat(unit_rows(1), 3_000, axis=0)
        _, rows = top_k(self.queries, copies, 5)
        assert np.array_equal(rows, np.tile(np.arange(5), (7, 1)))

    def test_marks_the_places_that_no_passage_fills(self):
        scores, rows = top_k(self.queries, self.passages[:2], 4)
        assert np.all(rows[:, 2:] == -1)
        assert np.all(np.isneginf(scores[:, 2:]))

    def test_no_passages_at_all_give_only_empty_places(self):
        _, rows = top_k(self.queries, iter([]), 2)
        assert np.all(rows == -1)

    def test_refuses_exclusions_for_other_queries(self):
        with pytest.raises(ValueError, match="1 exclusions for 7 queries"):
            top_k(self.queries, self.passages, 3, exclude=[{1}])

    def test_memory_does_not_grow_with_the_corpus(self):
        block = unit_rows(20_000, dim=8)
        tracemalloc.start()
        top_k(unit_rows(64, dim=8), (block for _ in range(2)), 10)
        _, of_two = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        top_k(unit_rows(64, dim=8), (block for _ in range(20)), 10)
        _, of_twenty = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert of_twenty < 1.5 * of_two

    def test_memory_does_not_grow_with_the_dimensions(self):
        passages = np.broadcast_to(unit_rows(1, dim=4_096).astype(np.float16), (30_000, 4_096))  # 490 MB as float32
        tracemalloc.start()
        _, rows = top_k(unit_rows(4, dim=4_096), passages, 10)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 150 * 2**20
        assert np.array_equal(rows[0], np.arange(10))

    @pytest.mark.torch
    def test_torch_finds_the_same(self):
        torch = pytest.importorskip("torch")
        exclude = [{5}] * 7
        expected = naive_top_k(self.queries, self.passages, 10, exclude)
        _, rows = top_k(torch.from_numpy(self.queries), self.passages, 10, exclude=exclude)
        assert np.array_equal(rows, expected)
