"""What one takes away and keeps, in a real browser: files, saved searches, lists of queries, pages of a PDF."""

import csv
import io
import re
import threading

import pytest
from django.core.files.base import ContentFile
from playwright.sync_api import expect
from reportlab.pdfgen.canvas import Canvas

from apps.corpora import page_pictures
from apps.corpora.models import StoredFile
from apps.indexing.jobs import request_embedding
from tests.factories import CorpusFactory, DocumentFactory, DocumentTextFactory, PassageFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def person(transactional_db):
    return UserFactory(username="maren")


@pytest.fixture
def library(transactional_db, index, run_jobs):
    corpus = CorpusFactory(slug="reports", name="Situation reports")
    for n in range(12):
        PassageFactory(document=DocumentFactory(corpus=corpus, title=f"Bulletin {n}"), text=f"Levee bulletin {n}.")
    request_embedding(index_id=index.pk)


class TestTakingAway:
    def test_gives_the_hits_on_screen(self, signed_in_page, library):
        signed_in_page.goto("/?q=levee&page=2")
        shown = signed_in_page.locator(".hit h2").all_inner_texts()
        signed_in_page.get_by_text("Take away").click()
        with signed_in_page.expect_download() as download:
            signed_in_page.get_by_role("link", name="Table (CSV)").first.click()
        content = download.value.path().read_text("utf-8-sig")
        assert [row["title"] for row in csv.DictReader(io.StringIO(content))] == shown
        signed_in_page.get_by_role("link", name="Print").first.click()
        expect(signed_in_page.locator(".printed .hit")).to_have_count(len(shown))


class TestASavedSearch:
    def test_is_saved_run_deleted_and_brought_back(self, signed_in_page, library, assert_accessible, assert_fits_phone):
        page = signed_in_page
        page.goto("/?q=levee&kind=report")
        page.get_by_role("link", name="Save", exact=True).click()
        expect(page.get_by_label("Name")).to_have_value("levee")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("nothing new")).to_be_visible()
        assert_accessible(page)
        page.get_by_role("link", name="levee", exact=True).click()
        expect(page).to_have_url(re.compile("kind=report"))
        page.go_back()
        page.get_by_role("button", name="Delete levee").click()
        expect(page.get_by_role("link", name="levee", exact=True)).to_have_count(0)
        page.get_by_role("button", name="Undo").click()
        expect(page.get_by_role("link", name="levee", exact=True)).to_be_visible()
        assert_fits_phone(page)


class TestAListOfQueries:
    def test_becomes_one_table(self, signed_in_page, library, assert_accessible, assert_fits_phone):
        page = signed_in_page
        page.goto("/lists/new")
        assert_accessible(page)
        page.get_by_label("Name").fill("Morning")
        page.get_by_label("Queries").fill("Which levee?\nFactCheck: The levee failed.")
        page.get_by_role("button", name="Answer them").click()
        expect(page.locator("#answers tbody tr")).to_have_count(2)
        expect(page.locator("#answers")).to_contain_text("Claim → evidence – set by the list")
        expect(page.locator("#answers")).to_contain_text("Bulletin")
        assert_accessible(page)
        assert_fits_phone(page)


class TestAPdf:
    @pytest.fixture
    def passage(self, transactional_db, settings, tmp_path):
        settings.CACHES["page-pictures"]["LOCATION"] = tmp_path / "pictures"
        made = io.BytesIO()
        canvas = Canvas(made, pagesize=(400, 500))
        for line in ("First page", "Second page"):
            canvas.drawString(72, 400, line)
            canvas.showPage()
        canvas.save()
        text = DocumentTextFactory(text="First page\nSecond page", page_starts=[0, 11], document__title="Plan")
        text.document.source = StoredFile.objects.keep(ContentFile(made.getvalue()))[0]
        text.document.save()
        return PassageFactory(document=text.document, text="First page", page=1)

    def test_is_seen_page_by_page_and_cited(self, signed_in_page, passage, assert_accessible, assert_fits_phone):
        page = signed_in_page
        page.goto(passage.get_absolute_url())
        expect(page.locator("#citation")).to_contain_text("“Plan”. ")
        page.get_by_role("link", name="See page 1").click()
        picture = page.get_by_role("img", name="Page 1 as it was printed")
        expect(picture).to_be_visible(timeout=60_000)  # drawn by a process of its own
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 1240
        page.keyboard.press("n")
        expect(page.get_by_role("img", name="Page 2 as it was printed")).to_be_visible(timeout=60_000)
        assert_accessible(page)
        assert_fits_phone(page)
        page.keyboard.press("p")
        expect(page).to_have_url(re.compile("pages/1/$"))
        page.keyboard.press("u")
        expect(page).to_have_url(re.compile(r"passage=\d+"))

    def test_comes_a_moment_later_where_too_many_are_drawn(self, signed_in_page, passage, problems, monkeypatch):
        page = signed_in_page
        with monkeypatch.context() as busy:
            busy.setattr(page_pictures, "_in_hand", threading.Semaphore(0))
            with page.expect_response(re.compile("/picture$")) as refused:
                page.goto(f"{passage.document.get_absolute_url()}pages/1/")
            assert refused.value.status == 503
            page.wait_for_event("response", lambda again: again.url.endswith("/picture") and again.status == 503)
        picture = page.get_by_role("img", name="Page 1 as it was printed")
        expect(picture).to_have_js_property("naturalWidth", 1240, timeout=60_000)
        assert all("503" in problem for problem in problems)
        problems.clear()
