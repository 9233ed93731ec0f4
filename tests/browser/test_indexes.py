"""The pages of indexes in a real browser."""

import pytest
from django.urls import reverse
from playwright.sync_api import expect

from apps.indexing import services
from apps.indexing.measured import Certificate, Measurement
from apps.indexing.models import VectorIndex
from apps.retrievers.family import get_card


@pytest.fixture
def indexes(transactional_db, monkeypatch):
    """A live index with a certificate, and a candidate beside it."""
    monkeypatch.setattr("apps.indexing.jobs.request_embedding", lambda **_: None)
    live = services.create_index(get_card("hashing"), revision="1")
    curve = [
        {"ef_search": ef, "recall": recall, "p50_ms": ef / 100, "p95_ms": ef / 50}
        for ef, recall in ((20, 0.91), (40, 0.95), (100, 0.985), (200, 0.996), (400, 0.999))
    ]
    Certificate.objects.create(
        index=live, state=Measurement.DONE, ef_search=100, recall=0.985, curve=curve, sources={"judged queries": 9},
        finished_at="2026-11-26T14:05Z", quality={"QA": {"ndcg": 0.61, "queries": 9}},
    )  # fmt: skip
    making = services.Making(goes_live=False)
    candidate = services.create_index(get_card("hashing-128"), revision="1", making=making)
    services.tend(candidate)
    return live, candidate


class TestIndexPages:
    def test_are_accessible_and_fit_a_phone(self, signed_in_page, indexes, assert_accessible, assert_fits_phone):
        live, _ = indexes
        for url in (reverse("indexes"), live.get_absolute_url(), reverse("index-new")):
            signed_in_page.goto(url)
            assert_accessible(signed_in_page)
            assert_fits_phone(signed_in_page)

    def test_go_live_after_the_consequence_is_read_and_back_with_a_click(self, signed_in_page, indexes):
        live, candidate = indexes
        page = signed_in_page
        page.goto(reverse("indexes"))
        page.get_by_role("link", name="Go live").click()
        expect(page.get_by_text("hashing stands by and is kept up")).to_be_visible()
        page.get_by_role("button", name="Go live").click()
        expect(page.get_by_text("It answers searches now")).to_be_visible()
        assert VectorIndex.objects.live() == candidate
        page.get_by_role("link", name="All indexes").click()
        page.get_by_role("button", name="Roll back to hashing").click()
        expect(page.get_by_text("hashing answers searches again")).to_be_visible()
        assert VectorIndex.objects.live() == live
