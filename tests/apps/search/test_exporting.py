"""What was found, taken away: the hits on screen, in every format, and nothing that a spreadsheet would compute."""

import csv
import io
import json

import pytest

from apps.search.exporting import COLUMNS, table

pytestmark = pytest.mark.django_db

URL = "/search/export"


def on_screen(client, query):
    return [hit.passage_id for hit in client.get("/", query).context["outcome"].hits]


def in_csv(client, query):
    content = client.get(URL, {**query, "format": "csv"}).content.decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(content)))


class TestEveryFormat:
    @pytest.mark.parametrize(
        "query",
        [
            {"q": "levee"},
            {"q": "water", "kind": "tweet"},
            {"q": "levee", "page": 2},
            {"q": "levee", "since": "2026-04-12", "sort": "newest"},
        ],
    )
    def test_has_the_hits_on_screen_in_their_order(self, signed_in, library, put, query):
        for n in range(14):
            put(library["reports"], f"Levee bulletin {n}.", published=f"2026-04-{n + 10}")
        shown = on_screen(signed_in, query)
        assert shown
        assert [int(row["passage_id"]) for row in in_csv(signed_in, query)] == shown
        answer = json.loads(signed_in.get(URL, {**query, "format": "json"}).content)
        assert [row["passage_id"] for row in answer["results"]] == shown
        assert list(answer["results"][0]) == COLUMNS
        markdown = signed_in.get(URL, {**query, "format": "md"}).text
        assert markdown.count("\n## ") == len(shown)
        assert signed_in.get("/search/print", query).text.count('<li class="hit"') == len(shown)

    def test_can_have_all_that_was_found(self, signed_in, library, put):
        for n in range(25):
            put(library["reports"], f"Levee bulletin {n}.")
        found = signed_in.get("/", {"q": "levee"}).context["outcome"].found
        assert found > 20
        rows = in_csv(signed_in, {"q": "levee", "extent": "all", "page": 2})
        assert [int(row["rank"]) for row in rows] == list(range(1, found + 1))

    @pytest.mark.parametrize("query", [{"q": ""}, {"q": "levee", "corpus": "nowhere"}, {"q": "levee", "kind": "poem"}])
    @pytest.mark.parametrize("url", [URL, "/search/print"])
    def test_says_why_there_is_nothing(self, signed_in, library, url, query):
        response = signed_in.get(url, {**query, "format": "csv"})
        assert response.status_code == 400
        assert 'role="alert"' in response.text

    def test_that_is_not_known_is_refused(self, signed_in, library):
        response = signed_in.get(URL, {"q": "levee", "format": "exe"})
        assert response.status_code == 400
        assert "csv, json, md" in response.text

    def test_is_a_file_named_after_the_search(self, signed_in, library):
        header = signed_in.get(URL, {"q": "Which levée failed?", "format": "csv"})["Content-Disposition"]
        assert header.startswith("attachment; filename")
        assert "which-lev" in header


class TestCsv:
    @pytest.mark.parametrize(
        "text",
        ["=1+1", "+1", "-2+3", "@SUM(A1)", "\t=1+1", "\r\n=1+1", " =1", "＝1+1", "|calc", "%x", "=cmd|' /C calc'!A0"],
    )
    def test_has_no_cell_that_a_spreadsheet_computes(self, text):
        (_, row) = csv.reader(io.StringIO(table(["a"], [{"a": text}])))
        assert row[0][0] == "'"

    @pytest.mark.parametrize("value", [-3, 0.5, "-3.5", "plain", None, ["a", "b"]])
    def test_leaves_the_harmless_alone(self, value):
        (_, row) = csv.reader(io.StringIO(table(["a"], [{"a": value}])))
        assert row[0] == ("" if value is None else "a; b" if isinstance(value, list) else str(value))

    def test_of_a_document_made_to_hurt(self, signed_in, library, put):
        put(library["reports"], "=HYPERLINK(levee)", title="=1+1", author="@x")
        row = next(row for row in in_csv(signed_in, {"q": "levee hyperlink"}) if "HYPERLINK" in row["passage"])
        assert {row["passage"][0], row["title"][0], row["author"][0]} == {"'"}


class TestMarkdown:
    def test_cites_each_passage(self, signed_in, library):
        text = signed_in.get(URL, {"q": "Which levee failed?", "format": "md"}).text
        assert "> The levee at Crake Hollow failed at dawn." in text
        assert "— “Sitrep 7”. Situation reports, 11 Apr 2026. <http://testserver/documents/" in text

    def test_takes_nothing_of_a_text_for_markup(self, signed_in, library, put):
        put(library["reports"], "Levee <script>x</script> [a](javascript:b) *c*\n# d", title="*t*")
        text = signed_in.get(URL, {"q": "levee script", "format": "md"}).text
        for written in (r"\<script\>", r"\[a\](javascript:b)", r"\*c\*", r"> \# d", r"\*t\*"):
            assert written in text

    def test_takes_no_line_for_an_item_or_the_underline_of_a_heading(self, signed_in, library, put):
        put(library["reports"], "Levee\n===\n---\n- a\n+ b\n12. c\n3) d\n4.5 m\n5-year flood")
        lines = signed_in.get(URL, {"q": "levee flood", "format": "md"}).text.splitlines()
        wanted = [r"> \===", r"> \---", r"> \- a", r"> \+ b", r"> 12\. c", r"> 3\) d", r"> 4\.5 m", r"> 5\-year flood"]
        assert [line for line in lines if line in wanted] == wanted
