"""Lists of queries: read from lines and files, answered by a worker, shown as one table."""

import csv
import io

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from kombu.exceptions import OperationalError

from apps.retrievers.intents import Intent
from apps.search import jobs
from apps.search.lists import answering
from apps.search.lists.reading import MAX_QUERIES, BadList, Line, read_file, read_lines
from apps.search.models import QueryItem, QueryList
from tests.factories import CorpusFactory, UserFactory

LINES = "Which levee failed?\n\n  FactCheck: Power is  back in Lowquay.  \nneed a boat"


@pytest.fixture
def usual_limit():
    """Ingestion reads longer cells, and the csv module has one limit for the whole process."""
    before = csv.field_size_limit(131_072)
    yield
    csv.field_size_limit(before)


class TestReading:
    def test_takes_a_query_a_line_and_the_intent_before_it(self):
        assert read_lines(LINES) == [
            Line("Which levee failed?", None),
            Line("Power is back in Lowquay.", Intent("FactCheck")),
            Line("need a boat", None),
        ]

    @pytest.mark.parametrize(
        "content",
        [
            'id,Query,intent\n1,Is the dam safe?,QA\n2,"Dam, failed",\n',
            "\ufeffIs the dam safe?;Question → passages\nDam, failed;\n",
            "intent\tquestion\nqa\tIs the dam safe?\n\tDam, failed\n",
            "question;intent\rIs the dam safe?;QA\rDam, failed;\r",
        ],
    )
    def test_takes_a_table_with_or_without_a_header(self, content):
        lines = read_file(content.encode(), name="asked.csv")
        assert lines == [Line("Is the dam safe?", Intent("QA")), Line("Dam, failed", None)]

    def test_takes_what_an_older_spreadsheet_saved(self):
        assert read_file("Où est la digue ?".encode("cp1252"), name="a.txt") == [Line("Où est la digue ?", None)]

    @pytest.mark.parametrize(
        ("content", "name", "why"),
        [
            (b"query,intent\nIs it?,Rumour\n", "a.csv", "Line 2 names the intent “Rumour”"),
            (b"   \n\n", "a.txt", "no query in it"),
            (b"a" * 2001, "a.txt", "Line 1 has 2,001 characters"),
            (b"a\n" * (MAX_QUERIES + 1), "a.txt", "1,000 is the limit"),
            (b"query,intent\n" + b"a" * 200_000, "a.csv", "cannot be read: field larger"),
            (b"PK\x03\x04\x00\x00", "a.csv", "not a text file"),
        ],
    )
    def test_says_what_is_wrong(self, content, name, why, usual_limit):
        with pytest.raises(BadList, match=why):
            read_file(content, name=name)


@pytest.fixture
def answered(signed_in, library, run_jobs, django_capture_on_commit_callbacks):
    """A list of three queries, answered by the worker."""
    with django_capture_on_commit_callbacks(execute=True):
        signed_in.post("/lists/new", {"name": "Morning", "queries": LINES, "hits_each": 3, "kind": ["report", "tweet"]})
    return QueryList.objects.get()


@pytest.mark.django_db
class TestAList:
    def test_is_answered_in_the_background(self, signed_in, answered, run_jobs):
        assert "search.answer_lists" in run_jobs
        page = signed_in.get(answered.get_absolute_url()).text
        assert "Which levee failed?" in page
        assert "Sitrep 7" in page
        assert "Claim → evidence – set by the list" in page
        assert "hx-trigger" not in page  # it is done: nothing to wait for
        first = answered.items.first()
        assert (first.intent, first.chosen, first.hits.count()) == ("QA", "", 3)

    def test_obeys_its_filters(self, answered):
        kinds = {hit.passage.kind for item in answered.items.all() for hit in item.hits.all()}
        assert kinds == {"report", "tweet"}

    def test_can_be_uploaded(self, signed_in, library, run_jobs):
        file = SimpleUploadedFile("a.csv", b"query,intent\nneed a boat,Twitter\n")
        response = signed_in.post("/lists/new", {"name": "File", "file": file, "hits_each": 1})
        assert QueryItem.objects.get().chosen == "Twitter"
        assert "1 of 1" not in signed_in.get(response.url).text

    def test_is_kept_while_the_broker_is_away(
        self, signed_in, library, monkeypatch, django_capture_on_commit_callbacks
    ):
        def away(*_, **__):
            raise OperationalError("connection refused")

        monkeypatch.setattr(jobs.current_app, "send_task", away)
        with django_capture_on_commit_callbacks(execute=True):
            answer = signed_in.post("/lists/new", {"name": "Morning", "queries": LINES, "hits_each": 3})
        assert answer.url == QueryList.objects.get().get_absolute_url()

    def test_shows_how_far_it_is(self, signed_in, manager, library):
        made = answering.make(manager, read_lines(LINES), name="L", query_string="", hits_each=1)
        page = signed_in.get(made.get_absolute_url()).text
        assert "0 of 3 queries are answered" in page
        assert 'hx-trigger="every 2s"' in page

    def test_goes_out_as_one_table(self, signed_in, answered):
        content = signed_in.get(f"/lists/{answered.pk}/export").content.decode("utf-8-sig")
        rows = list(csv.DictReader(io.StringIO(content)))
        assert rows[0]["query"] == "Which levee failed?"
        assert {row["line"] for row in rows} == {"1", "2", "3"}
        assert rows[0]["citation"].startswith("“Sitrep 7”. Situation reports, 11 Apr 2026.")

    def test_is_its_owners_alone(self, client, answered):
        client.force_login(UserFactory(admin=True))
        for door in ("", "export", "delete"):
            assert client.get(f"/lists/{answered.pk}/{door}").status_code == 404

    def test_shows_nothing_that_its_owner_may_no_longer_read(self, signed_in, manager, library, put):
        vault = CorpusFactory(slug="vault", private=True, members=[manager])
        put(vault, "The levee of the vault.", title="Vault note")
        made = answering.make(manager, read_lines("levee vault"), name="L", query_string="", hits_each=3)
        assert not answering.answer_next()
        assert "Vault note" in signed_in.get(made.get_absolute_url()).text
        vault.members.clear()
        for door in ("", "export"):
            assert "Vault note" not in signed_in.get(f"{made.get_absolute_url()}{door}").text

    @pytest.mark.parametrize("given", [{}, {"queries": "a", "file": "both"}, {"queries": " \n "}])
    def test_without_one_list_is_refused_with_words(self, signed_in, library, given):
        if "file" in given:
            given = given | {"file": SimpleUploadedFile("a.txt", b"b")}
        response = signed_in.post("/lists/new", {"name": "None", "hits_each": 1, **given})
        assert response.status_code == 422
        assert not QueryList.objects.exists()


@pytest.mark.django_db
class TestAnswering:
    def test_by_words_alone_can_be_asked_again(self, signed_in, manager, library, monkeypatch, request, run_jobs):
        made = answering.make(manager, read_lines("levee"), name="L", query_string="", hits_each=1)
        with monkeypatch.context() as patch:
            patch.setattr("apps.search.retrieving.encode_query", _fail)
            answering.answer_next()
        assert "answered by words alone" in signed_in.get(made.get_absolute_url()).text
        signed_in.post(f"/lists/{made.pk}/again")
        item = made.items.get()
        assert (item.mode, item.why) == ("hybrid", "")

    def test_sets_aside_what_breaks_it(self, manager, library, monkeypatch):
        made = answering.make(manager, read_lines("levee\nwater"), name="L", query_string="", hits_each=1)
        ask = answering.services.search

        def search(asked, **who):
            if asked.query == "levee":
                raise RuntimeError("a bug")
            return ask(asked, **who)

        monkeypatch.setattr(answering.services, "search", search)
        for _ in range(answering.MAX_ATTEMPTS):
            with pytest.raises(RuntimeError):
                answering.answer_next()
        answering.answer_next()
        broken, fine = made.items.all()
        assert "Set aside" in broken.why
        assert fine.hits.exists()

    def test_says_when_its_corpus_is_gone(self, manager, library):
        made = answering.make(manager, read_lines("levee"), name="L", query_string="corpus=gone", hits_each=1)
        answering.answer_next()
        assert "no longer search" in made.items.get().why


def _fail(*_args, **_kwargs):
    from apps.search.encoding import EncoderUnavailable

    raise EncoderUnavailable("the encoder did not answer in 1.5 s")
