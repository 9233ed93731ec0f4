"""Chunking, by properties that hold for any text and by examples a person would check."""

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.corpora.chunking import chunk
from apps.corpora.extraction.records import ExtractedDocument, Heading


def count_words(text: str) -> int:
    """Two special tokens, and four characters a token: additive over white space, as WordPiece is."""
    return 2 + sum(-(-len(word) // 4) for word in text.split())


def document(text: str, **fields) -> ExtractedDocument:
    return ExtractedDocument(title="t", text=text, **fields)


def texts(chunks):
    return [each.text for each in chunks]


PIECES = st.sampled_from(
    ["The levee failed. ", "Dr. No left. ", "\n", "\n\n", " | ", "x" * 90, "Roads are cut; ", "é", " ", "Nord. "]
)
TEXTS = st.lists(PIECES | st.text(max_size=20), max_size=60).map("".join)


@st.composite
def documents(draw):
    text = draw(TEXTS)
    line_starts = [0] + [at + 1 for at, character in enumerate(text) if character == "\n"]
    starts = sorted(draw(st.sets(st.sampled_from(line_starts), max_size=6)))
    headings = tuple(Heading(start, draw(st.integers(1, 4))) for start in starts)
    pages = tuple(sorted(draw(st.lists(st.integers(0, len(text)), max_size=4))))
    return document(text, headings=headings, page_starts=(0, *pages))


class TestAnyDocument:
    @given(documents(), st.integers(3, 60))
    @settings(max_examples=150, deadline=None)
    def test_is_cut_into_what_can_be_found_again_in_it(self, whole, max_tokens):
        for each in chunk(whole, max_tokens=max_tokens, count_tokens=count_words):
            assert whole.text[each.start : each.end] == each.text
            assert each.text == each.text.strip() != ""

    @given(documents(), st.integers(3, 60))
    @settings(max_examples=150, deadline=None)
    def test_loses_nothing_but_white_space(self, whole, max_tokens):
        end = 0
        for each in chunk(whole, max_tokens=max_tokens, count_tokens=count_words):
            assert each.start >= end
            assert not whole.text[end : each.start].strip()
            end = each.end
        assert not whole.text[end:].strip()

    @given(documents(), st.integers(3, 60))
    @settings(max_examples=150, deadline=None)
    def test_never_counts_more_than_the_limit(self, whole, max_tokens):
        for each in chunk(whole, max_tokens=max_tokens, count_tokens=count_words):
            assert each.tokens == count_words(each.text) <= max_tokens

    @given(documents())
    @settings(max_examples=100, deadline=None)
    def test_keeps_to_the_limit_of_a_tokenizer_that_counts_line_breaks(self, whole):
        def count(text: str) -> int:
            return count_words(text) + text.count("\n")

        for each in chunk(whole, max_tokens=20, count_tokens=count):
            assert count(each.text) <= 20


class TestSentences:
    def test_stay_whole(self):
        text = "The river rose by two metres overnight. Families moved to the school. Boats are needed now."
        chunks = chunk(document(text), max_tokens=16, count_tokens=count_words)
        assert texts(chunks) == [
            "The river rose by two metres overnight.",
            "Families moved to the school. Boats are needed now.",
        ]

    def test_too_long_are_cut_at_a_clause(self):
        text = "Move the generators, pumps and fuel to the upper floor, then call the district office at once"
        first, *_ = chunk(document(text), max_tokens=20, count_tokens=count_words)
        assert first.text.endswith("floor,")

    def test_of_a_table_row_stay_together(self):
        text = "Bomi | 12. March | 3 cases\nBong | 13. March | 9 cases"
        chunks = chunk(document(text), max_tokens=13, count_tokens=count_words)
        assert texts(chunks) == text.split("\n")


class TestParagraphs:
    def test_that_fit_are_packed_together(self):
        chunks = chunk(document("One.\n\nTwo.\n\nThree."), max_tokens=20, count_tokens=count_words)
        assert texts(chunks) == ["One.\n\nTwo.\n\nThree."]

    def test_are_a_better_border_than_sentences(self):
        paragraph = "Aaaa bbbb cccc dddd. " * 3
        text = f"{paragraph.strip()}\n\n{paragraph.strip()}"
        first, second = chunk(document(text), max_tokens=24, count_tokens=count_words)
        assert first.text == second.text == paragraph.strip()


class TestHeadings:
    TEXT = "Shelter\n\nRegistration\n\nWrite the names down.\n\nFood\n\nCook twice a day."
    HEADINGS = (Heading(0, 1), Heading(9, 2), Heading(46, 1))

    def test_are_the_path_of_what_is_under_them(self):
        chunks = chunk(document(self.TEXT, headings=self.HEADINGS), max_tokens=60, count_tokens=count_words)
        assert [each.heading for each in chunks] == ["Shelter > Registration", "Food"]

    def test_of_the_top_level_begin_a_passage(self):
        chunks = chunk(document(self.TEXT, headings=self.HEADINGS), max_tokens=60, count_tokens=count_words)
        assert [each.text.splitlines()[0] for each in chunks] == ["Shelter", "Food"]

    def test_never_end_a_passage(self):
        text = "Aaaa. " * 9 + "\n\nFood\n\n" + "Bbbb. " * 9
        whole = document(text, headings=(Heading(text.index("Food"), 2),))
        chunks = chunk(whole, max_tokens=21, count_tokens=count_words)
        assert not any(each.text.endswith("Food") for each in chunks)

    def test_over_a_sentence_as_long_as_the_limit_are_not_left_alone(self):
        text = "Food\n\n" + "aaaa " * 17 + "aaaa."
        whole = document(text, headings=(Heading(0, 1),))
        first, *_ = chunk(whole, max_tokens=20, count_tokens=count_words)
        assert first.text.startswith("Food\n\naaaa")

    def test_of_small_neighbours_share_a_passage_under_what_is_over_both(self):
        text = "Shelter\n\nBeds\n\nTen.\n\nWater\n\nTwo."
        headings = (Heading(0, 1), Heading(9, 2), Heading(21, 2))
        (only,) = chunk(document(text, headings=headings), max_tokens=200, count_tokens=count_words)
        assert only.heading == "Shelter"


class TestPages:
    def test_are_where_the_chunk_begins(self):
        text = "First page.\n\nThird page."
        whole = document(text, page_starts=(0, 13, 13))
        chunks = chunk(whole, max_tokens=8, count_tokens=count_words)
        assert [each.page for each in chunks] == [1, 3]

    def test_are_none_where_there_are_none(self):
        (only,) = chunk(document("Words."), max_tokens=9, count_tokens=count_words)
        assert only.page is None


class TestTweets:
    def test_stay_whole_whatever_they_count(self):
        text = " Water everywhere. Send boats. " * 20
        (only,) = chunk(document(text, kind="tweet"), max_tokens=20, count_tokens=count_words)
        assert only.text == text.strip()

    def test_without_words_give_nothing(self):
        assert chunk(document(" \n ", kind="tweet"), max_tokens=20, count_tokens=count_words) == []


class TestCost:
    def test_five_megabytes_on_one_line_take_seconds(self):
        text = "water " * 850_000
        calls = []

        def count(piece: str) -> int:
            calls.append(len(piece))
            return 2 + piece.count(" ") + 1

        began = time.perf_counter()
        chunks = chunk(document(text), max_tokens=256, count_tokens=count)
        assert time.perf_counter() - began < 10
        assert len(calls) < 5 * len(chunks)

    def test_a_limit_below_the_special_tokens_is_refused(self):
        with pytest.raises(ValueError, match="no room"):
            chunk(document("Words."), max_tokens=2, count_tokens=count_words)
