"""The product's main job, all of it real: browser, broker, worker processes, model."""

# ruff: noqa: F811  pytest finds the fixtures by the names of the arguments

import re

import pytest
from playwright.sync_api import expect
from reportlab.lib.pagesizes import A4
from reportlab.pdfgen import canvas

from apps.corpora.models import Passage
from apps.indexing import services as indexing
from apps.indexing.models import PassageVector
from apps.ingestion.models import JobItem
from apps.retrievers import packaged
from apps.retrievers.family import PACKAGED
from tests.factories import CorpusFactory, UserFactory
from tests.flows.conftest import environment, start_worker  # noqa: F401

pytestmark = [
    pytest.mark.flow,
    pytest.mark.torch,
    pytest.mark.skipif(packaged.find_model() is None, reason="the packaged model is not installed"),
]

# One topic a page, each long enough to be a passage of its own.
PAGES = [
    "Sandbags are filled half and laid like bricks. Tread each layer down before the next one is laid. " * 9,
    "Bring it to a rolling boil for one minute and let it cool in a covered pot before anybody drinks it. " * 9,
    "Count heads in the shelter at six in the morning and in the evening, by walking through every room. " * 9,
]
# It shares no word with the page that answers it.
QUERY = "how to make tap water safe against germs?"


@pytest.fixture
def report(tmp_path):
    path = tmp_path / "field notes.pdf"
    sheet = canvas.Canvas(str(path), pagesize=A4)
    for words in PAGES:
        for number, line in enumerate(re.findall(r".{1,70}(?:\s|$)", words)):
            sheet.drawString(60, 780 - 16 * number, line.strip())
        sheet.showPage()
    sheet.save()
    return path


@pytest.fixture
def index(transactional_db):
    return indexing.create_index(PACKAGED, revision=packaged.REVISION)


class TestFirstAnswer:
    def test_an_uploaded_file_is_found_by_meaning_and_opens_at_its_passage(
        self,
        index,
        report,
        start_worker,
        page,
        sign_in,
        settings,
    ):
        settings.QUERY_TIMEOUT_S = 20  # the test machine is shared; what counts here is that an answer comes
        start_worker("ingest", pool="prefork")
        start_worker("embed", RETRIEVER=PACKAGED.name)
        start_worker("query", pool="threads", concurrency=4, RETRIEVER=PACKAGED.name)
        analyst = UserFactory(analyst=True)
        corpus = CorpusFactory(name="Field notes", members=[analyst])
        sign_in(analyst)

        page.goto(corpus.get_absolute_url())
        page.get_by_label("Files", exact=True).set_input_files(report)
        expect(page.get_by_text("passages can be found by meaning")).to_be_visible(timeout=60_000)
        assert JobItem.objects.get().state == JobItem.State.DONE
        assert PassageVector.objects.filter(index=index).count() == Passage.objects.count() >= 3

        page.goto("/")
        page.get_by_role("searchbox").fill(QUERY)
        page.keyboard.press("Enter")
        expect(page.get_by_text(f"Answered by {PACKAGED.name}")).to_be_visible(timeout=30_000)
        first = page.locator(".hit").first
        expect(first).to_contain_text("rolling boil")
        expect(first).to_contain_text("page 2")

        first.locator(".hit-link").click()
        expect(page.locator(".passage.chosen")).to_contain_text("rolling boil")
        expect(page.locator("#page-2")).to_be_visible()
        with page.expect_download() as download:
            page.get_by_role("link", name="Original file").click()
        assert download.value.suggested_filename == "field notes.pdf"
        assert download.value.path().read_bytes() == report.read_bytes()
