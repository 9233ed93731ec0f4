from apps.corpora import viewing
from apps.corpora.viewing import PageMark, ShownPassage, TextHeading
from tests.factories import DocumentFactory, PassageFactory

TEXT = "First page. Goes on here. Last page."


def passages(*spans):
    document = DocumentFactory.build()
    return [
        PassageFactory.build(pk=number, document=document, text=TEXT[start:end], start=start, end=end)
        for number, (start, end) in enumerate(spans, start=1)
    ]


def texts(shown):
    return [part if isinstance(part, PageMark) else part.parts for part in shown]


class TestShown:
    def test_marks_a_page_before_the_passage_that_begins_it(self):
        shown = viewing.shown(passages((0, 11), (12, 25)), page_starts=[0, 12])
        assert texts(shown) == [PageMark(1), ("First page.",), PageMark(2), ("Goes on here.",)]

    def test_marks_a_page_inside_the_passage_that_runs_over_it(self):
        shown = viewing.shown(passages((0, 25)), page_starts=[0, 12])
        assert texts(shown) == [PageMark(1), ("First page. ", PageMark(2), "Goes on here.")]

    def test_passes_over_empty_pages(self):
        shown = viewing.shown(passages((0, 11), (26, 36)), page_starts=[0, 12, 12, 26])
        assert texts(shown) == [PageMark(1), ("First page.",), PageMark(4), ("Last page.",)]

    def test_marks_none_where_the_format_has_no_pages(self):
        assert texts(viewing.shown(passages((0, 25)), page_starts=[])) == [("First page. Goes on here.",)]

    def test_points_at_the_passage_chosen(self):
        shown = viewing.shown(passages((0, 11), (12, 25)), page_starts=[], chosen=2)
        assert [part.is_chosen for part in shown if isinstance(part, ShownPassage)] == [False, True]

    def test_cuts_out_the_lines_that_are_headings(self):
        text = "Access\n\nP7 is cut.\n\nNeeds\nBoats."
        passage = PassageFactory.build(document=DocumentFactory.build(), text=text, start=100, end=100 + len(text))
        needs = 100 + text.index("Needs")
        shown = viewing.shown([passage], page_starts=[0, needs], headings=[(5, 1), (100, 1), (needs, 2), (900, 1)])
        assert texts(shown) == [
            PageMark(1),
            (TextHeading("Access", 1), "P7 is cut.", PageMark(2), TextHeading("Needs", 2), "Boats."),
        ]

    def test_shows_nothing_of_nothing(self):
        assert list(viewing.shown([], page_starts=[0])) == []


class TestFacts:
    def test_links_web_addresses_only(self):
        facts = viewing.facts({"url": "https://a.example/x", "note": "javascript:alert(1)", "empty": "", "row": 3})
        assert [(fact.name, fact.is_link) for fact in facts] == [("Url", True), ("Note", False), ("Row", False)]
