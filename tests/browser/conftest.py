"""A real Chromium on the real pages. Every page must load without a console error or a CSP complaint."""

import os
import shutil
import threading
import time
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.conf import settings
from django.core.signals import request_finished, request_started
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from apps.accounts.models import User
from tests.factories import UserFactory

# Playwright keeps an event loop in this thread, which Django takes for asynchronous code.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"

PHONE = {"width": 360, "height": 740}
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "tests/browser/" in item.path.as_posix():
            item.add_marker(pytest.mark.browser)


@pytest.fixture(scope="session")
def browser():
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        if os.environ.get("CI"):
            pytest.fail("No Chromium on this machine: install Debian's package chromium")
        pytest.skip("No Chromium on this machine")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield browser
        browser.close()


@pytest.fixture(autouse=True)
def all_answered(live_server, transactional_db):
    """Let the server answer what is still under way before the database is emptied under it, which may deadlock."""
    answering: set[int] = set()

    def started(**_):
        answering.add(threading.get_ident())

    def finished(**_):
        answering.discard(threading.get_ident())

    request_started.connect(started)
    request_finished.connect(finished)
    yield
    # A browser that is closed may have sent what nobody has read yet; one connection may stay open with nothing sent.
    _wait_until(lambda: not _connections(), for_s=1)
    assert _wait_until(lambda: not answering, for_s=10), "the server still answers a page that nobody looks at"
    request_started.disconnect(started)
    request_finished.disconnect(finished)


def _connections() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if "process_request_thread" in thread.name]


def _wait_until(holds: Callable[[], bool], *, for_s: float) -> bool:
    until = time.monotonic() + for_s
    while not holds() and time.monotonic() < until:
        time.sleep(0.01)
    return holds()


@pytest.fixture
def problems() -> list[str]:
    """What the browser complained of; a test that expects a complaint clears it."""
    return []


@pytest.fixture
def page(browser: Browser, live_server, problems: list[str]):
    """A page of a browser of its own, at the server's address, signed in as nobody."""
    context = browser.new_context(base_url=live_server.url, locale="en-GB", timezone_id="America/New_York")
    page = context.new_page()
    page.set_default_timeout(10_000)
    page.on("console", lambda message: problems.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: problems.append(str(error)))
    yield page
    context.close()
    assert not problems


@pytest.fixture
def sign_in(page: Page, live_server) -> Callable[[User], Page]:
    """Sign somebody in without going through the form."""

    def sign_in(person: User) -> Page:
        client = Client()
        client.force_login(person)
        cookie = client.cookies[settings.SESSION_COOKIE_NAME]
        page.context.add_cookies([{"name": cookie.key, "value": cookie.value, "url": live_server.url}])
        return page

    return sign_in


@pytest.fixture
def person(transactional_db) -> User:
    """Who sits in front of the browser; a module may say somebody else."""
    return UserFactory(admin=True, username="admin")


@pytest.fixture
def signed_in_page(sign_in, person: User) -> Page:
    return sign_in(person)


@pytest.fixture
def assert_accessible() -> Callable[[Page], None]:
    """Check a page by axe's rules for WCAG 2.2 AA and its best practices, in the light and in the dark."""

    def assert_accessible(page: Page) -> None:
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
            assert found.violations_count == 0, f"{scheme}:\n{found.generate_report()}"
        page.emulate_media(color_scheme="light")

    return assert_accessible


@pytest.fixture
def assert_fits_phone() -> Callable[[Page], None]:
    """Check that nothing sticks out sideways at 360 px."""

    def assert_fits_phone(page: Page) -> None:
        page.set_viewport_size(PHONE)
        width = page.evaluate("document.documentElement.scrollWidth")
        wide = page.evaluate(
            "[...document.body.querySelectorAll('*')].filter(e => e.getBoundingClientRect().right > innerWidth + 1)"
            ".map(e => e.outerHTML.slice(0, 90)).slice(0, 5)"
        )
        assert width <= PHONE["width"], wide

    return assert_fits_phone
