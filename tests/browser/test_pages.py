import re

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.urls import reverse
from playwright.sync_api import expect

from apps.accounts import views as accounts_views
from apps.accounts.throttle import FREE_TRIES
from apps.pages import views as pages_views
from tests.factories import PASSWORD, CorpusFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

PAGES = ["help", "status", "users", "user-new", "password"]


@pytest.fixture(autouse=True)
def no_tries_yet(services):
    cache.clear()


@pytest.fixture
def people(person):
    mara = UserFactory(analyst=True, username="mara.kolb", first_name="Mara", last_name="Kolb")
    CorpusFactory(name="River bulletins of the lower valley", members=[mara])
    UserFactory(username="a-person-with-a-rather-long-user-name@district.example", must_change_password=True)
    UserFactory(username="gone", is_active=False)
    return mara


class TestEveryPage:
    @pytest.mark.parametrize("name", PAGES)
    def test_is_accessible_in_light_and_dark(self, signed_in_page, people, assert_accessible, name, problems):
        signed_in_page.goto(reverse(name))
        assert_accessible(signed_in_page)

    @pytest.mark.parametrize("name", PAGES)
    def test_fits_a_phone(self, signed_in_page, people, assert_fits_phone, name):
        signed_in_page.goto(reverse(name))
        assert_fits_phone(signed_in_page)

    def test_has_targets_big_enough_for_a_finger(self, browser, live_server, person, sign_in, people):
        cookies = sign_in(person).context.cookies()
        context = browser.new_context(base_url=live_server.url, has_touch=True, is_mobile=True)
        context.add_cookies(cookies)
        page = context.new_page()
        page.goto(reverse("users"))
        small = page.evaluate(
            "[...document.querySelectorAll('button, .button, .top nav a, summary, input[type=search]')]"
            ".filter(e => e.offsetParent && e.getBoundingClientRect().height < 44).map(e => e.outerHTML.slice(0, 80))"
        )
        context.close()
        assert small == []

    def test_prints_without_navigation(self, signed_in_page):
        signed_in_page.goto(reverse("help"))
        signed_in_page.emulate_media(media="print")
        expect(signed_in_page.get_by_role("navigation", name="Main")).to_be_hidden()
        expect(signed_in_page.get_by_role("heading", name="Help", exact=True)).to_be_visible()


class TestLoginPage:
    def test_is_accessible(self, page, assert_accessible, assert_fits_phone):
        page.goto(reverse("login"))
        assert_accessible(page)
        assert_fits_phone(page)

    def test_is_accessible_with_errors_too(self, page, assert_accessible):
        page.goto(reverse("login"))
        page.get_by_label("User name").fill("nobody")
        page.get_by_label("Password").fill("wrong")
        page.keyboard.press("Enter")
        expect(page.get_by_role("alert").first).to_contain_text("do not go together")
        assert_accessible(page)

    def test_goes_by_keyboard_from_name_to_password_to_button(self, page):
        page.goto(reverse("login"))
        expect(page.get_by_label("User name")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_label("Password")).to_be_focused()
        page.keyboard.press("Tab")
        expect(page.get_by_role("button", name="Log in")).to_be_focused()

    def test_lets_in_and_asks_for_a_password_of_ones_own(self, page):
        UserFactory(username="mara", must_change_password=True)
        page.goto(reverse("status"))
        page.get_by_label("User name").fill("mara")
        page.get_by_label("Password").fill(PASSWORD)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Choose a password of your own")).to_be_visible()

    def test_says_how_long_to_wait_after_wrong_tries(self, page, problems):
        page.goto(reverse("login"))
        for _ in range(FREE_TRIES + 1):
            page.get_by_label("User name").fill("mara")
            page.get_by_label("Password").fill("wrong")
            with page.expect_navigation():
                page.keyboard.press("Enter")
        expect(page.get_by_role("alert").first).to_contain_text(re.compile(r"taken in \d+ seconds"))
        assert [problem for problem in problems if "429" in problem]
        problems.clear()


class TestHeader:
    def test_is_walked_through_by_keyboard_in_reading_order(self, signed_in_page):
        signed_in_page.goto(reverse("help"))
        walked = []
        for _ in range(14):
            signed_in_page.keyboard.press("Tab")
            walked.append(
                signed_in_page.evaluate(
                    "(document.activeElement.ariaLabel || document.activeElement.innerText || document.activeElement.title).trim()"
                )
            )
        pages = ["Search", "Corpora", "Uploads", "Judging", "Quality", "Indexes", "Users", "Status", "Help"]
        assert walked[:11] == ["Skip to content", "dmsearch", *pages]
        assert walked[12] == "Account: admin"

    def test_shows_where_the_focus_is(self, signed_in_page):
        signed_in_page.goto(reverse("help"))
        for _ in range(4):
            signed_in_page.keyboard.press("Tab")
        outline = signed_in_page.evaluate("getComputedStyle(document.activeElement).outline")
        assert "solid 3px" in outline

    def test_skips_to_the_content(self, signed_in_page):
        signed_in_page.goto(reverse("help"))
        signed_in_page.keyboard.press("Tab")
        signed_in_page.keyboard.press("Enter")
        expect(signed_in_page.locator("main")).to_be_focused()

    def test_menu_closes_with_escape_and_gives_the_focus_back(self, signed_in_page):
        signed_in_page.goto(reverse("help"))
        signed_in_page.locator(".menu summary").click()
        expect(signed_in_page.get_by_role("button", name="Log out")).to_be_visible()
        signed_in_page.keyboard.press("Escape")
        expect(signed_in_page.get_by_role("button", name="Log out")).to_be_hidden()
        expect(signed_in_page.locator(".menu summary")).to_be_focused()

    def test_logs_out(self, signed_in_page):
        signed_in_page.goto(reverse("help"))
        signed_in_page.locator(".menu summary").click()
        signed_in_page.get_by_role("button", name="Log out").click()
        expect(signed_in_page.get_by_role("heading", name="Log in")).to_be_visible()


class TestLook:
    dark, light = "rgb(15, 22, 27)", "rgb(244, 246, 248)"

    @staticmethod
    def ground(page):
        return page.evaluate("getComputedStyle(document.body).backgroundColor")

    def test_follows_the_system(self, page):
        page.emulate_media(color_scheme="dark")
        page.goto(reverse("login"))
        assert self.ground(page) == self.dark

    def test_is_switched_without_a_reload_and_kept(self, page):
        page.goto(reverse("login"))
        assert self.ground(page) == self.light
        page.get_by_role("button", name="Dark look").click()
        assert self.ground(page) == self.dark
        expect(page.get_by_role("button", name="Light look")).to_be_focused()
        page.reload()
        assert page.locator("html").get_attribute("data-theme") == "dark"
        assert self.ground(page) == self.dark

    def test_follows_the_system_again_when_switched_back(self, page):
        page.goto(reverse("login"))
        page.get_by_role("button", name="Dark look").click()
        page.get_by_role("button", name="Light look").click()
        page.emulate_media(color_scheme="dark")
        assert self.ground(page) == self.dark

    def test_is_switched_without_javascript_too(self, browser, live_server):
        context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
        page = context.new_page()
        page.goto(reverse("login"))
        page.get_by_role("button", name="Dark look").click()
        expect(page.locator("html")).to_have_attribute("data-theme", "dark")
        context.close()


class TestTimes:
    def test_show_local_time_on_hover(self, signed_in_page):
        signed_in_page.goto(reverse("help"))
        moment = signed_in_page.locator("main time").first
        expect(moment).to_have_text(re.compile(r"^\d{1,2} \w{3} \d{4} \d{2}:\d{2}Z$"))
        expect(moment).to_have_attribute("title", re.compile(r"America/New_York"))


class TestUsersPage:
    def test_finds_while_typing_and_keeps_it_in_the_address(self, signed_in_page, people):
        signed_in_page.goto(reverse("users"))
        signed_in_page.get_by_label("Find a person").press_sequentially("mara")
        expect(signed_in_page.locator("#people tbody tr")).to_have_count(1)
        expect(signed_in_page).to_have_url(re.compile(r"\?q=mara$"))

    def test_adds_somebody_and_shows_the_password_once(self, signed_in_page, assert_accessible):
        signed_in_page.goto(reverse("user-new"))
        signed_in_page.get_by_label("User name").fill("joel")
        signed_in_page.get_by_role("button", name="Add").click()
        expect(signed_in_page.locator("#secret")).to_have_text(re.compile(r"^(\w{4}-){3}\w{4}$"))
        assert_accessible(signed_in_page)


class TestStatusPage:
    def test_is_no_longer_green_when_the_line_is_cut(self, signed_in_page, problems):
        signed_in_page.clock.install()
        signed_in_page.goto(reverse("status"))
        expect(signed_in_page.get_by_text("Not known.")).to_be_hidden()
        signed_in_page.route("**/status/", lambda route: route.abort())
        signed_in_page.clock.run_for(45_000)
        expect(signed_in_page.get_by_text("Not known.")).to_be_visible()
        expect(signed_in_page.get_by_role("alert")).to_contain_text("cannot be reached")
        signed_in_page.goto("about:blank")  # nothing more is asked for
        problems.clear()


class TestErrorPages:
    def test_404_is_accessible_and_leads_back(self, signed_in_page, assert_accessible, assert_fits_phone, problems):
        signed_in_page.goto("/nowhere")
        expect(signed_in_page.get_by_role("heading", name="There is nothing here")).to_be_visible()
        expect(signed_in_page.get_by_role("link", name="Go to search")).to_be_visible()
        assert_accessible(signed_in_page)
        assert_fits_phone(signed_in_page)
        problems.clear()


@pytest.fixture
def database_away(monkeypatch):
    """Break one view the way a database that went away does; call what it gives to mend it."""

    def refuse(*_args, **_kwargs):
        raise OperationalError("connection refused")

    for module in (pages_views, accounts_views):
        monkeypatch.setattr(module, "render_page", refuse)
    return monkeypatch.undo


class TestOutage:
    def test_is_told_and_the_page_comes_back_by_itself(
        self, signed_in_page, database_away, assert_accessible, assert_fits_phone, problems
    ):
        signed_in_page.goto(reverse("help"))
        expect(signed_in_page.get_by_role("heading", name="The database does not answer")).to_be_visible()
        assert_accessible(signed_in_page)
        assert_fits_phone(signed_in_page)
        database_away()
        expect(signed_in_page.get_by_role("heading", name="Help", exact=True)).to_be_visible(timeout=8_000)
        problems.clear()

    def test_leaves_what_is_on_the_page_when_htmx_meets_it(self, signed_in_page, person, request, problems):
        signed_in_page.goto(reverse("users"))
        mend = request.getfixturevalue("database_away")
        signed_in_page.get_by_label("Find a person").press_sequentially("ad")
        expect(signed_in_page.get_by_role("alert")).to_contain_text("The database does not answer")
        expect(signed_in_page.get_by_role("link", name="admin", exact=True)).to_be_visible()
        mend()
        signed_in_page.get_by_label("Find a person").press_sequentially("m")
        expect(signed_in_page.get_by_role("alert")).to_be_hidden()
        problems.clear()


class TestWeight:
    @pytest.mark.parametrize("name", ["search", "users"])
    def test_of_a_first_load_is_small(self, signed_in_page, live_server, name):
        sizes = {}
        signed_in_page.on("response", lambda response: sizes.update({response.url: len(response.body())}))
        signed_in_page.goto(reverse(name))
        signed_in_page.wait_for_load_state("networkidle")
        assert sizes[f"{live_server.url}/static/css/dmsearch.css"] < 25_000
        assert sum(sizes.values()) < 150_000  # as it lies on the disk: compressed it is a third
