import io
import re
import zipfile

import pytest
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import expect

from apps.corpora.models import Document, Passage
from apps.indexing import services as indexing
from apps.ingestion import jobs, reading
from apps.ingestion.models import JobItem
from apps.retrievers.family import get_card
from tests.factories import CorpusFactory, DocumentTextFactory, JobFactory, JobItemFactory, PassageFactory, UserFactory

pytestmark = pytest.mark.django_db(transaction=True)

State = JobItem.State
REPORT = "The levee at Crake Hollow failed at dawn. Forty people are on roofs."

# What a person drags in: files by name, dropped onto the given element.
DROP = """(files) => {
    const data = new DataTransfer();
    for (const [name, text] of Object.entries(files)) data.items.add(new File([text], name));
    for (const type of ["dragenter", "dragover", "drop"])
        document.body.dispatchEvent(new DragEvent(type, {dataTransfer: data, bubbles: true, cancelable: true}));
}"""


@pytest.fixture
def person(transactional_db):
    return UserFactory(analyst=True, username="mara")


@pytest.fixture
def corpus(person):
    return CorpusFactory(name="Floods", slug="floods", members=[person])


@pytest.fixture
def live_index(transactional_db, monkeypatch):
    monkeypatch.setattr(indexing.jobs, "request_embedding", lambda **_: None)
    return indexing.create_index(get_card("hashing"), revision="1")


@pytest.fixture
def nobody_reads(monkeypatch):
    """The workers are away: what is asked of them waits."""
    monkeypatch.setattr(jobs, "request_ingest", lambda item_ids: None)


@pytest.fixture
def read_at_once(live_index, monkeypatch):
    """A worker reads each file as soon as it is asked to."""
    monkeypatch.setattr(jobs, "request_ingest", lambda item_ids: [reading.ingest(item_id) for item_id in item_ids])


class TestDropping:
    def test_many_files_anywhere_on_the_page_makes_one_upload(self, signed_in_page, corpus, read_at_once):
        signed_in_page.goto(corpus.get_absolute_url())
        signed_in_page.evaluate(DROP, {f"report {number}.txt": f"{REPORT} {number}" for number in range(7)})
        expect(signed_in_page).to_have_url(re.compile(r"/jobs/\d+/$"))
        expect(signed_in_page.locator(".items tbody tr")).to_have_count(7)
        expect(signed_in_page.get_by_text("All 7 files read")).to_be_visible()
        assert JobItem.objects.values("job").distinct().count() == 1
        assert Document.objects.count() == 7

    def test_a_zip_brings_what_is_in_it(self, signed_in_page, corpus, read_at_once):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            archive.writestr("day 1/a.txt", REPORT)
            archive.writestr("../evil.txt", "out")
        signed_in_page.goto(corpus.get_absolute_url())
        zipped = {"name": "all.zip", "mimeType": "application/zip", "buffer": content.getvalue()}
        signed_in_page.get_by_label("Files", exact=True).set_input_files(zipped)
        expect(signed_in_page.get_by_text("all/day 1/a.txt")).to_be_visible()
        signed_in_page.get_by_text("1 left out").click()
        expect(signed_in_page.get_by_text("../evil.txt:")).to_be_visible()

    def test_shows_where_to_drop_while_something_is_dragged(self, signed_in_page, corpus):
        signed_in_page.goto(corpus.get_absolute_url())
        signed_in_page.evaluate(DROP.replace('["dragenter", "dragover", "drop"]', '["dragenter"]'), {"a.txt": "x"})
        expect(signed_in_page.locator("body")).to_have_class("dropping")

    def test_hostile_names_stay_names(self, signed_in_page, corpus, read_at_once):
        name = "<img src=x onerror=alert(1)>'; DROP TABLE corpora_corpus;--.txt"
        signed_in_page.goto(corpus.get_absolute_url())
        signed_in_page.evaluate(DROP, {name: REPORT})
        expect(signed_in_page.locator(".items .file-name")).to_have_text(name)

    def test_is_nothing_on_the_page_of_who_only_searches(self, sign_in, corpus):
        page = sign_in(UserFactory())
        page.goto(corpus.get_absolute_url())
        expect(page.locator("#upload")).to_have_count(0)


class TestChoosing:
    def test_a_folder_keeps_its_folders(self, signed_in_page, corpus, read_at_once, tmp_path):
        (tmp_path / "sitreps" / "day 1").mkdir(parents=True)
        (tmp_path / "sitreps" / "day 1" / "a.txt").write_text(REPORT)
        (tmp_path / "sitreps" / "b.txt").write_text("Boats are on their way.")
        signed_in_page.goto(corpus.get_absolute_url())
        signed_in_page.get_by_label("A folder").set_input_files(tmp_path / "sitreps")
        expect(signed_in_page.get_by_text("sitreps/day 1/a.txt")).to_be_visible()
        expect(signed_in_page.get_by_text("sitreps/b.txt")).to_be_visible()

    def test_works_without_javascript(self, browser, live_server, sign_in, person, corpus, read_at_once, tmp_path):
        cookies = sign_in(person).context.cookies()
        context = browser.new_context(base_url=live_server.url, java_script_enabled=False)
        context.add_cookies(cookies)
        page = context.new_page()
        for name in ("a.txt", "b.txt"):
            (tmp_path / name).write_text(f"{REPORT} {name}")
        page.goto(corpus.get_absolute_url())
        page.get_by_label("Files", exact=True).set_input_files([tmp_path / "a.txt", tmp_path / "b.txt"])
        page.get_by_role("button", name="Add files").click()
        expect(page.get_by_text("All 2 files read")).to_be_visible()
        context.close()


class TestRefusing:
    def test_a_file_too_large_is_not_even_sent(self, signed_in_page, corpus, read_at_once, settings):
        settings.UPLOAD_MAX_BYTES = 1000
        signed_in_page.goto(corpus.get_absolute_url())
        signed_in_page.evaluate(DROP, {"big.txt": "x" * 1001, "small.txt": REPORT})
        expect(signed_in_page.get_by_text("big.txt: Larger than")).to_be_visible()
        signed_in_page.get_by_role("link", name="See how the others are read").click()
        expect(signed_in_page.locator(".items .file-name")).to_have_text(["small.txt"])

    def test_a_file_that_cannot_be_opened_is_counted(self, signed_in_page, corpus):
        signed_in_page.goto(corpus.get_absolute_url())
        signed_in_page.evaluate(
            "DataTransferItem.prototype.webkitGetAsEntry = () => ({isFile: true, name: 'a.txt', file: (_, fail) => fail()})"
        )
        signed_in_page.evaluate(DROP, {"a.txt": REPORT})
        expect(signed_in_page.get_by_text("a.txt: This file could not be opened on your device.")).to_be_visible()
        expect(signed_in_page.locator("#sending-total")).to_have_text(re.compile("^0 of 1 file sent, .*; 1 not taken$"))

    def test_a_cut_line_says_which_file_to_add_again(self, signed_in_page, corpus, problems):
        signed_in_page.goto(corpus.get_absolute_url())
        signed_in_page.route("**/upload", lambda route: route.abort())
        signed_in_page.evaluate(DROP, {"a.txt": REPORT})
        expect(signed_in_page.get_by_text("a.txt: The line was cut. Add this file again.")).to_be_visible()
        problems.clear()


class TestJobPage:
    def test_follows_the_work_and_stops_asking_when_it_is_done(self, signed_in_page, corpus, live_index):
        job = JobFactory(corpus=corpus)
        first, second = (JobItemFactory(job=job, content=f"{REPORT} {number}".encode()) for number in (1, 2))
        signed_in_page.goto(job.get_absolute_url())
        expect(signed_in_page.get_by_text("0 of 2")).to_be_visible()
        reading.ingest(first.pk)
        expect(signed_in_page.get_by_text("1 of 2")).to_be_visible()
        reading.ingest(second.pk)
        expect(signed_in_page.get_by_text("All 2 files read")).to_be_visible()
        expect(signed_in_page.get_by_text("0 of 2 passages")).to_be_visible()
        batch = indexing.lease(live_index, size=10)
        from workers.encoders.hashing import HashingEncoder

        indexing.store_vectors(live_index, batch.passage_ids, HashingEncoder().encode(batch.texts))
        expect(signed_in_page.get_by_text("All 2 passages can be found by meaning")).to_be_visible()
        expect(signed_in_page.locator("#job[hx-trigger]")).to_have_count(0)

    def test_keeps_a_list_open_while_it_goes_on(self, signed_in_page, corpus):
        job = JobFactory(corpus=corpus)
        rows = [{"number": 17, "name": "", "reason": "there is no text"}]
        JobItemFactory(job=job, state=State.DONE, bad_rows=rows, bad_row_count=1)
        waiting = JobItemFactory(job=job)
        signed_in_page.goto(job.get_absolute_url())
        signed_in_page.get_by_text("1 left out").click()
        JobItem.objects.filter(pk=waiting.pk).update(state=State.FAILED, reason="It is damaged.")
        expect(signed_in_page.get_by_text("It is damaged.")).to_be_visible()
        expect(signed_in_page.get_by_text("Row 17: there is no text")).to_be_visible()

    def test_retries_one_failed_file(self, signed_in_page, corpus, read_at_once):
        job = JobFactory(corpus=corpus)
        JobItemFactory(job=job, state=State.FAILED, reason="The disk was full.", content=REPORT.encode(), name="a.txt")
        signed_in_page.goto(job.get_absolute_url())
        signed_in_page.get_by_role("button", name="Retry a.txt").click()
        expect(signed_in_page.get_by_text("All 1 file read")).to_be_visible()

    def test_is_found_again_from_the_corpus(self, signed_in_page, corpus, nobody_reads):
        job = JobItemFactory(job__corpus=corpus).job
        signed_in_page.goto(corpus.get_absolute_url())
        signed_in_page.locator("a", has=signed_in_page.locator("time")).first.click()
        expect(signed_in_page).to_have_url(re.compile(job.get_absolute_url()))


class TestMappingPage:
    def test_corrects_which_column_is_the_text(self, signed_in_page, corpus, read_at_once):
        item = JobItemFactory(
            job__corpus=corpus,
            name="log.csv",
            content=b"place,words\nAldermoot,Road dry again\nFenwater,Sea calm today",
        )
        reading.ingest(item.pk)
        signed_in_page.goto(item.job.get_absolute_url())
        signed_in_page.get_by_role("link", name="Columns:").click()
        expect(signed_in_page.get_by_role("cell", name="Aldermoot")).to_be_visible()
        text = signed_in_page.get_by_role("group", name="Text")
        text.get_by_label("words").uncheck()
        text.get_by_label("place").check()
        signed_in_page.get_by_role("button", name="Read it again").click()
        expect(signed_in_page.get_by_text("text is “place”")).to_be_visible()
        assert set(Passage.objects.values_list("text", flat=True)) == {"Aldermoot", "Fenwater"}


class TestEachPage:
    @pytest.fixture
    def urls(self, corpus, live_index, nobody_reads):
        text = DocumentTextFactory(document__corpus=corpus, document__title="A report with " + "long-words-" * 12)
        passage = PassageFactory(document=text.document, position=0, heading="Situation > Roads", page=1)
        tweet = DocumentTextFactory(
            document__corpus=corpus,
            document__kind="tweet",
            document__published_at=timezone.now(),
            document__metadata={"author_name": "Orsel Watch", "reply_to": "1", "retweet_count": 3},
        )
        PassageFactory(document=tweet.document, position=0)
        job = JobFactory(corpus=corpus)
        JobItemFactory(job=job, state=State.FAILED, reason="This PDF is encrypted.", name="folder/" + "x" * 90 + ".pdf")
        JobItemFactory(job=job, state=State.WORKING, alive_at=timezone.now())
        JobItemFactory(
            job=job,
            state=State.DONE,
            passages=1,
            bad_rows=[{"number": 3, "name": "", "reason": "no text"}],
            bad_row_count=1,
        )
        table = JobItemFactory(
            job=job, state=State.DONE, name="t.csv", content=b"a,b\nOne day,Two days", mapping={"text": ["a"]}
        )
        return {
            "corpora": reverse("corpora"),
            "corpus": corpus.get_absolute_url(),
            "new corpus": reverse("corpus-new"),
            "delete corpus": reverse("corpus-delete", args=[corpus.slug]),
            "document": passage.get_absolute_url(),
            "tweet": tweet.document.get_absolute_url(),
            "delete document": reverse("document-delete", args=[text.pk]),
            "jobs": reverse("jobs"),
            "job": job.get_absolute_url(),
            "mapping": reverse("item-mapping", args=[table.pk]),
        }

    @pytest.mark.parametrize(
        "name",
        [
            "corpora",
            "corpus",
            "new corpus",
            "delete corpus",
            "document",
            "tweet",
            "delete document",
            "jobs",
            "job",
            "mapping",
        ],
    )
    def test_is_accessible_and_fits_a_phone(self, signed_in_page, urls, name, assert_accessible, assert_fits_phone):
        signed_in_page.goto(urls[name])
        assert_accessible(signed_in_page)
        assert_fits_phone(signed_in_page)
