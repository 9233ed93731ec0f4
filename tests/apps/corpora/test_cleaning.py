import json

from hypothesis import example, given
from hypothesis import strategies as st

from apps.corpora.cleaning import clean, clean_line, clean_values, shorten


class TestClean:
    def test_mends_characters_read_in_the_wrong_set(self):
        assert clean("dÃ©cÃ¨s confirmÃ©s") == "décès confirmés"

    def test_leaves_quotation_marks_and_entities_as_they_were_written(self):
        assert clean("“Stay” &amp; wait – é") == "“Stay” &amp; wait – é"

    def test_drops_controls_and_keeps_line_breaks(self):
        assert clean("a\x00b\x07\r\nc\x85d\u200b\u202ee") == "ab\nc\nde"

    def test_composes_accents(self):
        assert clean("e\u0301") == "é"

    def test_narrows_white_space_but_not_paragraphs(self):
        assert clean("  a \t\u00a0 b  \n\n\n \n c ") == "a b\n\nc"

    @given(st.text())
    def test_gives_what_postgresql_and_json_can_hold(self, text):
        cleaned = clean(text)
        assert "\x00" not in cleaned
        json.dumps(cleaned, ensure_ascii=False).encode("utf-8")

    @given(st.text())
    @example("\x8dÀ\x86")
    def test_is_done_after_once(self, text):
        assert clean(clean(text)) == clean(text)


class TestCleanLine:
    def test_is_one_line(self):
        assert clean_line(" a\n\nb ") == "a b"


class TestCleanValues:
    def test_reaches_every_string(self):
        assert clean_values({"a": [float("nan"), float("-inf"), 1.5]}) == {"a": [None, None, 1.5]}
        assert clean_values({"a\x00": ["b\x00", {"c": "d\ud800"}], "n": 1}) == {"a": ["b", {"c": "d\ufffd"}], "n": 1}


class TestShorten:
    def test_cuts_at_a_word(self):
        assert shorten("the levee failed at noon", 18) == "the levee failed…"

    def test_leaves_what_fits(self):
        assert shorten("noon", 4) == "noon"
