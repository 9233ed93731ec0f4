"""The search page in a real browser: keys, typing, switching the reading, without JavaScript, on a phone."""

import re

import pytest
from playwright.sync_api import expect

from apps.corpora.duplicates.grouping import compare
from apps.corpora.models import DocumentText, Kind
from apps.indexing.jobs import request_embedding
from apps.search import spelling
from tests.factories import CorpusFactory, DocumentFactory, PassageFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

LEVEE = "The levee at Crake Hollow failed at dawn. Forty families were moved to the school."


@pytest.fixture
def person(transactional_db):
    return UserFactory(username="maren")


@pytest.fixture
def library(transactional_db, index, run_jobs):
    reports = CorpusFactory(slug="reports", name="Situation reports", kind=Kind.REPORT)
    tweets = CorpusFactory(slug="tweets", name="Tweets of the storm", kind=Kind.TWEET)
    sitrep = DocumentFactory(corpus=reports, title="Sitrep 7", published_at="2026-04-11T06:00Z")
    for position, text in enumerate(
        [LEVEE, "A second levee holds.", "A third levee was raised.", "The last levee is new."]
    ):
        PassageFactory(document=sitrep, position=position, text=text, page=position + 1)
    DocumentText.objects.create(document=sitrep, text=LEVEE)
    for n in range(14):
        PassageFactory(
            document=DocumentFactory(corpus=reports, title=f"Bulletin {n}"), text=f"Levee bulletin number {n}."
        )
    tweet = DocumentFactory(corpus=tweets, title="tweet", author="@dez", metadata={"retweet_count": 12})
    PassageFactory(document=tweet, text="Levee is leaking in Lowquay, need sandbags")
    request_embedding(index_id=index.pk)
    return reports


@pytest.fixture
def searched(signed_in_page, library):
    """The page with an answer on it."""
    signed_in_page.goto("/?q=Which+levee+failed%3F")
    return signed_in_page


@pytest.fixture
def retweets(library, index):
    """What three accounts say in the same words."""
    said = "The ferry to Lowquay is cancelled until the storm has passed; stay where you are and wait for news"
    documents = []
    for account in ("@harbour", "@ana", "@ben"):
        documents.append(DocumentFactory(corpus=library, title="Ferry", author=account))
        DocumentText.objects.create(document=documents[-1], text=said)
        PassageFactory(document=documents[-1], text=said)
    compare([document.pk for document in documents])
    request_embedding(index_id=index.pk)


def box(page):
    return page.get_by_role("searchbox", name="What are you looking for?")


def tab_to(page, wanted, *, at_most=40):
    """Press Tab until `wanted` has the focus, as somebody without a mouse does."""
    for _ in range(at_most):
        page.keyboard.press("Tab")
        if wanted.evaluate("element => element === document.activeElement"):
            return
    pytest.fail(f"No way by Tab to {wanted}")


class TestTyping:
    def test_brings_results_by_itself_and_keeps_the_url(self, signed_in_page, library):
        signed_in_page.goto("/")
        expect(box(signed_in_page)).to_be_focused()
        signed_in_page.keyboard.type("Which levee failed?")
        expect(signed_in_page.locator("mark").first).to_have_text("The levee at Crake Hollow failed at dawn.")
        expect(signed_in_page).to_have_url(re.compile(r"/\?q=Which\+levee\+failed%3F$"))
        expect(signed_in_page).to_have_title("Which levee failed? · dmsearch")

    def test_tells_screen_readers_how_much_was_found(self, signed_in_page, library):
        signed_in_page.goto("/")
        signed_in_page.keyboard.type("levee")
        expect(signed_in_page.locator("#summary")).to_have_text(re.compile(r"^\d+ results, read as "))

    def test_keeps_the_focus_where_it_was(self, signed_in_page, library):
        signed_in_page.goto("/")
        signed_in_page.keyboard.type("levee")
        expect(signed_in_page.locator(".hit").first).to_be_visible()
        signed_in_page.keyboard.type(" failed")
        expect(box(signed_in_page)).to_have_value("levee failed")

    def test_does_not_fill_the_browsers_history(self, signed_in_page, library):
        signed_in_page.goto("/help/")
        signed_in_page.goto("/")
        for word in ("levee", " bulletin"):
            signed_in_page.keyboard.type(word)
            expect(signed_in_page).to_have_url(re.compile(word.strip()))
        signed_in_page.go_back()
        expect(signed_in_page).to_have_url(re.compile("/help/$"))

    def test_too_much_is_refused_in_the_box(self, signed_in_page, library):
        signed_in_page.goto("/")
        box(signed_in_page).fill("a" * 2500)
        assert "2000 characters at most; this is 2500" in box(signed_in_page).evaluate("box => box.validationMessage")


class TestTheForm:
    def test_has_the_search_of_an_example_that_was_chosen(self, signed_in_page, library):
        PassageFactory(document__corpus__slug="exercise-reports")
        signed_in_page.goto("/")
        example = signed_in_page.locator("#examples a").first
        text = example.inner_text()
        example.click()
        expect(box(signed_in_page)).to_have_value(text)
        expect(signed_in_page.locator("#reading")).to_be_visible()
        signed_in_page.get_by_label("Order").select_option("Newest first")
        expect(signed_in_page).to_have_url(re.compile(r"\?q=.+sort=newest"))

    def test_keeps_its_filters_while_the_box_is_empty(self, signed_in_page, library):
        signed_in_page.goto("/?q=levee&language=en")
        box(signed_in_page).fill("")
        expect(signed_in_page).to_have_url(re.compile(r"/\?language=en$"))
        box(signed_in_page).press_sequentially("levee bulletin")
        expect(signed_in_page).to_have_url(re.compile(r"q=levee\+bulletin&language=en$"))

    def test_waits_for_all_four_digits_of_a_year(self, signed_in_page, library):
        asked = []
        signed_in_page.goto("/?q=levee&until=2026-05-01")
        signed_in_page.on("request", lambda request: asked.append(request.url))
        signed_in_page.get_by_text("Filters", exact=True).click()
        signed_in_page.get_by_label("From", exact=True).press_sequentially("04042026")
        expect(signed_in_page).to_have_url(re.compile("since=2026-04-04&until=2026-05-01"))
        assert [re.search(r"since=([\d-]*)", url)[1] for url in asked if "since=" in url] == ["2026-04-04"]


class TestKeys:
    def test_slash_goes_to_the_box_and_down_goes_through_the_hits(self, searched):
        searched.locator("h1").click(force=True)
        searched.keyboard.press("/")
        expect(box(searched)).to_be_focused()
        searched.keyboard.press("ArrowDown")
        expect(searched.locator(".hit-link").nth(0)).to_be_focused()
        searched.keyboard.press("j")
        expect(searched.locator(".hit-link").nth(1)).to_be_focused()
        searched.keyboard.press("k")
        searched.keyboard.press("ArrowUp")
        expect(box(searched)).to_be_focused()

    @pytest.mark.parametrize("key", ["o", "Enter"])
    def test_open_the_hit_at_its_passage(self, searched, key):
        searched.keyboard.press("ArrowDown")
        searched.keyboard.press(key)
        expect(searched).to_have_url(re.compile(r"/documents/\d+/\?passage=\d+#passage-\d+$"))
        expect(searched.locator(".chosen")).to_have_text(LEVEE)

    def test_a_digit_switches_the_reading_and_zero_takes_it_back(self, searched):
        searched.keyboard.press("ArrowDown")
        searched.keyboard.press("6")
        expect(searched.locator("#reading")).to_contain_text("Sentence → same meaning – your choice")
        expect(searched).to_have_url(re.compile("intent=STS"))
        expect(searched.get_by_role("radio", name="Sentence → same meaning")).to_be_checked()
        searched.keyboard.press("0")
        expect(searched.locator("#reading")).to_contain_text("Question → passages")
        expect(searched).not_to_have_url(re.compile("intent="))

    def test_a_digit_in_the_box_is_a_digit_unless_with_alt(self, searched):
        box(searched).focus()
        searched.keyboard.press("End")
        searched.keyboard.press("4")
        expect(box(searched)).to_have_value("Which levee failed?4")
        expect(searched).to_have_url(re.compile("failed%3F4$"))
        searched.keyboard.press("Alt+4")
        expect(searched.locator("#reading")).to_contain_text("Claim → evidence – your choice")
        expect(box(searched)).to_have_value("Which levee failed?4")

    def test_escape_closes_a_menu_and_leaves_the_focus_on_it(self, searched):
        menu = searched.locator(".take summary")
        menu.click()
        searched.keyboard.press("Escape")
        expect(searched.locator(".take .menu-body")).to_be_hidden()
        expect(menu).to_be_focused()
        searched.keyboard.press("Escape")
        expect(box(searched)).to_be_focused()

    def test_question_mark_lists_them(self, searched):
        searched.keyboard.press("ArrowDown")
        searched.keyboard.press("?")
        expect(searched.get_by_role("dialog", name="Keys")).to_be_visible()
        searched.keyboard.press("Escape")
        expect(searched.get_by_role("dialog", name="Keys")).to_be_hidden()


class TestReading:
    def test_can_be_changed_with_a_click_and_back_again(self, searched):
        searched.get_by_text("Request → tweets").click()
        expect(searched.locator("#reading")).to_contain_text("Request → tweets – your choice; it looked like Question")
        searched.go_back()
        expect(searched.locator("#reading")).not_to_contain_text("your choice")

    def test_of_a_statement_offers_the_others(self, signed_in_page, library):
        signed_in_page.goto("/?q=The+levee+failed+at+dawn.")
        signed_in_page.get_by_role("link", name="Premise → what follows from it").click()
        expect(signed_in_page.locator("#reading")).to_contain_text("Premise → what follows from it – your choice")
        expect(signed_in_page.get_by_role("radio", name="Premise")).to_be_checked()


class TestFilters:
    def test_are_set_by_boxes_and_dropped_by_chips(self, searched):
        searched.get_by_text("Filters", exact=True).click()
        searched.locator(".filters").get_by_text("Tweets of the storm").click()
        expect(searched.locator(".hit")).to_have_count(1)
        expect(searched).to_have_url(re.compile("corpus=tweets"))
        searched.locator("#in-force a").click()
        expect(searched.locator(".hit")).to_have_count(10)
        expect(searched).not_to_have_url(re.compile("corpus="))
        expect(searched.get_by_role("checkbox", name="Tweets of the storm")).not_to_be_checked()

    def test_that_hide_everything_are_dropped_with_one_click(self, signed_in_page, library):
        signed_in_page.goto("/?q=levee&kind=claim&since=2026-05-01")
        expect(signed_in_page.locator("#nothing")).to_contain_text("Nothing found")
        signed_in_page.get_by_role("link", name="search without any").click()
        expect(signed_in_page.locator(".hit")).to_have_count(10)
        expect(signed_in_page.get_by_label("From", exact=True)).to_have_value("")


class TestSpelling:
    @pytest.fixture
    def misspelt(self, signed_in_page, library):
        spelling.learn()
        signed_in_page.goto("/")
        signed_in_page.keyboard.type("Which levvee failed?")
        expect(signed_in_page.locator("#did-you-mean")).to_have_text("Did you mean Which levee failed??")
        return signed_in_page

    def test_is_put_right_by_keyboard_alone(self, misspelt):
        tab_to(misspelt, misspelt.locator("#did-you-mean a"))
        misspelt.keyboard.press("Enter")
        expect(misspelt.locator("#did-you-mean")).to_have_count(0)
        expect(box(misspelt)).to_have_value("Which levee failed?")
        expect(misspelt).to_have_url(re.compile(r"/\?q=Which\+levee\+failed%3F$"))
        expect(misspelt.locator("mark").first).to_have_text("The levee at Crake Hollow failed at dawn.")
        misspelt.keyboard.press("ArrowDown")
        expect(misspelt.locator(".hit-link").first).to_be_focused()

    def test_finds_meanwhile_what_was_meant(self, misspelt, assert_accessible, assert_fits_phone):
        expect(misspelt.locator(".hit h2").first).to_have_text("Sitrep 7")
        assert_accessible(misspelt)
        assert_fits_phone(misspelt)


class TestResults:
    def test_fold_many_passages_of_one_document(self, searched):
        folded = searched.locator(".folded").first
        expect(searched.locator(".also").first).to_contain_text("A second levee holds.")
        expect(folded.locator("summary")).to_have_text("1 more from this document")
        folded.locator("summary").click()
        expect(folded.get_by_role("link").first).to_be_visible()

    def test_unfold_near_duplicates_by_keyboard_and_fold_them_again(self, signed_in_page, retweets, assert_accessible):
        page = signed_in_page
        page.goto("/?q=Is+the+ferry+to+Lowquay+cancelled%3F")
        shown = page.locator(".hit", has_text="The ferry to Lowquay")
        expect(shown).to_have_count(1)
        summary, others = shown.locator(".copies summary"), shown.locator(".copies").get_by_role("link")
        expect(summary).to_have_text("2 more like this")
        expect(others).to_have_count(0)
        shown.locator(".hit-link").focus()
        tab_to(page, summary)
        page.keyboard.press("Enter")
        expect(others).to_have_count(2)
        assert_accessible(page)
        page.keyboard.press("Enter")
        expect(others).to_have_count(0)
        page.keyboard.press("Space")
        page.keyboard.press("Tab")
        expect(others.first).to_be_focused()
        accounts = {shown.locator("header").inner_text().rpartition(" · ")[2], *others.all_inner_texts()}
        assert accounts == {"@harbour", "@ana", "@ben"}
        page.keyboard.press("Enter")
        expect(page).to_have_url(re.compile(r"/documents/\d+/"))

    def test_lead_on_to_more_which_begins_at_its_top(self, searched):
        searched.get_by_role("link", name="More", exact=True).click()
        expect(searched.locator(".hits")).to_have_attribute("start", "11")
        expect(searched.locator(".hit-link").first).to_be_focused()
        expect(searched.locator(".hit-link").first).to_be_in_viewport()
        expect(searched.locator("#reading")).to_be_in_viewport()

    def test_come_back_at_the_page_that_was_left(self, searched):
        searched.get_by_role("link", name="More", exact=True).click()
        expect(searched).to_have_url(re.compile(r"page=2$"))
        searched.goto("/help/")
        searched.go_back()
        expect(searched.locator(".hits")).to_have_attribute("start", "11")

    def test_show_tweets_as_tweets(self, signed_in_page, library):
        signed_in_page.goto("/?q=levee&kind=tweet")
        expect(signed_in_page.locator(".hit-tweet")).to_contain_text("@dez")
        expect(signed_in_page.locator(".hit-tweet")).to_contain_text("12 retweets")


class TestWithoutJavaScript:
    @pytest.fixture
    def plain_page(self, browser, live_server, page, signed_in_page):
        context = browser.new_context(
            base_url=live_server.url, java_script_enabled=False, storage_state=page.context.storage_state()
        )
        yield context.new_page()
        context.close()

    def test_everything_still_works(self, plain_page, library):
        plain_page.goto("/")
        plain_page.get_by_role("searchbox").fill("Which levee failed?")
        plain_page.get_by_role("searchbox").press("Enter")
        expect(plain_page.locator("mark").first).to_have_text("The levee at Crake Hollow failed at dawn.")
        plain_page.get_by_text("Filters", exact=True).click()
        plain_page.locator(".filters").get_by_text("Tweets of the storm").click()
        plain_page.get_by_text("Sentence → same meaning").first.click()
        plain_page.get_by_role("button", name="Search").click()
        expect(plain_page.locator(".hit")).to_have_count(1)
        expect(plain_page.locator("#reading")).to_contain_text("Sentence → same meaning")
        plain_page.locator("#in-force a").click()
        expect(plain_page.locator(".hit")).to_have_count(10)


class TestEveryState:
    URLS = [
        "/",
        "/?q=Which+levee+failed%3F",
        "/?q=The+levee+failed.&kind=report&since=2020-01-01",
        "/?q=levee&kind=claim",
    ]

    @pytest.mark.parametrize("url", URLS)
    def test_is_accessible_in_light_and_dark(self, signed_in_page, library, assert_accessible, url):
        signed_in_page.goto(url)
        assert_accessible(signed_in_page)

    @pytest.mark.parametrize("url", URLS)
    def test_fits_a_phone(self, signed_in_page, library, assert_fits_phone, url):
        signed_in_page.goto(url)
        assert_fits_phone(signed_in_page)

    def test_without_any_corpus_is_accessible(self, signed_in_page, assert_accessible):
        signed_in_page.goto("/")
        expect(signed_in_page.locator("#no-corpus")).to_be_visible()
        assert_accessible(signed_in_page)

    def test_on_a_phone_has_targets_for_fingers(self, browser, live_server, sign_in, person, library, page):
        sign_in(person)
        context = browser.new_context(
            base_url=live_server.url, has_touch=True, is_mobile=True, viewport={"width": 360, "height": 740},
            storage_state=page.context.storage_state(),
        )  # fmt: skip
        phone = context.new_page()
        phone.goto("/?q=levee")
        small = phone.evaluate(
            "[...document.querySelectorAll('.search button, .search .chip, .search input:not([type=radio], [type=checkbox]), summary')]"
            ".filter(e => e.checkVisibility() && e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 80))"
        )
        context.close()
        assert small == []
