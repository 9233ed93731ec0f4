from hypothesis import given
from hypothesis import strategies as st

from apps.search.marking import EXCERPT_CHARACTERS, excerpt

TEXT = "Roads are wet. Boil water for one minute. Then let it cool."
LONG = " ".join(f"Sentence number {n} says nothing of note about anything at all." for n in range(60))


class TestExcerpt:
    def test_marks_the_sentence_with_the_telling_words(self):
        found = excerpt(TEXT, {"boil": 5.0, "minut": 3.0})
        assert (found.before, found.best, found.after) == (
            "Roads are wet. ",
            "Boil water for one minute.",
            " Then let it cool.",
        )

    def test_weighs_a_rare_word_over_a_common_one(self):
        assert excerpt(TEXT, {"water": 0.1, "cool": 6.0}).best == "Then let it cool."

    def test_matches_words_by_their_stem(self):
        assert excerpt(TEXT, {"road": 1.0}).best == "Roads are wet."

    def test_prefers_an_answer_to_a_heading(self):
        text = "Boiling water and milk\nBoil water for one minute."
        assert excerpt(text, {"boil": 3.0, "water": 2.0, "milk": 1.0}).best == "Boil water for one minute."

    def test_marks_nothing_when_no_word_is_shared(self):
        found = excerpt(TEXT, {"earthquak": 4.0})
        assert found.best == ""
        assert found.before == TEXT

    def test_marks_nothing_in_a_single_sentence(self):
        assert excerpt("Boil water for one minute.", {"boil": 5.0}).best == ""

    def test_of_a_long_passage_is_whole_sentences_around_the_best(self):
        text = LONG.replace("number 30 says nothing", "number 30 speaks of chlorine")
        found = excerpt(text, {"chlorin": 6.0})
        assert "chlorine" in found.best
        assert found.starts_within
        assert found.ends_within
        assert found.before.startswith("Sentence")
        assert found.after.endswith(".")
        assert len(found.before + found.best + found.after) <= EXCERPT_CHARACTERS

    def test_cuts_a_table_without_sentences(self):
        found = excerpt("cell " * 2000, {"cell": 1.0})
        assert len(found.before) <= 2 * EXCERPT_CHARACTERS
        assert found.ends_within

    @given(st.text(max_size=2000), st.dictionaries(st.text(max_size=8), st.floats(0, 10), max_size=4))
    def test_is_always_a_run_of_the_text(self, text, weights):
        found = excerpt(text, weights)
        assert found.before + found.best + found.after in text
