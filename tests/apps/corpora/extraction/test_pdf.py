"""PDFs drawn here line by line, so that each of their habits can be asked for by name."""

import io

import pytest
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.pdfgen.canvas import Canvas

from apps.corpora.extraction.pdf_lines import join
from apps.corpora.extraction.records import ExtractionFailed, Limits
from tests.apps.corpora.extraction.conftest import heading_texts

LEFT, TOP = 72, 760


class Drawing:
    """A PDF under the pen: text at a place, page by page."""

    def __init__(self, **options) -> None:
        self.buffer = io.BytesIO()
        self.canvas = Canvas(self.buffer, pagesize=A4, **options)

    def text(self, lines, *, x=LEFT, y=TOP, size=11, font="Helvetica", leading=None) -> "Drawing":
        self.canvas.setFont(font, size)
        for line in [lines] if isinstance(lines, str) else lines:
            self.canvas.drawString(x, y, line)
            y -= leading or size * 1.3
        return self

    def page(self) -> "Drawing":
        self.canvas.showPage()
        return self

    def bytes(self) -> bytes:
        self.canvas.save()
        return self.buffer.getvalue()


PROSE = [
    "The river rose by two metres in the night and eighty families have moved",
    "to the school on the hill, where volunteers had put up tents before the",
    "rain began.",
]


class TestParagraphs:
    def test_are_joined_from_their_lines(self, read_one):
        text = read_one(Drawing().text(PROSE).bytes(), "a.pdf").text
        assert text == " ".join(PROSE)

    def test_are_kept_apart_where_there_is_room_between(self, read_one):
        drawing = Drawing().text(PROSE).text(PROSE, y=600)
        assert read_one(drawing.bytes(), "a.pdf").text == "\n\n".join([" ".join(PROSE)] * 2)

    def test_of_two_columns_are_read_one_after_the_other(self, read_one):
        left = ["Water came over the", "levee at night and", "reached the school."]
        right = ["Boats are needed in", "the north, where the", "bridge has gone."]
        text = read_one(Drawing().text(left).text(right, x=320).bytes(), "a.pdf").text
        assert text.split("\n\n") == [" ".join(left), " ".join(right)]

    def test_of_a_list_are_items(self, read_one):
        items = [
            "\u2022 Blankets for forty adults and as many children, since the nights at this",
            "height are cold",
            "\u2022 Water",
        ]
        assert read_one(Drawing().text(items).bytes(), "a.pdf").text.split("\n") == [
            "• Blankets for forty adults and as many children, since the nights at this height are cold",
            "• Water",
        ]


class TestHeadings:
    def test_are_what_is_larger_or_bolder_than_the_body(self, read_one):
        drawing = (
            Drawing().text("Flood Update 3", size=24).text("Needs", y=700, font="Helvetica-Bold").text(PROSE, y=680)
        )
        document = read_one(drawing.bytes(), "a.pdf")
        assert heading_texts(document) == [(1, "Flood Update 3"), (4, "Needs")]

    def test_give_the_title_where_the_file_says_only_who_made_it(self, read_one):
        drawing = Drawing().text("Flood Update 3", size=24).text(PROSE, y=680)
        drawing.canvas.setTitle("Microsoft Word - update3_final.doc")
        assert read_one(drawing.bytes(), "a.pdf").title == "Flood Update 3"

    def test_are_not_the_bold_words_that_begin_a_paragraph(self, read_one):
        bold = "If you are told to evacuate then you must do so immediately and never"
        drawing = Drawing().text(bold, font="Helvetica-Bold").text(PROSE, y=TOP - 14)
        assert read_one(drawing.bytes(), "a.pdf").headings == ()


class TestPages:
    def test_begin_where_they_say(self, read_one):
        drawing = Drawing().text("First page.").page().page().text("Third page.").page()
        document = read_one(drawing.bytes(), "a.pdf")
        assert document.page_starts == (0, 13, 13)
        assert document.text[13:] == "Third page."
        assert document.metadata["pages_without_text"] == [2]

    def test_lose_their_numbers_and_repeated_headers(self, read_one):
        drawing = Drawing()
        for number in range(1, 6):
            drawing.text("Camp Handbook, 2014", y=810).text(f"Page {number} of 5", y=30).text(
                f"Words of chapter {number}.", y=600
            )
            drawing.page()
        text = read_one(drawing.bytes(), "a.pdf").text
        assert text.count("Camp Handbook") == 1
        assert "Page" not in text
        assert text.count("Words of chapter") == 5

    def test_shown_sideways_are_read_upright(self, read_one):
        drawing = Drawing()
        drawing.canvas.setPageRotation(90)
        drawing.canvas.rotate(90)
        drawing.text(PROSE, x=LEFT, y=-100)
        assert read_one(drawing.bytes(), "a.pdf").text == " ".join(PROSE)


class TestTables:
    def test_drawn_cell_by_cell_become_rows(self, read_one):
        drawing = Drawing()
        for column, cells in enumerate(
            [["Bomi", "Bong", "Lofa"], ["3", "9", "11"], ["0", "1", "2"], ["40%", "1%", "7"]]
        ):
            drawing.text(cells, x=LEFT + 90 * column, leading=20)
        assert read_one(drawing.bytes(), "a.pdf").text.split("\n") == [
            "Bomi | 3 | 0 | 40%",
            "Bong | 9 | 1 | 1%",
            "Lofa | 11 | 2 | 7",
        ]


class TestForms:
    def test_are_read_with_what_was_filled_in(self, read_one):
        drawing = Drawing().text("1. Incident Name:").text("2. Notes:", y=650).text("3. Prepared by:", y=500)
        place = {"width": 200, "height": 20}
        drawing.canvas.acroForm.textfield(name="name", value="Emerald City Flood", x=180, y=TOP - 8, **place)
        drawing.canvas.acroForm.textfield(name="notes", value="Levee failed at noon", x=LEFT, y=620, **place)
        drawing.canvas.acroForm.textfield(name="by", value="", x=180, y=492, **place)
        assert read_one(drawing.bytes(), "ics.pdf").text.split("\n") == [
            "1. Incident Name: Emerald City Flood",
            "2. Notes:",
            "",
            "Levee failed at noon",
            "",
            "3. Prepared by:",
        ]


class TestBrokenWords:
    WORDS = frozenset({"prevention", "well-known", "self", "contained"})

    @pytest.mark.parametrize(
        ("above", "line", "joined"),
        [
            ("the preven-", "tion of fire", "the prevention of fire"),
            ("the preven\ufffe", "tion of fire", "the prevention of fire"),
            ("a well-", "known place", "a well-known place"),
            ("is self-", "contained", "is self-contained"),
            ("the Kinshasa-", "Boende road", "the Kinshasa-Boende road"),
            ("the evacua-", "tion", "the evacuation"),
            ("plain", "words", "plain words"),
        ],
    )
    def test_become_whole_unless_the_hyphen_is_their_own(self, above, line, joined):
        assert join(above, line, self.WORDS) == joined


class TestUnreadable:
    def test_without_a_text_layer_asks_for_ocr(self, read):
        drawing = Drawing()
        drawing.canvas.rect(100, 100, 200, 200)
        drawing.page()
        with pytest.raises(ExtractionFailed, match="holds only images; run OCR"):
            read(drawing.bytes(), "scan.pdf")

    def test_locked_for_readers_asks_for_one_that_is_not(self, read):
        locked = Drawing(encrypt=StandardEncryption("reader", ownerPassword="owner")).text(PROSE).bytes()
        with pytest.raises(ExtractionFailed, match="opens only with a password"):
            read(locked, "a.pdf")

    def test_locked_against_changes_only_is_read(self, read_one):
        locked = Drawing(encrypt=StandardEncryption("", ownerPassword="owner", canCopy=0)).text(PROSE).bytes()
        assert read_one(locked, "a.pdf").text == " ".join(PROSE)

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
    def test_cut_short_says_so(self, read, share):
        whole = Drawing().text(PROSE).page().text(PROSE).bytes()
        with pytest.raises(ExtractionFailed, match=r"damaged|only images"):
            read(whole[: int(len(whole) * share)], "a.pdf")

    def test_of_too_many_pages_says_how_many_are_allowed(self, read):
        drawing = Drawing()
        for _ in range(4):
            drawing.text("x").page()
        with pytest.raises(ExtractionFailed, match="has 4 pages, and 3 is the limit"):
            read(drawing.bytes(), "a.pdf", limits=Limits(pages=3))
