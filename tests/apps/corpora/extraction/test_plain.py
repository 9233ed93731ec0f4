from datetime import UTC, datetime

import pytest

from apps.corpora.extraction.records import ExtractionFailed
from tests.apps.corpora.extraction.conftest import heading_texts

WRAPPED = """\
Situation Report 3
==================

The river rose by two metres in the night, and eighty families have
moved to the school on the hill, where the Red Cross had put up tents
before the rain.

Needs
-----
- Blankets for forty adults and as many children, since the nights at
  this height are cold
- Water
"""
WARNING = """
593
WFUS54 KJAN 291656
TORJAN
MSC035-073-091-291815-
/O.NEW.KJAN.TO.W.0130.050829T1651Z-050829T1815Z/

BULLETIN - EAS ACTIVATION REQUESTED
TORNADO WARNING
NATIONAL WEATHER SERVICE JACKSON MS
1151 AM CDT MON AUG 29 2005

.WINDS NEAR THE COAST...
PEOPLE IN THE PATH OF THESE DESTRUCTIVE WINDS ARE URGED TO SEEK A
STURDY SHELTER IMMEDIATELY!

LAT...LON 3103 8984 3093 8915

$$
"""


class TestPlainText:
    def test_joins_wrapped_lines_and_keeps_items_apart(self, read_one):
        text = read_one(WRAPPED, "report.txt").text
        assert (
            "eighty families have moved to the school on the hill, where the Red Cross had put up tents before" in text
        )
        assert "since the nights at this height are cold\n- Water" in text

    def test_takes_underlined_lines_for_headings(self, read_one):
        document = read_one(WRAPPED, "report.txt")
        assert heading_texts(document) == [(1, "Situation Report 3"), (2, "Needs")]
        assert document.title == "Situation Report 3"

    def test_leaves_one_paragraph_a_line_alone(self, read_one):
        lines = ["One paragraph that is as long as paragraphs are. " * 6 for _ in range(4)]
        assert read_one("\n".join(lines), "a.txt").text.count("\n") == 3

    def test_keeps_the_lines_of_a_table(self, read_one):
        table = "0301 PM     HAIL        FOREST CITY\n0310 PM     FUNNEL      MANLY\n0328 PM     HAIL        GARNER"
        assert read_one(table, "LSR.txt").text.split("\n")[1] == "0310 PM FUNNEL MANLY"

    def test_is_called_like_its_file_where_nothing_better_is_said(self, read_one):
        assert read_one("Water came.", "folder/2014-09_flood-update_FINAL.txt").title == "2014-09 flood update FINAL"

    def test_says_how_its_date_was_found(self, read_one):
        document = read_one("Update of 12 September 2014. Water came.", "a.txt")
        assert document.published_at == datetime(2014, 9, 12, tzinfo=UTC)
        assert document.metadata["published_at_from"] == "head of text"

    def test_without_words_is_refused(self, read):
        with pytest.raises(ExtractionFailed, match="only white space"):
            read(" \n\t\n", "a.txt")

    def test_of_five_megabytes_on_one_line_is_read(self, read_one):
        assert len(read_one("water " * 850_000, "a.txt").text) > 5_000_000

    def test_of_five_megabytes_without_a_blank_line_is_joined(self, read_one):
        text = "the river rose by two metres in the night and eighty families have moved\n" * 70_000
        assert "\n" not in read_one(text, "a.txt").text


class TestBulletin:
    def test_has_the_products_name_and_time(self, read_one):
        document = read_one(WARNING, "TOR.txt")
        assert document.title == "TORNADO WARNING, NATIONAL WEATHER SERVICE JACKSON MS"
        assert document.published_at == datetime(2005, 8, 29, 16, 51, tzinfo=UTC)

    def test_keeps_codes_for_machines_out_of_the_text(self, read_one):
        document = read_one(WARNING, "TOR.txt")
        assert "KJAN" not in document.text
        assert "$$" not in document.text
        assert document.metadata["events"] == ["O.NEW.KJAN.TO.W.0130.050829T1651Z-050829T1815Z"]
        assert document.metadata["zones"] == ["MSC035-073-091-291815-"]

    def test_has_its_sections_for_headings(self, read_one):
        assert heading_texts(read_one(WARNING, "TOR.txt")) == [(2, "WINDS NEAR THE COAST")]

    def test_joins_its_wrapped_lines(self, read_one):
        assert "SEEK A STURDY SHELTER IMMEDIATELY!" in read_one(WARNING, "TOR.txt").text
