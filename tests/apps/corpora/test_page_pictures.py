"""Pages of PDFs as pictures, in their own page, and citations."""

import io
import queue
import threading
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from django.core.files.base import ContentFile
from PIL import Image
from reportlab.pdfgen.canvas import Canvas

from apps.corpora import page_pictures
from apps.corpora.citing import citation
from apps.corpora.models import StoredFile
from tests.factories import DocumentTextFactory, PassageFactory, UserFactory

pytestmark = pytest.mark.django_db

TEXT = "First page of it.\nSecond page 🚒 of it.\nThird."


def pdf_of(*lines):
    made = io.BytesIO()
    canvas = Canvas(made, pagesize=(400, 500))
    for line in lines:
        canvas.drawString(72, 400, line)
        canvas.showPage()
    canvas.save()
    return made.getvalue()


@pytest.fixture
def document(settings, tmp_path):
    settings.CACHES["page-pictures"]["LOCATION"] = tmp_path / "pictures"
    starts = [0, TEXT.index("Second"), TEXT.index("Third")]
    text = DocumentTextFactory(text=TEXT, page_starts=starts, document__title="Sitrep 7")
    document = text.document
    document.source = StoredFile.objects.keep(ContentFile(pdf_of("First page", "Second page", "Third")))[0]
    document.file_name = "sitrep.pdf"
    document.save()
    PassageFactory(document=document, position=0, text=TEXT, page=1)
    return document


@pytest.fixture(autouse=True)
def reader(client):
    client.force_login(UserFactory())


class TestAPageAsAPicture:
    def test_is_drawn_in_the_child_and_may_be_kept_by_the_browser_alone(self, client, document):
        response = client.get(f"/documents/{document.pk}/pages/2/picture")
        assert response["Content-Type"] == "image/webp"
        assert "private" in response["Cache-Control"]
        picture = Image.open(io.BytesIO(response.content))
        assert picture.size == (1240, 1550)
        assert len(response.content) <= 150_000

    def test_is_drawn_once(self, client, document, monkeypatch):
        first = client.get(f"/documents/{document.pk}/pages/1/picture").content
        monkeypatch.delattr(page_pictures.extraction, "picture_page")
        assert client.get(f"/documents/{document.pk}/pages/1/picture").content == first

    @pytest.mark.parametrize("number", [0, 4, 10**12])
    def test_that_is_not_there_is_said(self, client, document, number):
        assert client.get(f"/documents/{document.pk}/pages/{number}/picture").status_code == 404

    def test_of_a_broken_pdf_is_not_there_and_breaks_nothing(self, client, document):
        document.source = StoredFile.objects.keep(ContentFile(b"%PDF-1.7 and nothing"))[0]
        document.save()
        assert client.get(f"/documents/{document.pk}/pages/1/picture").status_code == 404

    def test_of_what_is_no_pdf_is_not_there(self, client, document):
        document.source = StoredFile.objects.keep(ContentFile(b"Plain words"))[0]
        document.save()
        assert client.get(f"/documents/{document.pk}/pages/1/picture").status_code == 404
        assert "Only pages of PDFs" in client.get(f"/documents/{document.pk}/pages/1/").text


class TestManyPagesAtOnce:
    @pytest.fixture
    def slow(self, document, monkeypatch):
        """Drawing takes until the test says so; tells of each page that is begun, and how many were at the same time."""
        slow = SimpleNamespace(go=threading.Event(), begun=queue.SimpleQueue(), now=[], most=0)

        def draw(_file, number, target, **_):
            slow.now.append(number)
            slow.most = max(slow.most, len(slow.now))
            slow.begun.put(number)
            assert slow.go.wait(30)
            slow.now.remove(number)
            target.write_bytes(f"page {number}".encode())

        monkeypatch.setattr(page_pictures.extraction, "picture_page", draw)
        return slow

    @pytest.fixture
    def ask(self, document):
        """Ask for pages, each in a thread of its own; what comes of it is told by two queues."""
        assert document.source  # fetched here: the threads need no database
        drawn, refused, threads = queue.SimpleQueue(), queue.SimpleQueue(), []

        def one(number):
            try:
                drawn.put(page_pictures.page_picture(document, number))
            except page_pictures.Busy:
                refused.put(number)

        def ask(*numbers):
            threads.extend(threading.Thread(target=one, args=[number]) for number in numbers)
            for thread in threads:
                thread.start()
            return drawn, refused

        yield ask
        for thread in threads:
            thread.join(30)

    def test_leave_threads_for_searches(self, slow, ask):
        """Of eight who ask, two are served at a time and two wait; the others are told at once to ask again."""
        drawn, refused = ask(*range(1, 9))
        told = {refused.get(timeout=30) for _ in range(4)}
        slow.go.set()
        got = {drawn.get(timeout=30) for _ in range(4)}
        assert got == {f"page {number}".encode() for number in set(range(1, 9)) - told}
        assert slow.most == 2

    def test_are_not_drawn_again_for_who_waited(self, slow, ask):
        drawn, _ = ask(1, 1, 1, 1)
        assert [slow.begun.get(timeout=30) for _ in range(2)] == [1, 1]
        slow.go.set()
        assert {drawn.get(timeout=30) for _ in range(4)} == {b"page 1"}
        assert slow.begun.empty()

    @pytest.mark.parametrize("full", ["_drawing", "_in_hand"])
    def test_are_asked_for_again_in_a_moment(self, client, document, monkeypatch, full):
        monkeypatch.setattr(page_pictures, "WAIT_S", 0.01)
        with monkeypatch.context() as busy:
            busy.setattr(page_pictures, full, threading.Semaphore(0))
            answer = client.get(f"/documents/{document.pk}/pages/1/picture")
            assert (answer.status_code, answer["Retry-After"], answer["Cache-Control"]) == (503, "2", "no-store")
        assert client.get(f"/documents/{document.pk}/pages/1/picture").status_code == 200


class TestAPage:
    def test_shows_the_picture_beside_its_own_text_alone(self, client, document):
        page = client.get(f"/documents/{document.pk}/pages/2/").text
        assert f'src="/documents/{document.pk}/pages/2/picture"' in page
        assert "Second page 🚒 of it." in page
        assert "Third." not in page
        assert "First page of it." not in page

    def test_leads_on_but_not_beyond_the_ends(self, client, document):
        first, last = (client.get(f"/documents/{document.pk}/pages/{n}/").text for n in (1, 3))
        assert 'rel="next"' in first
        assert 'rel="prev"' not in first
        assert 'rel="next"' not in last
        assert client.get(f"/documents/{document.pk}/pages/4/").status_code == 404


class TestAround:
    def test_gives_htmx_what_stands_before_and_after(self, client, document):
        middle = PassageFactory(document=document, position=1, text="In between.")
        PassageFactory(document=document, position=2, text="What comes after.")
        shown = client.get(f"/passages/{middle.pk}/around", headers={"HX-Request": "true"}).text
        assert "First page of it." in shown
        assert "What comes after." in shown
        assert "In between." not in shown

    def test_sends_others_to_the_document(self, client, document):
        passage = document.passages.get()
        assert client.get(f"/passages/{passage.pk}/around").url == passage.get_absolute_url()


class TestACitation:
    def test_names_who_what_where_when_and_which_page(self):
        cited = citation(
            title="Sitrep 7", author="Mara Kolb", source="Reports", page=3, url="https://x.example/documents/1/",
            published_at=datetime(2026, 4, 11, 14, 5, tzinfo=UTC),
        )  # fmt: skip
        assert cited == "Mara Kolb. “Sitrep 7”. Reports, 11 Apr 2026 14:05Z, p. 3. https://x.example/documents/1/"

    def test_leaves_out_what_is_not_known(self):
        assert citation(title="A note") == "“A note”."

    def test_stands_on_the_page_of_the_document(self, client, document):
        assert "“Sitrep 7”. " in client.get(f"/documents/{document.pk}/").text
