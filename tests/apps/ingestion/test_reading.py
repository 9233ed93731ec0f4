import io
import json
import threading
import zipfile
from datetime import timedelta
from email.message import EmailMessage

import pytest
from django.core.files.base import ContentFile
from django.db import OperationalError, connection
from django.utils import timezone

from apps.corpora import extraction
from apps.corpora.models import Document, Passage
from apps.indexing.models import PassageVector, PendingVector
from apps.ingestion import heartbeat, reading, services, storing
from apps.ingestion.models import JobItem
from tests.factories import CorpusFactory, JobFactory, JobItemFactory

pytestmark = pytest.mark.django_db

State = JobItem.State
REPORT = b"The levee at Crake Hollow failed at dawn. Forty people are on roofs. Boats are on their way."


def read(item: JobItem) -> JobItem:
    reading.ingest(item.pk)
    item.refresh_from_db()
    return item


def table(*rows: str) -> bytes:
    return "\n".join(("id,text,author", *rows)).encode()


class TestADocument:
    def test_comes_in_with_passages_that_owe_a_vector(self, index):
        item = read(JobItemFactory(content=REPORT, name="sitreps/crake hollow.txt"))
        document = Document.objects.get()
        passage = document.passages.get()
        assert (item.state, item.documents, item.passages, item.attempts) == (State.DONE, 1, 1, 1)
        assert document.full_text.text[passage.start : passage.end] == passage.text
        assert (document.kind, document.source, document.file_name) == ("report", item.source, item.name)
        assert PendingVector.objects.get().passage == passage

    def test_comes_in_though_the_folder_of_an_index_s_model_is_gone(self, lost_model, caplog):
        assert read(JobItemFactory(content=REPORT)).state == State.DONE
        assert f"not cut for index {lost_model.pk}" in caplog.text

    def test_is_refused_with_the_reason_where_settings_name_no_model_either(self, lost_model, settings):
        settings.RETRIEVER = "/no/such/folder"
        assert "No retriever is called '/no/such/folder'" in read(JobItemFactory(content=REPORT)).reason

    def test_is_one_however_often_its_file_comes(self, index):
        corpus = CorpusFactory()
        first, second = (read(JobItemFactory(job__corpus=corpus, content=REPORT)) for _ in range(2))
        assert Document.objects.count() == 1
        assert (first.documents, first.duplicates) == (1, 0)
        assert (second.documents, second.duplicates, second.state) == (0, 1, State.DONE)

    def test_is_another_in_another_corpus(self, index):
        for _ in range(2):
            read(JobItemFactory(content=REPORT))
        assert Document.objects.count() == 2

    def test_is_read_once_when_asked_for_twice(self, index):
        item = read(JobItemFactory(content=REPORT))
        assert read(item).attempts == 1

    def test_is_not_read_into_a_corpus_that_was_deleted(self, index):
        item = JobItemFactory(content=REPORT)
        item.job.corpus.mark_deleted()
        assert read(item).state == State.WAITING
        assert not Document.objects.exists()

    def test_is_embedded_by_whoever_is_asked_by_name(self, index, run_jobs, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            services.accept(JobFactory(), ContentFile(REPORT), name="a.txt")
        with django_capture_on_commit_callbacks(execute=True):
            reading.ingest(JobItem.objects.get().pk)
        assert PassageVector.objects.filter(index=index).count() == Passage.objects.count() == 1
        assert run_jobs[:1] == ["ingestion.ingest_item"]


class TestABadFile:
    def test_ends_failed_with_a_reason_and_nothing_of_it(self, index):
        item = read(JobItemFactory(content=b"", name="empty.pdf"))
        assert (item.state, item.passages) == (State.FAILED, 0)
        assert "empty" in item.reason
        assert item.finished_at

    def test_with_an_unexpected_error_is_logged_under_the_reference_shown(self, index, monkeypatch, caplog):
        def break_down(*_args, **_kwargs):
            raise ZeroDivisionError("nobody thought of this")

        monkeypatch.setattr(extraction, "extract", break_down)
        item = read(JobItemFactory())
        reference = item.reason.rstrip(".").split()[-1]
        assert item.state == State.FAILED
        record = next(record for record in caplog.records if reference in record.getMessage())
        assert record.exc_info[0] is ZeroDivisionError

    def test_can_be_read_again(self, index, monkeypatch):
        item = read(JobItemFactory(content=b"", name="empty.txt"))
        services.retry([item.pk])
        monkeypatch.setattr(
            extraction,
            "extract",
            lambda *_, **__: iter([extraction.ExtractedDocument(title="Levee", text="It failed at dawn.")]),
        )
        monkeypatch.setattr(reading, "format_of", lambda *_, **__: None)
        assert read(item).state == State.DONE

    def test_that_waits_for_the_database_stays_the_workers(self, index, monkeypatch):
        def away(*_args, **_kwargs):
            raise OperationalError("the server closed the connection")

        monkeypatch.setattr(storing, "store", away)
        item = JobItemFactory()
        with pytest.raises(OperationalError):
            reading.ingest(item.pk)
        item.refresh_from_db()
        assert item.state == State.WORKING


class TestATable:
    def test_gives_a_document_a_row_and_numbers_the_bad_ones(self, index):
        content = table("1,Bridge closed,PECC", "2,,PECC", "3,Bridge open,PECC")
        item = read(JobItemFactory(content=content, name="log.csv"))
        assert (item.state, item.documents, item.bad_row_count) == (State.DONE, 2, 1)
        assert item.bad_rows[0]["number"] == 3  # the header is row 1
        assert item.mapping["text"] == ["text"]

    def test_keeps_one_document_a_row_id(self, index):
        corpus = CorpusFactory()
        read(JobItemFactory(job__corpus=corpus, content=table("1,Bridge closed,A"), name="a.csv"))
        item = read(
            JobItemFactory(job__corpus=corpus, content=table("1,Bridge closed,A", "2,Ferry sails,A"), name="b.csv")
        )
        assert (item.documents, item.duplicates) == (1, 1)

    def test_takes_no_row_for_another_because_both_tables_count_from_one(self, index):
        corpus = CorpusFactory()
        read(JobItemFactory(job__corpus=corpus, content=table("1,Bridge closed now,A"), name="a.csv"))
        item = read(JobItemFactory(job__corpus=corpus, content=table("1,Ferry sails again,A"), name="b.csv"))
        assert (item.documents, item.duplicates) == (1, 0)

    def test_keeps_rows_without_an_id_apart_when_any_column_differs(self, index):
        rows = b"author,text\nPECC,Bridge closed now\nVWRS,Bridge closed now\nPECC,Bridge closed now"
        item = read(JobItemFactory(content=rows, name="log.csv"))
        assert (item.documents, item.duplicates) == (2, 1)

    def test_with_no_good_row_fails_and_says_which_was_first(self, index):
        item = read(JobItemFactory(content=table("1,,A", "2,,B"), name="log.csv", mapping={"text": ["text"]}))
        assert item.state == State.FAILED
        assert "Row 2" in item.reason

    def test_is_read_by_a_corrected_mapping(self, index):
        content = b"a,b\nBridge closed,Road dry\nFerry sails,Sea calm"
        item = read(JobItemFactory(content=content, name="log.csv"))
        services.correct_mapping(item, {"text": ["b"]})
        item = read(item)
        assert sorted(Passage.objects.values_list("text", flat=True)) == ["Road dry", "Sea calm"]
        assert item.documents == 2


class TestTweets:
    def test_stay_whole_and_keep_author_and_time(self, index):
        tweet = {
            "id_str": "77",
            "created_at": "Fri Apr 10 06:00:00 +0000 2026",
            "full_text": "Water over Cooper's Steps",
            "user": {"screen_name": "orsel", "name": "Orsel"},
        }
        read(JobItemFactory(content=json.dumps(tweet).encode(), name="t.jsonl", kind="tweet"))
        tweet["retweet_count"] = 12  # crawled again later
        again = read(
            JobItemFactory(
                job__corpus=Document.objects.get().corpus, content=json.dumps(tweet).encode(), name="u.jsonl"
            )
        )
        document = Document.objects.get()
        assert again.duplicates == 1
        assert (document.external_id, document.kind, document.passages.count()) == ("77", "tweet", 1)
        assert document.published_at.isoformat() == "2026-04-10T06:00:00+00:00"


class TestAMail:
    def make(self, *, rows: str) -> bytes:
        """No Message-ID: mails that were saved without one have none."""
        made = EmailMessage()
        made["From"] = "desk@example.org"
        made["Date"] = "Tue, 04 Nov 2014 10:00:00 +0100"
        made["Subject"] = "Sitrep 5"
        made.set_content("The water rises at Kayes.")
        made.add_attachment("The bridge is closed.", filename="bridge.txt")
        made.add_attachment("The ferry sails again.", filename="ferry.txt")
        made.add_attachment(rows.encode(), maintype="text", subtype="csv", filename="rows.csv")
        return made.as_bytes()

    def test_comes_in_with_all_that_is_attached_and_with_each_row_of_an_attached_table(self, index):
        content = self.make(rows="author,text\nPECC,Road dry today\nVWRS,Road dry today\nPECC,Dam full today")
        item = read(JobItemFactory(content=content, name="5.eml"))
        assert sorted(Passage.objects.values_list("text", flat=True)) == [
            "Dam full today",
            "Road dry today",
            "Road dry today",
            "The bridge is closed.",
            "The ferry sails again.",
            "The water rises at Kayes.",
        ]
        assert (item.documents, item.duplicates) == (6, 0)

    def test_comes_in_once(self, index):
        content = self.make(rows="id,text\n7,Road dry today")
        first = read(JobItemFactory(content=content, name="5.eml"))
        again = read(JobItemFactory(job__corpus=first.job.corpus, content=content, name="copy of 5.eml"))
        assert (first.documents, again.documents, again.duplicates) == (4, 0, 4)

    def test_has_rows_that_are_not_those_of_another_mail_or_a_tweet_with_that_id(self, index):
        corpus = CorpusFactory()
        for text in ("Road dry today", "Dam full today"):
            read(JobItemFactory(job__corpus=corpus, content=self.make(rows=f"id,text\n7,{text}"), name="5.eml"))
        tweet = {"id_str": "7", "full_text": "Water over Cooper's Steps", "user": {}}
        read(JobItemFactory(job__corpus=corpus, content=json.dumps(tweet).encode(), name="t.jsonl"))
        assert Document.objects.filter(external_id="7").count() == 3


class TestAZip:
    def make(self, members):
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for name, text in members.items():
                archive.writestr(name, text)
        return content.getvalue()

    def test_becomes_items_of_the_same_job(self, index, run_jobs, django_capture_on_commit_callbacks):
        content = self.make({"day 1/a.txt": "Water rises.", "b.txt": "Water falls.", "../../evil.txt": "out"})
        item = JobItemFactory(content=content, name="all.zip")
        with django_capture_on_commit_callbacks(execute=True):
            item = read(item)
        names = set(item.job.items.exclude(pk=item.pk).values_list("name", "state", "parent"))
        assert names == {("all/day 1/a.txt", State.DONE, item.pk), ("all/b.txt", State.DONE, item.pk)}
        assert (item.state, item.bad_row_count) == (State.DONE, 1)
        assert item.bad_rows[0]["name"] == "../../evil.txt"

    def test_is_read_again_without_doubling(self, index):
        item = JobItemFactory(content=self.make({"a.txt": "Water rises."}), name="all.zip")
        read(item)
        assert read(item).job.items.count() == 2

    def test_with_nothing_in_it_fails(self, index):
        item = read(JobItemFactory(content=self.make({}), name="all.zip"))
        assert item.state == State.FAILED


class TestACrash:
    """A worker killed in the middle leaves whole documents and counts that agree with them."""

    @pytest.fixture
    def small_batches(self, monkeypatch):
        monkeypatch.setattr(reading, "BATCH_DOCUMENTS", 2)
        monkeypatch.setattr(reading, "BATCH_SECONDS", 60.0)  # on a busy machine too

    @pytest.fixture
    def item(self):
        rows = [f"{number},Gauge {number} reads {number} m,PECC" for number in range(1, 8)]
        return JobItemFactory(content=table(*rows), name="log.csv")

    def crash_after(self, batches, item, monkeypatch):
        """Die between the batches as a killed process does: nothing is written any more."""
        store, done = storing.store, []

        class Killed(BaseException):
            pass

        def store_some(*args):
            if len(done) == batches:
                raise Killed
            done.append(store(*args))
            return done[-1]

        with monkeypatch.context() as patch:
            patch.setattr(storing, "store", store_some)
            with pytest.raises(Killed):
                reading.ingest(item.pk)
        item.refresh_from_db()

    def test_is_made_good_by_the_reaper(self, index, item, small_batches, monkeypatch):
        self.crash_after(2, item, monkeypatch)
        assert (item.state, item.documents) == (State.WORKING, 4)
        JobItem.objects.update(alive_at=timezone.now() - timedelta(minutes=2))
        services.reap()
        item = read(item)
        assert (item.state, item.attempts) == (State.DONE, 2)
        assert (item.documents, item.passages, item.duplicates) == (7, 7, 0)
        assert Document.objects.count() == Passage.objects.count() == PendingVector.objects.count() == 7

    def test_stops_a_worker_that_was_given_up(self, index, item, small_batches, monkeypatch):
        store = storing.store

        def lose_it_first(*args):
            JobItem.objects.filter(pk=item.pk).update(state=State.WAITING)
            return store(*args)

        monkeypatch.setattr(storing, "store", lose_it_first)
        item = read(item)
        assert item.state == State.WAITING
        assert not Document.objects.exists()


@pytest.mark.django_db(transaction=True)
class TestTwoAtOnce:
    def test_uploads_of_one_file_give_one_document(self, services, index):
        corpus = CorpusFactory()
        items = [JobItemFactory(job__corpus=corpus, content=REPORT) for _ in range(4)]
        start = threading.Barrier(len(items))

        def work(item):
            try:
                start.wait()
                reading.ingest(item.pk)
            finally:
                connection.close()

        threads = [threading.Thread(target=work, args=[item]) for item in items]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for item in items:
            item.refresh_from_db()
        assert [item.state for item in items] == [State.DONE] * 4
        assert sorted((item.documents, item.duplicates) for item in items) == [(0, 1), (0, 1), (0, 1), (1, 0)]
        assert Document.objects.count() == Passage.objects.count() == 1

    def test_messages_for_one_item_are_worked_once(self, index):
        item = JobItemFactory(content=REPORT)
        claims = []
        start = threading.Barrier(4)

        def claim():
            try:
                start.wait()
                claims.append(JobItem.objects.claim(item.pk))
            finally:
                connection.close()

        threads = [threading.Thread(target=claim) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sum(claimed is not None for claimed in claims) == 1


@pytest.mark.django_db(transaction=True)
class TestHeartbeat:
    def test_renews_the_sign_of_life_while_the_reading_is_silent(self):
        item = JobItem.objects.claim(JobItemFactory().pk)
        with heartbeat.heartbeat(item, every=0.05) as beat:
            beat._over.wait(0.3)
            seen = JobItem.objects.get(pk=item.pk).alive_at
        assert seen > item.alive_at

    def test_ends_when_the_item_is_somebody_elses(self):
        item = JobItem.objects.claim(JobItemFactory().pk)
        JobItem.objects.update(state=State.WAITING)
        with heartbeat.heartbeat(item, every=0.01) as beat:
            beat._thread.join(timeout=5)
            assert not beat._thread.is_alive()
