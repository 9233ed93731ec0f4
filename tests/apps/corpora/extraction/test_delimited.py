import json
from datetime import UTC, datetime

import pytest

from apps.corpora.extraction.records import BadRow, ExtractedDocument, ExtractionFailed, Limits, Mapping

HEADER = "id,title,text,date\n"


def documents(records):
    return [each for each in records if isinstance(each, ExtractedDocument)]


def bad_rows(records):
    return [each for each in records if isinstance(each, BadRow)]


class TestRows:
    def test_become_documents_by_their_columns(self, read):
        (document,) = read(HEADER + "7,Flood,The river rose.,2014-09-12\n", "a.csv")
        assert (document.external_id, document.title, document.text) == ("7", "Flood", "Flood\n\nThe river rose.")
        assert document.published_at == datetime(2014, 9, 12, tzinfo=UTC)

    def test_keep_the_columns_without_a_meaning_as_metadata(self, read):
        (document,) = read("text,county\nThe river rose.,Bomi\n", "a.csv")
        assert document.metadata == {"county": "Bomi", "row": 2}

    def test_follow_the_uploaders_mapping(self, read):
        mapping = Mapping(text=("title", "text"), id="date")
        (document,) = read(HEADER + "7,Flood,The river rose.,x1\n", "a.csv", mapping=mapping)
        assert (document.text, document.external_id) == ("Flood\n\nThe river rose.", "x1")

    def test_of_numbers_only_are_whole_the_text(self, read):
        (first, _second) = read("county,cases\nBomi,3\nBong,9\n", "a.csv")
        assert first.text == "county: Bomi\ncases: 3"

    def test_are_tweets_where_the_uploader_says_so(self, read):
        (document,) = read("text\nWater on Main Street\n", "a.csv", kind="tweet")
        assert document.kind == "tweet"

    @pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
    def test_are_told_apart_by_any_usual_mark(self, read, mark):
        (document,) = read(mark.join(["id", "text"]) + "\n" + mark.join(["7", "The river rose."]) + "\n", "a.csv")
        assert (document.external_id, document.text) == ("7", "The river rose.")

    @pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.json"])
    def test_have_their_days_first_where_any_row_says_so(self, read, name):
        """In order of time: the first 240 rows are of 1 to 12 September."""
        days = [*(day for day in range(1, 13) for _ in range(20)), 13]
        found = [{"text": f"Gauge {number} rose.", "date": f"{day:02}/09/2014"} for number, day in enumerate(days)]
        shapes = {
            "a.csv": "text,date\n" + "\n".join(f"{row['text']},{row['date']}" for row in found),
            "a.jsonl": "\n".join(map(json.dumps, found)),
            "a.json": json.dumps(found),
        }
        assert [each.published_at for each in documents(read(shapes[name], name))] == [
            datetime(2014, 9, day, tzinfo=UTC) for day in days
        ]

    def test_may_hold_line_breaks_and_marks_in_quotes(self, read):
        (document,) = read('id,text\n7,"The river, \n""Bee"", rose."\n', "a.csv")
        assert document.text == 'The river,\n"Bee", rose.'

    def test_without_a_header_are_all_data(self, read):
        records = read("1,The river rose over its banks.\n2,Families moved up to the school.\n", "a.csv")
        assert [each.text for each in records] == ["The river rose over its banks.", "Families moved up to the school."]

    def test_in_another_character_set_are_read(self, read):
        (document,) = read("id,text\n7,Des décès à Nzérékoré\n".encode("cp1252"), "a.csv")
        assert document.text == "Des décès à Nzérékoré"


class TestBrokenRows:
    def test_are_named_by_number_and_the_others_go_in(self, read):
        records = read(HEADER + "1,A,First text.,\n2,B\n3,C,Third text.,\n4,D,x,y,z\n5,E,Fifth text.,\n", "a.csv")
        assert [each.external_id for each in documents(records)] == ["1", "3", "5"]
        assert bad_rows(records) == [
            BadRow(3, "it has 2 values, and the table has 4 columns"),
            BadRow(5, "it has 5 values, and the table has 4 columns"),
        ]

    def test_with_an_open_quotation_mark_take_no_other_row_with_them(self, read):
        table = 'id,text,place\n1,"never closed,Bomi\n2,Second text.,Bong\n3,"Third, text.",Lofa\n4,Fourth text.,Bomi\n'
        records = read(table, "a.csv")
        assert [each.external_id for each in documents(records)] == ["2", "3", "4"]
        assert bad_rows(records) == [BadRow(2, "a quotation mark is opened and not closed")]

    def test_with_careless_quotes_inside_are_read_all_the_same(self, read):
        (document,) = read('id,text\n1,"He said "go" now"\n', "a.csv")
        assert "go" in document.text

    def test_without_text_are_named(self, read):
        records = read(HEADER + "1,A,,\n2,B,Second.,\n", "a.csv")
        assert bad_rows(records) == [BadRow(2, "there is no text in “text”")]

    def test_with_a_huge_value_are_named(self, read):
        limits = Limits(cell_characters=1000)
        records = read(f"id,text\n1,{'x' * 2000}\n2,Second text.\n", "a.csv", limits=limits)
        assert [each.external_id for each in documents(records)] == ["2"]
        assert bad_rows(records) == [BadRow(2, "one of its values is longer than 1,000 characters")]

    def test_with_nul_characters_are_cleaned(self, read):
        records = read("id,text\n1,Fir\x00st text.\n", "a.csv")
        assert [each.text for each in records] == ["First text."]

    def test_blank_ones_are_passed_over(self, read):
        assert len(read("id,text\n\n1,First.\n,\n2,Second.\n", "a.csv")) == 2


class TestMapping:
    def test_is_guessed_from_names(self, guess):
        table = "tweet_id,created_at,user.screen_name,lang,text,link\n1,2014-09-12,ann,en,Water in town,http://x\n"
        assert guess(table, "a.csv") == Mapping(
            text=("text",), date="created_at", id="tweet_id", author="user.screen_name", url="link", language="lang"
        )

    def test_is_guessed_from_contents(self, guess):
        table = "nr;was;wann\n1;The river rose over its banks in the night;12.09.2014\n2;Eighty families have moved to the school now;13.09.2014\n"
        found = guess(table, "a.csv")
        assert (found.text, found.date) == (("was",), "wann")

    def test_goes_to_json_and_back(self):
        mapping = Mapping(text=("a", "b"), title="c")
        assert Mapping.from_dict(mapping.to_dict()) == mapping

    def test_refuses_a_field_it_does_not_have(self):
        with pytest.raises(ValueError, match="no field colour"):
            Mapping.from_dict({"colour": "red"})

    def test_to_a_column_that_is_not_there_says_which_are(self, read):
        with pytest.raises(ExtractionFailed, match=r"no column “body”\. Its columns are: id, text"):
            read("id,text\n1,First.\n", "a.csv", mapping=Mapping(text=("body",)))

    def test_of_one_document_is_none(self, guess):
        assert guess("The river rose.", "a.txt") is None


class TestTitles:
    def test_stand_before_the_text_as_its_heading_so_that_they_are_searched(self, read):
        (document,) = read("title,text\nFlood at Marram,The levee failed.\n", "a.csv")
        assert document.text == "Flood at Marram\n\nThe levee failed."
        assert [(heading.start, heading.level) for heading in document.headings] == [(0, 1)]

    def test_are_not_said_twice(self, read):
        (document,) = read("title,text\nFlood at Marram,Flood at Marram. The levee failed.\n", "a.csv")
        assert document.text == "Flood at Marram. The levee failed."
