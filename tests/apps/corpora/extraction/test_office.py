"""DOCX, PPTX and XLSX made here by their libraries, and what must not be opened."""

import io
import zipfile

import docx
import openpyxl
import pptx
import pytest
from pptx.util import Inches

from apps.corpora.extraction.records import BadRow, ExtractionFailed, Limits, Mapping
from tests.apps.corpora.extraction.conftest import heading_texts


def saved(document) -> bytes:
    buffer = io.BytesIO()
    document.save(buffer)
    return buffer.getvalue()


def word_file(**properties) -> bytes:
    document = docx.Document()
    document.core_properties.title = properties.get("title", "")
    document.core_properties.author = "Ann"
    document.add_heading("Shelter", level=1)
    document.add_heading("Registration", level=2)
    document.add_paragraph("Write the names down.")
    document.add_paragraph("Tents", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip(table._cells, ["County", "Cases", "Bomi", "3"], strict=True):
        cell.text = text
    document.add_paragraph("After the table.")
    return saved(document)


def with_part(package: bytes, name: str, content: bytes) -> bytes:
    """Return the zip `package` with one part put in or replaced."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(package)) as old, zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            if part.filename != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content)
    return buffer.getvalue()


class TestDocx:
    def test_has_headings_text_and_tables_in_order(self, read_one):
        document = read_one(word_file(), "a.docx")
        assert heading_texts(document) == [(1, "Shelter"), (2, "Registration")]
        lines = [line for line in document.text.split("\n") if line]
        assert lines[2:] == ["Write the names down.", "Tents", "County | Cases", "Bomi | 3", "After the table."]

    def test_is_called_by_its_properties_else_by_its_first_heading(self, read_one):
        assert read_one(word_file(title="Camp guide"), "a.docx").title == "Camp guide"
        assert read_one(word_file(title="Microsoft Word - x.doc"), "a.docx").title == "Shelter"

    def test_includes_insertions_and_leaves_deletions_out(self, read_one):
        document = docx.Document()
        paragraph = document.add_paragraph("Stay. ")
        namespace = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'
        for change in (
            f"<w:ins {namespace}><w:r><w:t>Leave now.</w:t></w:r></w:ins>",
            f"<w:del {namespace}><w:r><w:delText>Wait.</w:delText></w:r></w:del>",
        ):
            paragraph._p.append(docx.oxml.parse_xml(change))
        assert read_one(saved(document), "a.docx").text == "Stay. Leave now."

    def test_under_another_name_is_read_as_what_it_is(self, read_one):
        assert read_one(word_file(), "a.pdf").text.startswith("Shelter")

    def test_without_words_is_refused(self, read):
        with pytest.raises(ExtractionFailed, match="holds no text"):
            read(saved(docx.Document()), "a.docx")

    def test_with_a_billion_laughs_is_refused(self, read):
        laughs = b'<?xml version="1.0"?><!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY a "&lol;&lol;">]><x>&a;</x>'
        with pytest.raises(ExtractionFailed, match="declares XML entities"):
            read(with_part(word_file(), "word/document.xml", laughs), "a.docx")

    def test_that_is_a_bomb_is_refused_unopened(self, read):
        bomb = with_part(word_file(), "word/media/image1.xml", b" " * 51 * 1024 * 1024)
        with pytest.raises(ExtractionFailed, match="bomb"):
            read(bomb, "a.docx")
        with pytest.raises(ExtractionFailed, match="unpacks to more than 1 MB"):
            read(bomb, "a.docx", limits=Limits(member_bytes=1024 * 1024))

    def test_with_broken_xml_says_so(self, read):
        with pytest.raises(ExtractionFailed, match="damaged"):
            read(with_part(word_file(), "word/document.xml", b"<w:document><w:body>"), "a.docx")

    def test_cut_short_says_so(self, read):
        with pytest.raises(ExtractionFailed, match="damaged"):
            read(word_file()[:-2000], "a.docx")


def slide_deck() -> bytes:
    deck = pptx.Presentation()
    for title, points in {"Alert": ["Sirens sound", "Go uphill"], "Return": ["Wait for the all-clear"]}.items():
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = title
        slide.placeholders[1].text = "\n".join(points)
    slide.notes_slide.notes_text_frame.text = "Say it twice."
    box = slide.shapes.add_textbox(Inches(1), Inches(6), Inches(2), Inches(1))
    box.text_frame.text = "Bottom box"
    table = slide.shapes.add_table(1, 2, Inches(1), Inches(5), Inches(4), Inches(1)).table
    table.cell(0, 0).text, table.cell(0, 1).text = "Gate", "Open"
    return saved(deck)


class TestPptx:
    def test_has_a_page_a_slide(self, read_one):
        document = read_one(slide_deck(), "a.pptx")
        assert [document.text[start:].partition("\n")[0] for start in document.page_starts] == ["Alert", "Return"]
        assert [text for _, text in heading_texts(document)] == ["Alert", "Return"]

    def test_reads_shapes_from_top_to_bottom_then_notes(self, read_one):
        text = read_one(slide_deck(), "a.pptx").text
        parts = ["Wait for the all-clear", "Gate | Open", "Bottom box", "Notes:\nSay it twice."]
        assert sorted(parts, key=text.index) == parts


def workbook(*rows, title="Sheet") -> bytes:
    book = openpyxl.Workbook()
    book.active.title = title
    for row in rows:
        book.active.append(row)
    return saved(book)


RECORDS = (
    ["ID", "Lesson", "Country"],
    [1, "Trucks must be booked before the rains begin each year.", "Mali"],
    [2, "Radio messages reached more people than posters ever did.", "Chad"],
    [None, None, None],
    [3, "Cash was better received than food in the towns this time.", "Niger"],
)


class TestXlsx:
    def test_of_records_gives_a_document_a_row(self, read):
        documents = read(workbook(*RECORDS), "a.xlsx")
        assert [each.external_id for each in documents] == ["1", "2", "3"]
        assert documents[2].metadata == {"Country": "Niger", "row": 5}

    def test_of_dates_in_order_is_looked_through_for_which_number_is_the_day(self, read):
        rows = [[f"The gauge rose to {number} metres in the night.", "01/09/2014"] for number in range(240)]
        documents = read(workbook(["Lesson", "Date"], *rows, ["The gauge fell in the night.", "13/09/2014"]), "a.xlsx")
        assert len(documents) == 241
        assert {each.published_at.month for each in documents} == {9}

    def test_says_what_its_columns_mean(self, guess):
        assert guess(workbook(*RECORDS), "a.xlsx") == Mapping(text=("Lesson",), id="ID")

    def test_of_figures_is_one_document(self, read_one, guess):
        table = workbook(["County", "Cases"], ["Bomi", 3], ["Bong", 9.5], title="Week 3")
        document = read_one(table, "cases.xlsx")
        assert document.text == "Week 3\n\nCounty: Bomi | Cases: 3\nCounty: Bong | Cases: 9.5"
        assert guess(table, "cases.xlsx") is None

    def test_with_values_beside_the_table_names_the_row(self, read):
        records = read(workbook(*RECORDS, [4, "x", "y", "stray"]), "a.xlsx")
        assert BadRow(6, "it has values to the right of the table's 3 columns") in records

    def test_without_values_is_refused(self, read):
        with pytest.raises(ExtractionFailed, match="no values"):
            read(workbook(), "a.xlsx")
