import json
from datetime import UTC, datetime

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from redis.exceptions import RedisError

from apps.indexing.models import PendingVector
from apps.ingestion import attendance, jobs
from apps.ingestion.models import Job, JobItem
from apps.pages import queues as queues_module
from tests.factories import (
    CorpusFactory,
    DocumentFactory,
    JobFactory,
    JobItemFactory,
    PassageFactory,
    UserFactory,
)

pytestmark = pytest.mark.django_db

State = JobItem.State
NASTY = "<img src=x onerror=alert(1)>'; DROP TABLE ingestion_job;--.txt"


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    keys = []
    monkeypatch.setattr(jobs, "request_ingest", lambda item_ids: keys.extend(item_ids))
    return keys


@pytest.fixture
def analyst(client):
    user = UserFactory(analyst=True)
    client.force_login(user)
    return user


@pytest.fixture
def corpus(analyst):
    return CorpusFactory(slug="floods", members=[analyst])


def file(name="a.txt", content=b"Water rises."):
    return SimpleUploadedFile(name, content)


class TestUpload:
    url = "/corpora/floods/upload"

    def send(self, client, **data):
        return client.post(self.url, data, headers={"Accept": "application/json"})

    def test_takes_many_files_into_one_job(self, client, corpus, analyst):
        response = client.post(self.url, {"files": [file("a.txt"), file("b.txt", b"Falls.")], "kind": "guidance"})
        job = Job.objects.get()
        assert response.url == job.get_absolute_url()
        assert job.created_by == analyst
        assert list(job.items.values_list("name", "kind")) == [("a.txt", "guidance"), ("b.txt", "guidance")]

    def test_lets_a_file_join_the_job_of_the_one_before(self, client, corpus):
        first = json.loads(self.send(client, files=file("a.txt")).content)
        second = json.loads(self.send(client, files=file("b.txt"), job=first["job"]).content)
        assert second == first
        assert Job.objects.get().items.count() == 2

    def test_does_not_let_it_join_somebody_elses(self, client, corpus):
        other = JobFactory(corpus=corpus, created_by=UserFactory(analyst=True))
        assert self.send(client, files=file(), job=other.pk).status_code == 400
        assert not JobItem.objects.exists()

    def test_keeps_the_folders_a_file_lay_in(self, client, corpus):
        self.send(client, files=file("a.txt"), paths="day 1/sitreps/a.txt")
        assert JobItem.objects.get().name == "day 1/sitreps/a.txt"

    def test_takes_hostile_names_as_names(self, client, corpus):
        self.send(client, files=file("a.txt"), paths=NASTY)
        shown = client.get(Job.objects.get().get_absolute_url()).text
        assert "<img src=x" not in shown
        assert "&lt;img src=x onerror=alert(1)&gt;" in shown

    def test_takes_an_empty_file_whose_job_then_says_so(self, client, corpus):
        assert self.send(client, files=file(content=b"")).status_code == 201

    def test_refuses_one_file_too_large_and_takes_the_others(self, client, corpus, settings):
        settings.UPLOAD_MAX_BYTES = 2**20
        response = client.post(
            self.url, {"files": [file("big.txt", b"x" * (2**20 + 1)), file("small.txt")]}, follow=True
        )
        assert [item.name for item in JobItem.objects.all()] == ["small.txt"]
        assert "“big.txt”: larger than 1 MB" in response.text

    def test_says_in_json_that_a_file_is_too_large(self, client, corpus, settings):
        settings.UPLOAD_MAX_BYTES = 2**20
        response = self.send(client, files=file("big.txt", b"x" * (2**20 + 1)))
        assert response.status_code == 413
        assert "larger than 1 MB" in json.loads(response.content)["error"]

    def test_needs_a_file(self, client, corpus):
        assert self.send(client, kind="report").status_code == 400
        assert not Job.objects.exists()

    def test_is_not_there_for_whoever_may_not_fill_the_corpus(self, client, corpus):
        for user in (UserFactory(), UserFactory(analyst=True)):
            client.force_login(user)
            assert self.send(client, files=file()).status_code == 404
        assert not Job.objects.exists()

    def test_still_asks_for_the_csrf_token(self, analyst, corpus):
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(analyst)
        assert strict.post(self.url, {"files": file()}).status_code == 403

    def test_sends_who_comes_by_link_to_the_corpus(self, client, corpus):
        assert client.get(self.url).url == corpus.get_absolute_url()


class TestCorpusPage:
    url = "/corpora/floods/"

    def test_shows_the_documents_with_their_state(self, client, corpus, index):
        PassageFactory(document__corpus=corpus, document__title="Crake Hollow")
        shown = client.get(self.url).text
        assert "Crake Hollow" in shown
        assert "1 to embed" in shown

    def test_finds_by_title(self, client, corpus):
        DocumentFactory(corpus=corpus, title="Crake Hollow")
        DocumentFactory(corpus=corpus, title="Dunmarrow")
        shown = client.get(self.url, {"q": "crake"}, headers={"HX-Request": "true", "HX-Target": "documents"}).text
        assert "Crake Hollow" in shown
        assert "Dunmarrow" not in shown
        assert "<html" not in shown

    def test_keeps_apart_what_is_found_by_meaning_and_what_is_not_yet(self, client, corpus, index):
        PassageFactory(document__corpus=corpus, document__title="Owed")
        given_up = PassageFactory(document__corpus=corpus, document__title="Given up")
        PendingVector.objects.filter(passage=given_up).update(reason="it cannot be embedded")
        DocumentFactory(corpus=corpus, title="Paid")
        titles = {
            state: [document.title for document in client.get(self.url, {"state": state}).context["documents"]]
            for state in ("owed", "set_aside", "ready", "")
        }
        every = ["Paid", "Given up", "Owed"]
        assert titles == {"owed": ["Owed"], "set_aside": ["Given up"], "ready": ["Paid"], "": every}
        assert "By words only" in client.get(self.url, {"state": "set_aside"}).text

    def test_offers_uploading_to_those_who_may(self, client, corpus):
        assert 'id="upload"' in client.get(self.url).text
        client.force_login(UserFactory())
        assert 'id="upload"' not in client.get(self.url).text

    def test_of_a_private_corpus_is_not_there_for_strangers(self, client, corpus):
        corpus.private = True
        corpus.save()
        client.force_login(UserFactory(analyst=True))
        assert client.get(self.url).status_code == 404

    def test_takes_no_more_queries_for_more_documents(self, client, corpus, index, django_assert_max_num_queries):
        for _ in range(20):
            PassageFactory(document__corpus=corpus)
        JobItemFactory.create_batch(5, job__corpus=corpus)
        with django_assert_max_num_queries(10):
            client.get(self.url)


class TestJobPage:
    @pytest.fixture
    def job(self, corpus):
        return JobFactory(corpus=corpus)

    def fragment(self, client, job, **data):
        headers = {"HX-Request": "true", "HX-Target": "job"}
        return client.get(job.get_absolute_url(), data, headers=headers).text

    def test_asks_again_while_it_runs_and_stops_when_done(self, client, job):
        item = JobItemFactory(job=job)
        assert 'hx-trigger="every 2s"' in self.fragment(client, job)
        JobItem.objects.filter(pk=item.pk).update(state=State.DONE)
        shown = self.fragment(client, job)
        assert "hx-trigger" not in shown
        assert "All 1 file read" in shown
        assert "<html" not in shown

    def test_goes_on_asking_while_passages_owe_a_vector(self, client, job, index):
        item = JobItemFactory(job=job, state=State.DONE, passages=1)
        PassageFactory(document__corpus=job.corpus, document__source=item.source)
        shown = self.fragment(client, job)
        assert "0 of 1 passages" in shown
        assert 'hx-trigger="every 2s"' in shown

    def test_shows_the_failed_first_with_their_reasons(self, client, job):
        JobItemFactory(job=job, name="good.txt", state=State.DONE)
        JobItemFactory(job=job, name="bad.pdf", state=State.FAILED, reason="This PDF is encrypted.")
        shown = client.get(job.get_absolute_url()).text
        assert shown.index("bad.pdf") < shown.index("good.txt")
        assert "This PDF is encrypted." in shown

    def test_lists_bad_rows_by_their_numbers(self, client, job):
        rows = [
            {"number": 1017, "name": "", "reason": "no <b>text</b>"},
            {"number": None, "name": "../x", "reason": "out"},
        ]
        JobItemFactory(job=job, state=State.DONE, bad_rows=rows, bad_row_count=2)
        shown = client.get(job.get_absolute_url()).text
        assert "Row 1,017: no &lt;b&gt;text" in shown
        assert "../x: out" in shown

    @pytest.fixture
    def heard_from(self):
        """Let workers be heard from, by the queue they take from."""
        beats = []

        def heard_from(*queues):
            beats.append(queues_module.Heartbeat(host="test", pid=len(beats), queues=queues, busy=0, quiet_s=0))
            queues_module.beat(beats[-1])

        yield heard_from
        for heartbeat in beats:
            queues_module.say_goodbye(heartbeat)

    def test_says_when_nobody_reads(self, client, job, heard_from):
        JobItemFactory(job=job)
        assert "No worker is there to read files" in self.fragment(client, job)
        heard_from("ingest")
        assert "No worker" not in self.fragment(client, job)

    def test_says_when_nobody_embeds(self, client, job, index, heard_from):
        item = JobItemFactory(job=job, state=State.DONE, passages=1)
        PassageFactory(document__corpus=job.corpus, document__source=item.source)
        heard_from("ingest")
        assert "No worker is there to embed" in self.fragment(client, job)
        heard_from("embed")
        assert "No worker" not in self.fragment(client, job)

    def test_says_when_there_is_no_index(self, client, job):
        JobItemFactory(job=job, state=State.DONE, passages=1)
        assert "There is no search index yet" in self.fragment(client, job)

    def test_says_when_the_broker_is_away(self, client, job, monkeypatch):
        def away(queue):
            raise RedisError("connection refused")

        monkeypatch.setattr(attendance, "somebody_listens", away)
        JobItemFactory(job=job)
        assert "The message broker does not answer" in self.fragment(client, job)

    def test_says_what_was_found_in_each_file(self, client, job):
        item = JobItemFactory(job=job, state=State.DONE)
        for day, hazards in ((3, ["flood", "landslide"]), (9, ["flood"])):
            DocumentFactory(
                corpus=job.corpus,
                source=item.source,
                hazards=hazards,
                places=["Nepal"],
                event="Koshi flood",
                published_at=datetime(2026, 4, day, tzinfo=UTC),
            )
        DocumentFactory(corpus__private=True, source=item.source, hazards=["volcano"])
        shown = " ".join(self.fragment(client, job).split())
        assert "Found:</span> Flood, Landslide · Nepal · Koshi flood · 3 Apr 2026 to 9 Apr 2026<" in shown

    def test_shows_some_of_many(self, client, job, django_assert_max_num_queries):
        source = JobItemFactory(job=job, state=State.FAILED).source
        JobItem.objects.bulk_create(
            JobItem(job=job, name=f"{number}.txt", source=source, kind="report", state=State.DONE)
            for number in range(300)
        )
        with django_assert_max_num_queries(11):
            shown = self.fragment(client, job)
        assert "Page 1 of 7" in shown
        assert self.fragment(client, job, show="bad").count("<tr id=") == 1

    def test_is_not_there_for_strangers(self, client, job):
        item = JobItemFactory(job=job, state=State.FAILED, mapping={"text": ["a"]})
        for user in (UserFactory(), UserFactory(analyst=True)):
            client.force_login(user)
            assert client.get(job.get_absolute_url()).status_code == 404
            assert client.get(reverse("item-mapping", args=[item.pk])).status_code == 404
            for name, key in (("job-retry", job.pk), ("job-cancel", job.pk), ("item-retry", item.pk)):
                assert client.post(reverse(name, args=[key])).status_code == 404
        item.refresh_from_db()
        assert item.state == State.FAILED


class TestJobs:
    def test_lists_the_uploads_one_may_see(self, client, corpus):
        JobItemFactory(job__corpus=corpus, state=State.FAILED)
        JobFactory(corpus__name="Not mine")
        shown = client.get("/jobs/").text
        assert "1 failed" in shown
        assert "Not mine" not in shown

    def test_is_for_those_who_upload(self, client):
        client.force_login(UserFactory())
        assert client.get("/jobs/").status_code == 403


class TestActions:
    @pytest.fixture
    def failed(self, corpus):
        return JobItemFactory(job__corpus=corpus, state=State.FAILED)

    @pytest.mark.parametrize("name", ["item-retry", "job-retry"])
    def test_retries_what_failed(self, client, failed, asked, name, django_capture_on_commit_callbacks):
        key = failed.pk if name == "item-retry" else failed.job_id
        with django_capture_on_commit_callbacks(execute=True):
            assert client.post(reverse(name, args=[key])).url == failed.job.get_absolute_url()
        assert asked == [failed.pk]

    @pytest.mark.parametrize("name", ["item-retry", "job-retry", "job-cancel"])
    def test_changes_nothing_by_a_link(self, client, failed, name):
        key = failed.pk if name == "item-retry" else failed.job_id
        assert client.get(reverse(name, args=[key])).status_code == 405

    def test_cancels_what_waits(self, client, corpus):
        item = JobItemFactory(job__corpus=corpus)
        client.post(reverse("job-cancel", args=[item.job_id]))
        item.refresh_from_db()
        assert item.state == State.CANCELLED


class TestMapping:
    @pytest.fixture
    def item(self, corpus):
        content = b"a,b,<script>\nBridge closed,Road dry,1\nFerry sails,Sea calm,2"
        mapping = {"text": ["a"], "title": "", "date": "", "id": "", "author": "", "url": "", "language": ""}
        return JobItemFactory(job__corpus=corpus, content=content, name="log.csv", state=State.DONE, mapping=mapping)

    def test_shows_the_first_rows_and_what_was_guessed(self, client, item):
        shown = client.get(reverse("item-mapping", args=[item.pk])).text
        assert "Road dry" in shown
        assert '<th scope="col">&lt;script&gt;</th>' in shown
        assert shown.count(" checked") == 1

    def test_is_corrected_and_read_again(self, client, item, asked, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            client.post(reverse("item-mapping", args=[item.pk]), {"text": ["b"], "title": "a"})
        item.refresh_from_db()
        assert (item.mapping["text"], item.mapping["title"], item.state) == (["b"], "a", State.WAITING)
        assert asked == [item.pk]

    def test_takes_no_column_that_is_not_there(self, client, item):
        shown = client.post(reverse("item-mapping", args=[item.pk]), {"text": ["zzz"]}).text
        assert "Select a valid choice" in shown

    def test_says_why_a_broken_table_cannot_be_shown(self, client, corpus):
        item = JobItemFactory(job__corpus=corpus, name="log.csv", content=b"", state=State.FAILED, mapping={"text": []})
        shown = client.get(reverse("item-mapping", args=[item.pk]), follow=True).text
        assert "cannot be shown as a table" in shown

    def test_is_for_tables_only(self, client, corpus):
        item = JobItemFactory(job__corpus=corpus)
        assert client.get(reverse("item-mapping", args=[item.pk])).status_code == 404
