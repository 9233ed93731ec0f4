"""Grading results and judging a pool in a real browser: by key, by click, without JavaScript, on a phone."""

import pytest
from playwright.sync_api import expect

from apps.feedback.models import Judgment
from apps.feedback.pooling import Plan, Wanted, make_pool
from apps.indexing.jobs import request_embedding
from tests.factories import CorpusFactory, DocumentFactory, PassageFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)
SEARCH = "/?q=Which+levee+failed%3F"


@pytest.fixture
def person(transactional_db):
    return UserFactory(analyst=True, username="ana")


@pytest.fixture
def library(transactional_db, index, run_jobs):
    reports = CorpusFactory(slug="reports", name="Situation reports")
    for n in range(4):
        document = DocumentFactory(corpus=reports, title=f"Sitrep {n}")
        PassageFactory(document=document, text=f"Levee {n} failed at dawn. Families were moved to the school.")
    request_embedding(index_id=index.pk)
    return reports


@pytest.fixture
def searched(signed_in_page, library):
    signed_in_page.goto(SEARCH)
    return signed_in_page


@pytest.fixture
def pool(library, person):
    return make_pool(Plan(name="Levees", wanted=(Wanted("Which levee failed?", None),), depth=4), user=person)


@pytest.fixture
def judging(signed_in_page, pool):
    signed_in_page.goto(pool.get_absolute_url())
    return signed_in_page


def grades():
    return list(Judgment.objects.order_by("pk").values_list("grade", flat=True))


class TestGradingResults:
    def test_g_and_a_digit_grades_the_hit_in_focus(self, searched):
        searched.keyboard.press("ArrowDown")
        searched.keyboard.press("ArrowDown")
        searched.keyboard.press("g")
        searched.keyboard.press("2")
        second = searched.locator(".hit").nth(1)
        expect(second.locator("[aria-pressed=true]")).to_have_text("2")
        expect(second).to_contain_text("Highly relevant")
        expect(second.locator(".hit-link")).to_be_focused()
        expect(searched.locator("#summary")).to_have_text("Graded 2, highly relevant")
        assert grades() == [2]

    def test_g_and_u_takes_it_back(self, searched):
        searched.keyboard.press("ArrowDown")
        for key in "g1":
            searched.keyboard.press(key)
        expect(searched.locator("[aria-pressed=true]")).to_have_count(1)
        for key in "gu":
            searched.keyboard.press(key)
        expect(searched.locator(".grades [aria-pressed=true]")).to_have_count(0)
        assert grades() == []

    def test_a_digit_alone_still_says_how_to_read_the_query(self, searched):
        searched.keyboard.press("ArrowDown")
        searched.keyboard.press("g")
        searched.keyboard.press("j")
        searched.keyboard.press("2")
        expect(searched.locator("#reading")).to_contain_text("Question → documents – your choice")
        assert grades() == []

    def test_g_in_the_box_is_a_letter(self, searched):
        box = searched.get_by_role("searchbox", name="What are you looking for?")
        box.fill("")
        box.press_sequentially("g3")
        expect(box).to_have_value("g3")
        assert grades() == []

    def test_a_click_grades_and_stays_after_a_reload(self, searched):
        first = searched.locator(".hit").first
        first.get_by_role("button", name="3, perfectly relevant").click()
        expect(first.get_by_role("button", name="3, perfectly relevant")).to_be_focused()
        expect(first).to_contain_text("Perfectly relevant")
        searched.reload()
        expect(first.get_by_role("button", name="3, perfectly relevant", pressed=True)).to_be_visible()

    def test_the_list_of_keys_says_so(self, searched):
        searched.keyboard.press("ArrowDown")
        searched.keyboard.press("?")
        expect(searched.get_by_role("dialog", name="Keys")).to_contain_text("grade the hit in focus")

    def test_is_accessible(self, searched, assert_accessible, assert_fits_phone):
        searched.locator(".hit").first.get_by_role("button", name="0, irrelevant").click()
        expect(searched.locator("[aria-pressed=true]")).to_have_count(1)
        assert_accessible(searched)
        assert_fits_phone(searched)


class TestJudgingAPool:
    def test_goes_through_by_keys_alone(self, judging):
        for number, key in enumerate("0312", start=1):
            judging.keyboard.press(key)
            expect(judging.locator("#judging")).to_contain_text(f"{number} of 4 judged by you")
        expect(judging.get_by_role("heading", name="All of it is judged")).to_be_visible()
        expect(judging.locator("#said")).to_have_text("4 of 4 judged")
        assert grades() == [0, 3, 1, 2]

    def test_skips_and_undoes(self, judging, pool):
        passages = [item.passage.text for item in pool.items.order_by("position")]
        judging.keyboard.press("s")
        expect(judging.locator("#passage")).to_have_text(passages[1])
        judging.keyboard.press("3")
        expect(judging.locator("#passage")).to_have_text(passages[2])
        judging.keyboard.press("u")
        expect(judging.locator("#passage")).to_have_text(passages[1])
        assert grades() == []
        judging.keyboard.press("b")
        expect(judging.locator("#passage")).to_have_text(passages[0])

    def test_digits_in_the_note_are_a_note(self, judging):
        judging.get_by_label("Note").press_sequentially("12 hours old")
        judging.get_by_role("button", name="1, Related").click()
        expect(judging.locator("#judging")).to_contain_text("1 of 4 judged by you")
        assert Judgment.objects.get().note == "12 hours old"

    def test_is_accessible(self, judging, assert_accessible, assert_fits_phone):
        judging.keyboard.press("3")
        expect(judging.locator(".judged")).to_be_visible()
        assert_accessible(judging)
        assert_fits_phone(judging)


class TestPages:
    @pytest.mark.parametrize("url", ["/judging/", "/judging/new"])
    def test_are_accessible(self, signed_in_page, pool, person, url, assert_accessible, assert_fits_phone):
        item = pool.items.first()
        for who in (person, UserFactory(analyst=True, username="ben")):
            Judgment.objects.record(who, item.query, passage=item.passage, grade=2)
        signed_in_page.goto(url)
        assert_accessible(signed_in_page)
        assert_fits_phone(signed_in_page)

    def test_are_accessible_when_empty(self, signed_in_page, assert_accessible):
        signed_in_page.goto("/judging/")
        assert_accessible(signed_in_page)


class TestMakingAPool:
    def test_leads_to_its_first_passage(self, signed_in_page, library):
        signed_in_page.goto("/judging/new")
        signed_in_page.get_by_label("Name").fill("Levees")
        signed_in_page.get_by_label("Queries").fill("Which levee failed?\nFactCheck: Levee 2 failed.")
        signed_in_page.get_by_role("button", name="Make the pool").click()
        expect(signed_in_page.get_by_role("heading", name="Levees")).to_be_visible()
        expect(signed_in_page.locator("#judging")).to_contain_text("0 of 8 judged by you")

    def test_that_fails_can_be_tried_again(self, signed_in_page, library, problems):
        signed_in_page.goto("/judging/new")
        signed_in_page.get_by_label("Name").fill("Levees")
        signed_in_page.get_by_label("Queries").fill("a" * 2001)
        signed_in_page.get_by_role("button", name="Make the pool").click()
        expect(signed_in_page.get_by_text("A query takes 2,000 characters")).to_be_visible()
        expect(signed_in_page.get_by_role("button", name="Make the pool")).to_be_enabled()
        problems.clear()  # the browser notes the status 422


class TestWithoutJavaScript:
    def test_grades_are_forms(self, browser, live_server, library, pool, person, signed_in_page):
        context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
        context.add_cookies(signed_in_page.context.cookies())
        page = context.new_page()
        page.goto(SEARCH)
        page.locator(".hit").first.get_by_role("button", name="1, related").click()
        expect(page.locator(".hit").first.locator("[aria-pressed=true]")).to_have_text("1")
        page.goto(pool.get_absolute_url())
        expect(page.locator("#judging")).to_contain_text("1 of 4 judged by you")
        page.get_by_role("button", name="3, Perfectly relevant").click()
        expect(page.locator("#judging")).to_contain_text("2 of 4 judged by you")
        context.close()
