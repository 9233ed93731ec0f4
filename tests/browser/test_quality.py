"""The leaderboard in a real browser."""

import re
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from apps.experiments.models import Run
from tests.browser.conftest import PHONE


@pytest.fixture
def measured(transactional_db):
    return Run.objects.create(
        fingerprint="1",
        set="DisastIR-Test",
        label="DMRetriever-33M dense, instructions on, truncated, " + "long-name-" * 12,
        model="DMRetriever-33M",
        retrieval="dense",
        scores={"QA": {"ndcg@10": 0.61, "queries": 9}},
        significant=["QA"],
        average=0.61,
        took_s=3,
        commit="abc1234",
        measured_at=datetime(2026, 11, 23, 14, 5, tzinfo=UTC),
    )


@pytest.fixture
def quality(signed_in_page, measured):
    signed_in_page.goto(reverse("quality"))
    return signed_in_page


class TestQualityPage:
    def test_is_accessible_and_fits_a_phone(self, quality, assert_accessible, assert_fits_phone):
        assert_accessible(quality)
        assert_fits_phone(quality)

    def test_shows_its_last_column_on_a_phone(self, quality):
        quality.set_viewport_size(PHONE)
        table, last = quality.locator(".leaderboard").first, quality.locator(".leaderboard thead th").last
        table.scroll_into_view_if_needed()
        expect(last).not_to_be_in_viewport()
        table.hover(position={"x": 150, "y": 20})
        quality.mouse.wheel(5_000, 0)
        expect(last).to_be_in_viewport()
        quality.get_by_role("region", name="Leaderboard").first.focus()
        for _ in range(60):
            quality.keyboard.press("ArrowLeft")
        expect(last).not_to_be_in_viewport()

    def test_is_accessible_while_empty(self, signed_in_page, assert_accessible, assert_fits_phone):
        signed_in_page.goto(reverse("quality") + "?figures=measured")
        expect(signed_in_page.get_by_text("manage.py evaluate FOLDER --record")).to_be_visible()
        assert_accessible(signed_in_page)
        assert_fits_phone(signed_in_page)

    def test_sorts_in_place_and_keeps_the_order_when_filtered(self, quality):
        quality.get_by_role("link", name="QA", exact=True).click()
        expect(quality).to_have_url(re.compile("sort=-QA"))
        expect(quality.locator("[aria-sort]")).to_have_text("QA")
        quality.get_by_label("Figures").select_option("measured")
        expect(quality.locator("tbody tr")).to_have_count(1)
        expect(quality).to_have_url(re.compile("sort=-QA.*figures=measured|figures=measured.*sort=-QA"))

    def test_sorts_without_javascript(self, browser, live_server, sign_in, person, measured):
        cookies = sign_in(person).context.cookies()
        context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
        context.add_cookies(cookies)
        page = context.new_page()
        page.goto(reverse("quality"))
        page.get_by_role("link", name="Average").click()
        expect(page.locator("tbody tr").first).to_contain_text("DMRetriever-7.6B")
        context.close()

    def test_draws_a_dot_for_every_score(self, quality):
        expect(quality.locator(".chart circle.measured")).to_have_count(1)
        assert quality.locator(".chart circle.published").count() % 6 == 0
