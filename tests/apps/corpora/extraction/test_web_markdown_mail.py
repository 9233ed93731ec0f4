from datetime import UTC, datetime
from email.message import EmailMessage

import pytest

from apps.corpora.extraction.records import BadRow, ExtractedDocument, ExtractionFailed
from tests.apps.corpora.extraction.conftest import heading_texts

PAGE = """<!doctype html><html lang="fr"><head><title>Crues 3</title>
<meta property="article:published_time" content="2019-03-20"></head><body>
<nav><a href="/">Accueil</a><a href="/b">À propos</a></nav>
<h1>Crues</h1><p>Le fleuve a monté de <b>deux mètres</b> dans la nuit et les familles sont allées à l'école sur la colline,
où la Croix-Rouge avait dressé des tentes avant la pluie.</p>
<h2>Besoins</h2><ul><li>Tentes : 40</li><li>Eau : <i>aucune</i></li></ul>
<table><tr><th>Cercle</th><th>Cas</th></tr><tr><td>Kayes</td><td>3</td></tr></table>
<script>alert("x")</script><p>Les routes restent coupées.<br>Les bateaux passent.</p></body></html>"""


class TestHtml:
    def test_keeps_headings_items_and_rows(self, read_one):
        document = read_one(PAGE, "a.html")
        assert heading_texts(document) == [(1, "Crues"), (2, "Besoins")]
        assert "- Tentes : 40\n- Eau : aucune\n\nCercle | Cas\nKayes | 3" in document.text
        assert "Les routes restent coupées.\nLes bateaux passent." in document.text

    def test_leaves_menus_and_scripts_out(self, read_one):
        text = read_one(PAGE, "a.html").text
        assert "Accueil" not in text
        assert "alert" not in text

    def test_has_the_language_and_date_that_the_page_says(self, read_one):
        document = read_one(PAGE, "a.html")
        assert (document.language, document.published_at) == ("fr", datetime(2019, 3, 20, tzinfo=UTC))
        assert document.metadata["published_at_from"] == "page metadata"

    def test_is_called_by_its_heading_without_the_name_of_the_site(self, read_one):
        page = "<html><head><title>Flood <b>| OCHA</title></head><body><h1>Flo<i>od</i></h1><p>Water.</p></body></html>"
        assert read_one(page, "a.html").title == "Flood"

    def test_guesses_no_date_from_its_words(self, read_one):
        page = "<html><body><p>Version 1.17 of 2037-03.</p><pre>hash\n  2017-04-24x</pre></body></html>"
        document = read_one(page, "a.html")
        assert document.published_at is None
        assert document.text.endswith("hash\n2017-04-24x")

    def test_in_the_character_set_that_it_names_is_read(self, read_one):
        page = '<html><head><meta charset="windows-1252"></head><body><p>Décès</p></body></html>'
        assert read_one(page.encode("cp1252"), "a.html").text == "Décès"

    def test_laid_out_by_tables_is_read_by_its_blocks(self, read_one):
        cell = "<h2>Needs</h2><p>Tents.</p><p>Water.</p>"
        rows = "<tr><td>Bomi</td><td>3</td></tr><tr><td>Bong</td><td>9</td></tr>"
        page = (
            f"<html><body><table><tr><td>{cell}</td></tr><tr><td><table>{rows}</table></td></tr></table></body></html>"
        )
        document = read_one(page, "a.html")
        assert document.text == "Needs\n\nTents.\n\nWater.\n\nBomi | 3\nBong | 9"
        assert heading_texts(document) == [(2, "Needs")]

    def test_of_tables_only_is_read_whole(self, read_one):
        rows = "".join(f"<tr><td>Place {n}</td><td>{n}</td></tr>" for n in range(30))
        assert read_one(f"<html><body><table>{rows}</table></body></html>", "a.html").text.count("\n") == 29

    def test_nested_a_hundred_thousand_deep_does_no_harm(self, read_one):
        assert "water" in read_one("<html><body><p>water" + "<div>" * 100_000 + "</body></html>", "a.html").text

    def test_goes_on_after_a_nul(self, read_one):
        assert read_one("<html><body><p>Wa\x00ter</p><p>Fire</p></body></html>", "a.html").text == "Water\n\nFire"

    def test_without_words_is_refused(self, read):
        with pytest.raises(ExtractionFailed, match="holds no text"):
            read("<html><body><script>build()</script></body></html>", "a.html")


NOTE = """---
title: "Camp guide"
date: 2020-05-01
author: Ann
---
# Shelter

Some **bold** words
wrapped, with a [link](http://x) and 4-1\\. escaped.

**WATER**

1. Boil it
2. Wait
   * an hour

| County | Cases |
|--------|-------|
| Bomi   | 3     |

> Quoted words.
"""


class TestMarkdown:
    def test_is_read_not_shown(self, read_one):
        document = read_one(NOTE, "a.md")
        assert heading_texts(document) == [(1, "Shelter"), (4, "WATER")]
        assert "Some bold words wrapped, with a link and 4-1. escaped." in document.text
        assert "1. Boil it\n2. Wait\n- an hour\n\nCounty | Cases\nBomi | 3\n\nQuoted words." in document.text

    def test_begins_with_its_facts(self, read_one):
        document = read_one(NOTE, "a.md")
        assert (document.title, document.author) == ("Camp guide", "Ann")
        assert document.published_at == datetime(2020, 5, 1, tzinfo=UTC)

    def test_of_a_rule_before_a_million_empty_lines_does_no_harm(self, read_one):
        assert read_one("---" + "\n" * 1_000_000 + "water", "a.md").text.endswith("water")

    def test_of_a_million_quote_marks_does_no_harm(self, read_one):
        assert read_one(">" * 1_000_000 + " water\n\nfire", "a.md").text.endswith("fire")


def message(**parts) -> EmailMessage:
    made = EmailMessage()
    made["From"] = "Ann <ann@example.org>"
    made["To"] = "desk@example.org"
    made["Subject"] = parts.get("subject", "Sitrep 5 – crues")
    made["Date"] = "Tue, 04 Nov 2014 10:00:00 +0100"
    made["Message-ID"] = "<5@example.org>"
    made.set_content(parts.get("text", "Bonjour,\n\nLes eaux montent à Kayes.\n"))
    return made


class TestEmail:
    def test_has_its_headers_as_fields(self, read_one):
        document = read_one(message().as_bytes(), "a.eml")
        assert (document.title, document.external_id) == ("Sitrep 5 – crues", "5@example.org")
        assert document.published_at == datetime(2014, 11, 4, 9, tzinfo=UTC)
        assert document.author == document.metadata["from"] == "Ann <ann@example.org>"
        assert document.text == "Bonjour,\n\nLes eaux montent à Kayes."

    def test_of_html_only_is_read(self, read_one):
        made = message()
        made.set_content("<p>Les eaux <b>montent</b>.</p>", subtype="html")
        assert read_one(made.as_bytes(), "a.eml").text == "Les eaux montent."

    def test_whose_plain_part_says_nothing_is_read_by_its_html_part(self, read_one):
        made = message(text=" \n\u00a0\n")
        made.add_alternative("<p>Les eaux <b>montent</b>.</p>", subtype="html")
        assert read_one(made.as_bytes(), "a.eml").text == "Les eaux montent."

    def test_is_read_by_its_plain_part_where_that_says_something(self, read_one):
        made = message()
        made.add_alternative("<p>Les eaux <b>montent</b>.</p>", subtype="html")
        assert read_one(made.as_bytes(), "a.eml").text == "Bonjour,\n\nLes eaux montent à Kayes."

    def test_gives_its_attachments_as_documents_of_their_own(self, read):
        made = message()
        made.add_attachment(b"id,text\n7,The river rose.\n", maintype="text", subtype="csv", filename="rows.csv")
        body, row = read(made.as_bytes(), "a.eml")
        assert body.metadata["attachments"] == ["rows.csv"]
        assert (row.text, row.metadata["attached_to"]) == ("The river rose.", "Sitrep 5 – crues")

    def test_names_the_attachment_that_cannot_be_read(self, read):
        made = message()
        made.add_attachment(b"\x89PNG....", maintype="image", subtype="png", filename="map.png")
        _body, bad = read(made.as_bytes(), "a.eml")
        assert bad.number == 1
        assert bad.reason.startswith("attachment “map.png”: This is a picture")

    def test_opens_a_forwarded_message_but_not_one_inside_that(self, read):
        middle = message(subject="middle", text="Middle words.")
        middle.add_attachment(message(subject="inmost", text="Inmost words."))
        outer = message()
        outer.add_attachment(middle)
        records = read(outer.as_bytes(), "a.eml")
        assert [each.title for each in records if isinstance(each, ExtractedDocument)] == ["Sitrep 5 – crues", "middle"]
        assert "too deep" in next(each.reason for each in records if isinstance(each, BadRow))

    def test_with_a_lying_character_set_is_read(self, read_one):
        data = message().as_bytes().replace(b'charset="utf-8"', b'charset="no-such-set"')
        assert "Les eaux montent à Kayes." in read_one(data, "a.eml").text
