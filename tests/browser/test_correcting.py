"""What is said of very many documents, in a real browser: the page follows the worker, and all of it is taken back."""

import re

import pytest
from playwright.sync_api import expect

from apps.corpora.models import Document
from apps.ingestion import correcting
from tests.factories import CorpusFactory, DocumentFactory, DocumentTextFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person(transactional_db):
    return UserFactory(analyst=True, username="mara")


@pytest.fixture
def corpus(person, monkeypatch):
    """Five documents, which are many here: a worker sets two a turn, when the test lets it."""
    monkeypatch.setattr(correcting, "AT_ONCE", 2)
    monkeypatch.setattr(correcting, "STEP", 2)
    monkeypatch.setattr(correcting, "TURN_S", 0.0)
    monkeypatch.setattr(correcting.jobs, "request_corrections", lambda: None)
    corpus = CorpusFactory(slug="floods", name="Floods", members=[person])
    for n in range(5):
        DocumentFactory(corpus=corpus, title=f"Report {n}")
    return corpus


class TestADocument:
    def test_says_in_place_what_it_cannot_take(self, signed_in_page, corpus, problems):
        document = Document.objects.first()
        DocumentTextFactory(document=document, text="The levee failed.")
        signed_in_page.goto(document.get_absolute_url())
        signed_in_page.get_by_role("link", name="Set this right").click()
        signed_in_page.get_by_label("Latitude").fill("12")
        signed_in_page.get_by_role("button", name="Save").click()
        expect(signed_in_page.get_by_text("A point needs both numbers: latitude and longitude.")).to_be_visible()
        expect(signed_in_page.get_by_label("Latitude")).to_have_value("12")
        expect(signed_in_page.locator("#outage")).to_be_hidden()
        assert all("422" in problem for problem in problems)
        problems.clear()


class TestManyDocuments:
    def test_are_set_while_one_looks_and_taken_back(self, signed_in_page, corpus, assert_accessible, assert_fits_phone):
        page = signed_in_page
        page.goto(f"{corpus.get_absolute_url()}correct")
        page.get_by_label("Event").fill("Exercise Copper Tern")
        page.get_by_role("button", name="Set for all").click()
        expect(page).to_have_url(re.compile(r"/bulk-corrections/\d+/$"))
        expect(page.get_by_text("0 of 5 documents")).to_be_visible()
        correcting.carry_on()
        expect(page.get_by_text("2 of 5 documents")).to_be_visible()
        assert_accessible(page)
        assert_fits_phone(page)
        while correcting.carry_on():
            pass
        expect(page.get_by_text("Set for 5 documents")).to_be_visible()
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_text("Taking it back: 0 of 5 documents")).to_be_visible()
        while correcting.carry_on():
            pass
        expect(page.get_by_text("Undone for 5 documents")).to_be_visible()
        assert_accessible(page)
        assert set(Document.objects.values_list("event", flat=True)) == {""}
