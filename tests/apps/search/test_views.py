import gzip
import html
import re
from pathlib import Path

import pytest
from django.contrib.staticfiles import finders
from django.urls import reverse

from apps.indexing.models import PendingVector
from apps.search.encoding import EncoderUnavailable
from apps.search.forms import MAX_QUERY
from tests.factories import CorpusFactory, PassageFactory

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Target": "results"}


def text_of(response):
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", response.text))


class TestSearchPage:
    url = "/"

    def test_sends_strangers_to_the_login(self, client):
        assert client.get(self.url).url.startswith(reverse("login"))

    def test_shows_what_was_found_with_its_best_sentence_marked(self, signed_in, library):
        response = signed_in.get(self.url, {"q": "Which levee failed?"})
        assert response.context["outcome"].hits[0].title == "Sitrep 7"
        assert "<mark>The levee at Crake Hollow failed at dawn.</mark>" in response.text
        assert "?passage=" in response.text

    def test_says_how_the_query_was_read_and_why(self, signed_in, library):
        page = text_of(signed_in.get(self.url, {"q": "Which levee failed?"}))
        assert "Reading this as: Question → passages" in page
        assert "ends with '?'" in page.replace("&#x27;", "'")

    def test_offers_the_other_readings_of_a_bare_statement(self, signed_in, library):
        page = text_of(signed_in.get(self.url, {"q": "The levee failed at dawn."}))
        assert "It could also be meant as" in page
        assert "Premise → what follows from it" in page

    def test_says_which_model_answered_on_the_page_and_on_each_hit(self, signed_in, library):
        response = signed_in.get(self.url, {"q": "levee"})
        assert "Answered by hashing and words" in text_of(response)
        assert response.text.count("Found by meaning (hashing)") == len(response.context["outcome"].hits)

    def test_gives_the_results_alone_to_htmx(self, signed_in, library):
        response = signed_in.get(self.url, {"q": "levee"}, headers=HTMX)
        assert response.text.strip().startswith('<section id="results"')
        assert "<html" not in response.text

    @pytest.mark.parametrize(("trigger", "header"), [("q", "HX-Replace-Url"), ("", "HX-Push-Url")])
    def test_keeps_its_state_in_the_url(self, signed_in, library, trigger, header):
        query = {"q": "levee", "kind": "report", "intent": "", "since": "", "corpus": "reports"}
        response = signed_in.get(self.url, query, headers={**HTMX, "HX-Trigger-Name": trigger})
        assert response[header] == "/?q=levee&corpus=reports&kind=report"

    def test_keeps_the_page_in_the_url(self, signed_in, library, put):
        for n in range(15):
            put(library["reports"], f"Levee bulletin {n}.")
        assert signed_in.get(self.url, {"q": "levee", "page": 2}, headers=HTMX)["HX-Push-Url"] == "/?q=levee&page=2"
        assert signed_in.get(self.url, {"q": "levee", "page": 1}, headers=HTMX)["HX-Push-Url"] == "/?q=levee"

    @pytest.mark.parametrize("query", [{"q": ""}, {"q": "levee", "since": "2026-05-01", "until": "2026-04-01"}])
    def test_keeps_the_filters_without_a_field_where_nothing_is_searched(self, signed_in, library, query):
        page = signed_in.get(self.url, {**query, "hazard": ["flood", "storm"], "box": "1,2,3,4"}).text
        kept = re.findall('<input type="hidden" name="([a-z]+)" value="([^"]+)" form="search">', page)
        assert kept == [("hazard", "flood"), ("hazard", "storm"), ("box", "1,2,3,4")]

    def test_forgets_a_filter_that_cannot_be_read(self, signed_in, library):
        assert 'name="box"' not in signed_in.get(self.url, {"q": "levee", "box": "everywhere"}).text

    def test_shows_each_filter_as_a_chip_that_drops_it(self, signed_in, library):
        response = signed_in.get(self.url, {"q": "water", "kind": "tweet", "since": "2026-04-01"})
        assert 'href="?q=water&amp;since=2026-04-01"' in response.text
        assert 'href="?q=water&amp;kind=tweet"' in response.text

    def test_offers_to_drop_the_filters_that_hide_everything(self, signed_in, library):
        page = text_of(signed_in.get(self.url, {"q": "levee", "since": "2030-01-01"}))
        assert "Nothing found" in page
        assert "search without any" in page

    def test_leads_on_to_more(self, signed_in, library, put):
        for n in range(15):
            put(library["reports"], f"Levee bulletin {n}.")
        first = signed_in.get(self.url, {"q": "levee"})
        assert 'href="?q=levee&amp;page=2"' in first.text
        second = signed_in.get(self.url, {"q": "levee", "page": 2})
        assert second.context["outcome"].hits[0].rank == 11

    def test_ends_with_the_last_page_that_there_is(self, signed_in, library, put, monkeypatch):
        monkeypatch.setattr("apps.search.views.searching.MAX_PAGES", 2)
        for n in range(25):
            put(library["reports"], f"Levee bulletin {n}.")
        assert "narrow the search" not in signed_in.get(self.url, {"q": "levee"}).text
        last = signed_in.get(self.url, {"q": "levee", "page": 2}).text
        assert "narrow the search" in last
        assert "page=3" not in last

    def test_leads_to_what_it_does_not_list_of_a_document(self, signed_in, library, put):
        long = put(library["reports"], *[f"Levee {n}." for n in range(30)], title="Long")
        hit = next(h for h in signed_in.get(self.url, {"q": "levee"}).context["outcome"].hits if h.title == "Long")
        page = text_of(signed_in.get(self.url, {"q": "levee"}))
        assert len(hit.folded) == len(long) - 1
        assert "27 more from this document" in page
        assert "and 9 more in the document itself" in page

    def test_times_its_parts_for_developer_tools(self, signed_in, library):
        header = signed_in.get(self.url, {"q": "levee"})["Server-Timing"]
        assert re.fullmatch(r'encode;dur=[\d.]+, sql;dur=[\d.]+, render;dur=[\d.]+, mode;desc="\w+"', header)

    def test_asks_the_database_no_more_for_more_hits(self, signed_in, library, put, django_assert_max_num_queries):
        for n in range(12):
            put(library["reports"], f"Levee bulletin {n}.")
        with django_assert_max_num_queries(26):
            signed_in.get(self.url, {"q": "levee"})


class TestHonestStates:
    url = "/"

    def test_words_only_is_said_quietly(self, signed_in, library, encoder_away):
        page = text_of(signed_in.get(self.url, {"q": "levee"}))
        assert "Words only: the encoder did not answer in 1.5 s." in page
        assert "Answered by words" in page

    def test_words_only_when_the_folder_of_the_model_is_gone(self, signed_in, library, lost_model):
        page = text_of(signed_in.get(self.url, {"q": "levee"}))
        assert "Words only: the files of ours are gone." in page
        assert "trained without instructions" not in page

    def test_words_only_asks_no_model_again_for_what_filters_hide(self, signed_in, library, monkeypatch):
        asked = []

        def fail(text, *_args, **_kwargs):
            asked.append(text)
            raise EncoderUnavailable("the encoder did not answer in 1.5 s")

        monkeypatch.setattr("apps.search.retrieving.encode_query", fail)
        response = signed_in.get(self.url, {"q": "Which levee failed?", "kind": "tweet", "until": "2026-01-01"})
        assert [miss.label for miss in response.context["misses"]] == [""]
        assert len(asked) == len(set(asked)) == 1

    def test_corpora_that_one_cannot_search_are_left_out_without_a_word_of_whether_they_exist(self, signed_in, library):
        CorpusFactory(slug="vault", private=True)
        for slug in ("vault", "nowhere"):
            page = text_of(signed_in.get(self.url, {"q": "levee", "corpus": ["reports", slug]}))
            assert "Some of the corpora that this search names are not there, or not for you to search." in page
            assert "Sitrep 7" in page
            assert slug not in page
        assert signed_in.get(self.url, {"q": "levee", "corpus": "vault"}).status_code == 400

    def test_no_corpus_yet(self, signed_in):
        assert "There is nothing to search yet" in signed_in.get(self.url).text

    def test_nothing_searched_yet(self, signed_in, library):
        assert "Results come as you type" in signed_in.get(self.url).text

    def test_examples_of_the_exercise_for_each_intent(self, signed_in):
        PassageFactory(document__corpus__slug="exercise-reports")
        response = signed_in.get(self.url)
        assert len(response.context["examples"]) == 6
        assert "intent=FactCheck" in response.text

    def test_an_index_that_is_still_filling(self, signed_in, library):
        PassageFactory.create_batch(2, document__corpus=library["reports"])
        assert PendingVector.objects.count() == 2
        assert "5 of 7 passages are searchable by meaning" in text_of(signed_in.get(self.url, {"q": "levee"}))


class TestBadInput:
    url = "/"

    @pytest.mark.parametrize(
        "typed",
        [
            "",
            "   ",
            "\x00\x01",
            "' OR 1=1 --",
            "<script>alert(1)</script>",
            '"><img src=x>',
            "((((",
            "🚒" * 50,
            "%s %(q)s {{ q }}",
        ],
    )
    def test_of_any_sort_is_answered(self, signed_in, library, typed):
        response = signed_in.get(self.url, {"q": typed})
        assert response.status_code == 200
        assert "<script>alert" not in response.text
        assert "<img src=x" not in response.text

    @pytest.mark.parametrize("length", [MAX_QUERY + 1, 5 * 2**20])
    def test_that_is_too_long_names_the_limit(self, signed_in, library, length):
        response = signed_in.get(self.url, {"q": "a" * length})
        assert response.status_code == 400
        assert f"That is {length:,} characters; a search takes 2,000 at most." in response.text
        assert len(response.content) < 100_000 + 2 * MAX_QUERY

    def test_is_told_to_htmx_too(self, signed_in, library):
        response = signed_in.get(self.url, {"q": "a" * 3000}, headers=HTMX)
        assert response.status_code == 200
        assert "a search takes 2,000 at most" in response.text

    @pytest.mark.parametrize(
        ("name", "value"),
        [("corpus", "nowhere"), ("kind", "poem"), ("since", "yesterday"), ("page", "0"), ("intent", "X")],
    )
    def test_in_a_filter_is_refused_with_words(self, signed_in, library, name, value):
        response = signed_in.get(self.url, {"q": "levee", name: value})
        assert response.status_code == 400
        assert 'role="alert"' in response.text

    def test_in_a_document_never_becomes_a_tag(self, signed_in, library, put):
        put(library["reports"], "Levee <script>alert(2)</script> & <b>bold</b>.", title="<i>t</i>", author="<u>a</u>")
        response = signed_in.get(self.url, {"q": "levee script bold"})
        assert "<script>alert" not in response.text
        assert "<i>t" not in response.text
        assert "&lt;script&gt;alert(2)" in response.text

    def test_dates_the_wrong_way_round_are_said(self, signed_in, library):
        response = signed_in.get(self.url, {"q": "levee", "since": "2026-05-01", "until": "2026-04-01"})
        assert "The last day lies before the first" in response.text


class TestJson:
    url = "/search.json"

    def test_has_the_keys_that_programs_rely_on(self, signed_in, library):
        answer = signed_in.get(self.url, {"q": "Which levee failed?", "limit": 3}).json()
        assert list(answer) == [
            "query",
            "intent",
            "detected",
            "instruction",
            "model",
            "revision",
            "mode",
            "took_ms",
            "results",
        ]
        assert list(answer["results"][0]) == [
            "rank", "score", "corpus", "kind", "document_id", "external_id", "title", "page", "text", "url",
        ]  # fmt: skip
        assert len(answer["results"]) == 3

    @pytest.mark.parametrize(
        "query",
        [
            {"q": "levee", "corpus": ["reports", "nowhere"]},
            {},
            {"q": "a", "limit": "0"},
            {"q": "a", "limit": "x"},
            {"q": "a", "limit": "9" * 5000},
            {"q": "a" * 2001},
        ],
    )
    def test_says_what_is_wrong(self, signed_in, library, query):
        response = signed_in.get(self.url, query)
        assert response.status_code == 400
        assert response.json()["errors"]


class TestWeight:
    """What goes over the wire: everything on the first load, the results alone on an update."""

    def test_of_the_first_load_is_at_most_150_kb(self, signed_in, library):
        page = signed_in.get("/", {"q": "levee"}).text
        assets = set(re.findall(r'(?:src|href)="/static/([^"#?]+)', page))
        assert {"css/dmsearch.css", "js/search.js"} <= assets
        total = len(gzip.compress(page.encode()))
        for name in assets:
            total += len(gzip.compress(Path(finders.find(name)).read_bytes()))
        assert total <= 150_000

    def test_does_not_grow_with_a_document_dated_millennia_off(self, signed_in, library, put):
        before = signed_in.get("/", {"q": "levee water"}, headers=HTMX)
        put(library["reports"], "Levee of old.", published="0001-01-01", title="Misdated")
        page = signed_in.get("/", {"q": "levee water"}, headers=HTMX)
        assert len(page.content) < len(before.content) + 15_000  # a hit and a few bars more
        first_bar = re.search(r'\?([^"]+)" tabindex="-1" data-since="0001-01-01"', page.text)[1]
        assert "Misdated" in signed_in.get(f"/?{html.unescape(first_bar)}").text

    def test_of_an_update_is_at_most_40_kb_with_the_longest_passages(self, signed_in, library, put):
        for n in range(10):
            put(library["reports"], *[f"Levee {n} {m}. " + "Every word of it is long. " * 70 for m in range(12)])
        page = signed_in.get("/", {"q": "levee"}, headers=HTMX).text
        assert page.count("<article") == 10
        assert len(gzip.compress(page.encode(), compresslevel=6)) <= 40_000  # as GZipMiddleware sends it
