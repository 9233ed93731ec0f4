"""Around the hits in a real browser: facets, timeline and map that filter, why a hit was found, what is near it."""

import re

import pytest
from playwright.sync_api import expect

from apps.corpora.models import Corpus, DocumentText, Kind
from apps.indexing.jobs import request_embedding
from tests.factories import CorpusFactory, DocumentFactory, PassageFactory

pytestmark = pytest.mark.django_db(transaction=True)

PLACES = [
    ("Kathmandu, Nepal", 27.7, 85.3, "earthquake"),
    ("Suva, Fiji", -18.1, 178.4, "flood"),
    ("Lima, Peru", -12.0, -77.0, "flood"),
]
URL = "/?q=levee+failed"


@pytest.fixture
def library(transactional_db, index, run_jobs):
    """Nine reports of three places, three days apart."""
    reports = CorpusFactory(slug="reports", name="Situation reports", kind=Kind.REPORT)
    for n in range(9):
        place, latitude, longitude, hazard = PLACES[n % 3]
        facts = {
            "places": [place, place.split(", ")[1]], "latitude": latitude, "longitude": longitude,
            "hazards": [hazard], "published_at": f"2026-04-{1 + 3 * n:02}T06:00Z",
        }  # fmt: skip
        document = DocumentFactory(corpus=reports, title=f"Sitrep {n}", **facts)
        PassageFactory(document=document, position=0, text=f"Before sitrep {n}.", **facts)
        PassageFactory(document=document, position=1, text=f"The levee failed, says bulletin {n}.", **facts)
        DocumentText.objects.create(document=document, text="The levee failed.")
    request_embedding(index_id=index.pk)


@pytest.fixture
def searched(signed_in_page, library):
    signed_in_page.goto(URL)
    return signed_in_page


def drag(page, area, *, from_, to):
    """Drag over `area` between two points given as shares of its width and height."""
    box = area.bounding_box()
    points = [(box["x"] + x * box["width"], box["y"] + y * box["height"]) for x, y in (from_, to)]
    page.mouse.move(*points[0])
    page.mouse.down()
    page.mouse.move(*points[1], steps=4)
    page.mouse.up()


def counted(page):
    """Return how many results the list, the timeline and the map say there are."""
    titles = page.locator(".timeline a title").all_text_contents()
    dots = page.locator(".map-view a title").all_text_contents()
    numbers = [sum(int(title.rpartition(": ")[2]) for title in drawn) for drawn in (titles, dots)]
    return [int(re.search(r"\d+", page.locator(".found-head > p").inner_text())[0]), *numbers]


def titles(page):
    return page.locator(".hit h2")


class TestTheTimeline:
    def test_filters_by_dragging_and_agrees_with_list_and_map(self, searched):
        assert len(set(counted(searched))) == 1
        drag(searched, searched.locator(".timeline svg"), from_=(0.01, 0.5), to=(0.3, 0.6))
        expect(searched).to_have_url(re.compile(r"since=2026-04-01&until=2026-04-0\d"))
        expect(searched.get_by_label("From", exact=True)).to_have_value("2026-04-01")
        after = counted(searched)
        assert len(set(after)) == 1
        assert 0 < after[0] < 18
        searched.locator("#in-force a").first.click()
        expect(searched).not_to_have_url(re.compile("since="))

    def test_has_the_same_steps_as_links(self, searched):
        searched.get_by_text("by day").click()
        searched.locator(".steps a").first.click()
        expect(searched).to_have_url(re.compile("since=2026-04-01&until=2026-04-01"))


class TestTheMap:
    def test_is_fetched_when_opened_and_filters_by_a_box_and_by_a_dot(self, signed_in_page, library):
        fetched = []
        signed_in_page.on("request", lambda request: fetched.append(request.url))
        signed_in_page.goto(URL)
        expect(signed_in_page.locator(".hit").first).to_be_visible()
        assert not any("world.svg" in url for url in fetched)
        with signed_in_page.expect_request(re.compile(r"world\.svg")):
            signed_in_page.locator("details.map > summary").click()
        signed_in_page.locator(".map-view").scroll_into_view_if_needed()
        drag(signed_in_page, signed_in_page.locator(".map-view"), from_=(0.02, 0.05), to=(0.5, 0.95))
        expect(signed_in_page).to_have_url(re.compile("box="))
        expect(signed_in_page.locator(".hit h2").first).to_contain_text("Sitrep")
        assert {dot.rpartition(":")[0] for dot in signed_in_page.locator(".map-view a title").all_text_contents()} == {
            "Lima, Peru"
        }
        expect(signed_in_page.locator("details.map")).to_have_attribute("open", "")
        signed_in_page.get_by_role("link", name="this part of the map").click()
        expect(signed_in_page.locator(".map-view circle")).to_have_count(3)
        signed_in_page.locator(".map-view a").filter(has_text="Suva").click()
        expect(signed_in_page).to_have_url(re.compile("place=Suva"))

    def test_filters_by_a_box_that_keys_move(self, searched):
        searched.locator("details.map > summary").click()
        searched.locator("details.map > summary").press("Tab")
        expect(searched.locator("#map-view")).to_be_focused()
        for key in [*["ArrowLeft"] * 5, *["Shift+ArrowDown"] * 5]:
            searched.keyboard.press(key)
        searched.keyboard.press("Enter")
        expect(searched).to_have_url(re.compile("box="))
        expect(searched.locator(".map-view circle")).to_have_count(1)
        expect(searched.locator("#map-view")).to_be_focused()
        assert searched.locator(".map-view a title").text_content().startswith("Lima, Peru")


class TestTheOrder:
    @pytest.fixture
    def found(self, signed_in_page, library, index):
        """The nine of April 2026, and what answers best: a report of the year before."""
        place, latitude, longitude, _ = PLACES[0]
        point = {"latitude": latitude, "longitude": longitude}
        facts = {"places": [place, "Nepal"], "published_at": "2025-04-01T06:00Z", **point}
        old = DocumentFactory(corpus=Corpus.objects.get(slug="reports"), title="Of old", **facts)
        PassageFactory(document=old, text="Levee failed.", **point)
        request_embedding(index_id=index.pk)
        signed_in_page.goto(URL)
        expect(titles(signed_in_page).first).to_have_text("Of old")
        assert counted(signed_in_page) == [10, 10, 10]
        return signed_in_page

    def test_is_by_date_either_way_with_timeline_and_map_as_before(self, found):
        sitreps = [f"Sitrep {n}" for n in range(9)]
        found.get_by_label("Order").select_option("Newest first")
        expect(titles(found)).to_have_text([*reversed(sitreps), "Of old"])
        expect(found).to_have_url(re.compile(r"q=levee\+failed&sort=newest$"))
        assert counted(found) == [10, 10, 10]
        found.get_by_label("Order").select_option("Oldest first")
        expect(titles(found)).to_have_text(["Of old", *sitreps])
        assert counted(found) == [10, 10, 10]

    def test_prefers_what_is_newer_by_keyboard(self, found):
        found.get_by_label("Prefer").focus()
        found.keyboard.press("End")
        expect(titles(found).last).to_have_text("Of old")
        expect(found).to_have_url(re.compile("recency=strong$"))
        expect(found.get_by_label("Prefer")).to_be_focused()
        assert counted(found) == [10, 10, 10]

    def test_is_kept_by_what_narrows_and_taken_back_by_the_browser(self, found):
        found.get_by_label("Order").select_option("Newest first")
        expect(titles(found).first).to_have_text("Sitrep 8")
        found.locator(".facet").get_by_role("link", name=re.compile("^Earthquake")).click()
        expect(titles(found)).to_have_text(["Sitrep 6", "Sitrep 3", "Sitrep 0"])
        assert counted(found) == [3, 3, 3]
        found.go_back()
        expect(titles(found).last).to_have_text("Of old")
        expect(found.get_by_label("Order")).to_have_value("newest")
        found.go_back()
        expect(titles(found).first).to_have_text("Of old")
        expect(found.get_by_label("Order")).to_have_value("")


class TestTwoAnswersAtOnce:
    """Whoever clicks before an answer is there gets what was clicked last: in the list, the address and the form."""

    @pytest.mark.parametrize("comes_first", ["the older", "the newer"])
    def test_show_what_was_asked_for_last(self, searched, problems, comes_first):
        held = []
        searched.route(re.compile("sort=|hazard="), lambda route: held.append(route))
        searched.get_by_label("Order").select_option("Newest first")
        searched.locator("#busy.htmx-request").wait_for()
        searched.locator(".facet").get_by_role("link", name=re.compile("^Earthquake")).click()
        with searched.expect_response(re.compile("hazard=")):
            for route in held if comes_first == "the older" else reversed(held):
                route.continue_()
                searched.wait_for_timeout(300)
        expect(titles(searched)).to_have_count(3)
        expect(searched).to_have_url(re.compile(r"q=levee\+failed&hazard=earthquake$"))
        expect(searched.get_by_label("Order")).to_have_value("")
        assert all("sendAbort" in problem or "afterRequest" in problem for problem in problems)
        problems.clear()  # htmx tells the console of each request that it gave up


class TestFacets:
    def test_are_added_and_dropped_and_kept_while_typing(self, searched):
        searched.locator(".facet").get_by_role("link", name=re.compile("^Earthquake")).click()
        expect(searched).to_have_url(re.compile("hazard=earthquake"))
        searched.get_by_role("searchbox").press("End")
        searched.keyboard.type(" bulletin")
        expect(searched).to_have_url(re.compile(r"q=levee\+failed\+bulletin&hazard=earthquake"))
        searched.locator(".facet").get_by_role("link", name=re.compile("^Earthquake .* drop")).click()
        expect(searched).not_to_have_url(re.compile("hazard="))

    def test_work_without_javascript(self, browser, live_server, page, signed_in_page, library):
        context = browser.new_context(
            base_url=live_server.url, java_script_enabled=False, storage_state=page.context.storage_state()
        )
        plain = context.new_page()
        plain.goto(URL)
        plain.locator(".facet").get_by_role("link", name=re.compile("^Flood")).click()
        plain.get_by_role("searchbox").fill("levee")
        plain.get_by_role("searchbox").press("Enter")
        assert "hazard=flood" in plain.url
        context.close()


class TestAHit:
    def test_says_why_it_was_found_and_what_stands_around_it(self, searched):
        searched.keyboard.press("ArrowDown")
        searched.keyboard.press("w")
        why = searched.locator(".why").first
        expect(why).to_contain_text("Words of the search in it")
        expect(why.locator("tbody tr").first).to_contain_text("meaning")
        hit = searched.locator(".hit", has_text="says bulletin").first
        hit.get_by_role("link", name="Before and after").click()
        expect(hit.locator(".around")).to_contain_text("Before sitrep")

    def test_leads_to_more_like_it(self, searched):
        searched.get_by_role("link", name="More like this").first.click()
        expect(searched.get_by_role("heading", name="More like this")).to_be_visible()
        expect(searched.locator(".hit").first).to_be_visible()


class TestWithAllOpen:
    def test_is_accessible_and_fits_a_phone(self, searched, assert_accessible, assert_fits_phone):
        for summary in searched.locator("details.map > summary, .steps > summary, .why > summary").all()[:3]:
            summary.click()
        searched.locator(".take summary").click()
        assert_accessible(searched)
        assert_fits_phone(searched)
