import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import Tokenizer

from apps.retrievers.family import PACKAGED
from apps.retrievers.packaged import find_model
from workers.encoders.batched import BatchedEncoder, Capacity
from workers.encoders.batches import by_budget
from workers.encoders.tokenizing import TextTokenizer, padded


class TestByBudget:
    @given(st.lists(st.integers(1, 600), max_size=200), st.integers(1, 5_000))
    def test_takes_every_text_once_and_never_pads_beyond_the_budget(self, lengths, budget):
        batches = list(by_budget(lengths, budget=budget))
        assert sorted(position for batch in batches for position in batch) == list(range(len(lengths)))
        for batch in batches:
            assert len(batch) == 1 or max(lengths[position] for position in batch) * len(batch) <= budget

    def test_puts_neighbours_in_length_together_and_the_longest_first(self):
        assert list(by_budget([3, 100, 4, 98], budget=200)) == [[1, 3], [2, 0]]


class TestPadded:
    def test_pads_on_the_right_and_masks_the_padding(self):
        ids, mask = padded([[5, 6, 7], [8]], pad_id=9)
        assert ids.tolist() == [[5, 6, 7], [8, 9, 9]]
        assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]


def first_ids(ids, mask):
    """A model that tells which text it saw: the second token's id in the first place."""
    vectors = np.zeros((len(ids), PACKAGED.dim), dtype=np.float32)
    vectors[:, 0] = ids[:, 1]
    return vectors


class SmallMemory:
    """A forward that only takes so many tokens."""

    def __init__(self, tokens):
        self.tokens = tokens
        self.taken = []

    def __call__(self, ids, mask):
        if ids.size > self.tokens:
            raise MemoryError
        self.taken.append(ids.size)
        return first_ids(ids, mask)


def encoder_over(forward, *, token_budget=10_000, at_once=1):
    tokenizer = TextTokenizer(PACKAGED, find_model())
    capacity = Capacity(tokens=token_budget, batches=at_once)
    return BatchedEncoder(PACKAGED, tokenizer, forward=forward, revision="r", backend="test", capacity=capacity)


class TestBatchedEncoder:
    texts = ["flood", "storm warning for the coast", "levee", "shelter " * 50] * 5

    def test_halves_the_batch_that_does_not_fit_and_goes_on(self):
        memory = SmallMemory(tokens=200)
        encoder = encoder_over(memory)
        assert np.array_equal(encoder.encode(self.texts), encoder_over(first_ids).encode(self.texts))
        assert max(memory.taken) <= 200

    def test_remembers_what_fitted(self):
        memory = SmallMemory(tokens=200)
        encoder = encoder_over(memory)
        encoder.encode(self.texts)
        assert 100 <= encoder.token_budget <= 200

    def test_gives_up_on_one_text_that_does_not_fit_alone(self):
        with pytest.raises(MemoryError):
            encoder_over(SmallMemory(tokens=3)).encode(["storm warning for the coast"])

    def test_computes_as_many_batches_at_once_as_the_backend_takes(self):
        both_here = threading.Barrier(2, timeout=10)

        def forward(ids, mask):
            both_here.wait()
            return first_ids(ids, mask)

        texts = [f"levee {number}" for number in range(40)]
        together = encoder_over(forward, token_budget=20, at_once=2).encode(texts)
        assert np.array_equal(together, encoder_over(first_ids).encode(texts))

    def test_raises_what_one_of_several_batches_raised(self):
        with pytest.raises(MemoryError):
            encoder_over(SmallMemory(tokens=3), token_budget=4, at_once=2).encode(["storm warning for the coast"] * 4)

    def test_cuts_to_the_length_of_the_card_and_not_of_the_file(self):
        seen = []
        encoder_over(lambda ids, mask: seen.append(ids.shape) or first_ids(ids, mask)).encode(["flood " * 999, "flood"])
        assert (1, PACKAGED.max_tokens) in seen or (2, PACKAGED.max_tokens) in seen

    def test_holds_a_window_of_tokens_and_not_all_of_them(self):
        sizes = []
        encoder_over(lambda ids, mask: sizes.append(len(ids)) or first_ids(ids, mask), token_budget=10**9).encode(
            ["flood"] * 2_500
        )
        assert sizes == [1_024, 1_024, 452]


class TestTextTokenizer:
    tokenizer = TextTokenizer(PACKAGED, find_model())

    def whole(self, text):
        """Tokenise every character, and cut after that."""
        whole = Tokenizer.from_file(str(find_model() / "tokenizer.json"))
        whole.no_padding()
        whole.enable_truncation(PACKAGED.max_tokens)
        return whole.encode(text).ids

    @pytest.mark.parametrize(
        "text",
        [
            "the levee failed " * 2_000,
            "river     |              3.2 m   " * 2_000,
            "x" * 4_095 + " flood",
            "flood" + " " * 20_000 + "levee",
        ],
        ids=["prose", "a table", "a word at the cut", "a gap"],
    )
    def test_a_long_text_gives_the_ids_of_its_beginning(self, text):
        assert self.tokenizer.token_ids(["short", text])[1] == self.whole(text)
