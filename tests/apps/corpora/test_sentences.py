import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from apps.corpora.sentences import sentences


def split(text: str) -> list[str]:
    return [text[start:end] for start, end in sentences(text)]


class TestSentences:
    @pytest.mark.parametrize(
        "text",
        [
            "Dr. Smith arrived with No. 5 pump and approx. 30 volunteers.",
            "Those of the U.S. Army, e.g. Engineers, helped.",
            "J. R. Tolkien wrote it.",
            "The water rose 3.5 m in an hour.",
            "M. Dupont est arrivé à Kayes.",
            "See Fig. 3 and Sec. 4 for details.",
            "On Dec. 3 it rained.",
            "MODELS...WITH LITTLE IMPACT ON IOWA.",
        ],
    )
    def test_does_not_end_at_an_abbreviation(self, text):
        assert split(text) == [text]

    @pytest.mark.parametrize(
        "text",
        [
            ["He left at 14:05Z.", "She stayed."],
            ["They met at 5 p.m.", "The dam failed."],
            ["Is it safe?", "No.", "Go!"],
            ["He said “stop.”", "She went on."],
            ["1. Shelter in place.", "2. Leave when told."],
            ["Needs: tents, soap, etc.", "Food came."],
            ["The river rose by 3.5 m.", "Is it safe?"],
        ],
    )
    def test_end_where_a_reader_would_say(self, text):
        assert split(" ".join(text)) == text

    def test_of_other_scripts_need_no_space(self):
        assert split("洪水来了。请撤离。") == ["洪水来了。", "请撤离。"]
        assert split("هل أنت آمن؟ نعم.") == ["هل أنت آمن؟", "نعم."]

    def test_end_with_the_line(self):
        assert split("Tents: 40\nWater: none") == ["Tents: 40", "Water: none"]

    @given(st.text(alphabet=st.sampled_from("aA. !?\n。é\t5m”"), max_size=80))
    def test_hold_every_character_but_space(self, text):
        assert "".join("".join(split(text)).split()) == "".join(text.split())

    @pytest.mark.parametrize("text", ["x." * 1_500_000, "." * 3_000_000, "a b. " * 600_000, " " * 3_000_000])
    def test_are_found_in_linear_time(self, text):
        began = time.perf_counter()
        sentences(text)
        assert time.perf_counter() - began < 6
