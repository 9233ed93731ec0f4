"""What the soak calls a fault; that it runs at all is tests/flows/test_soak.py."""

import json
import random
import time
from types import SimpleNamespace

import pytest
from django.db import connection

from apps.corpora.models import Document, Passage
from apps.indexing.models import PassageVector, PendingVector
from apps.ingestion.models import JobItem
from apps.operations.soak import audit
from apps.operations.soak.browser import Answer, Browser, Hung, Told
from apps.operations.soak.kills import Killer
from apps.operations.soak.load import CORPUS, ROWS, Tally, judge, search, word_of
from apps.operations.soak.running import Plan, _Soak
from tests.factories import CorpusFactory, DocumentFactory, JobItemFactory, PassageFactory


def found(*ids, mode="hybrid"):
    return Answer(200, json.dumps({"mode": mode, "results": [{"external_id": each} for each in ids]}))


class TestJudge:
    def test_a_row_that_was_read_must_be_found(self):
        assert judge(found("other"), wanted="soak00001row001").untold

    def test_words_alone_are_an_answer_that_says_so(self):
        verdict = judge(found("soak00001row001", mode="words"), wanted="soak00001row001")
        assert (verdict.kind, verdict.untold) == ("words", "")

    def test_a_503_was_told(self):
        assert not judge(Answer(503, ""), wanted="x").untold

    @pytest.mark.parametrize("status", [401, 404, 500])
    def test_anything_else_was_not(self, status):
        assert judge(Answer(status, "Traceback"), wanted="").untold


class Answering(Browser):
    """A browser that gets the same answer, or none, to whatever it asks."""

    def __init__(self, answer):
        super().__init__("http://nowhere")
        self.answer = answer

    def _send(self, request):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


class TestWhatPeopleWereTold:
    def test_no_answer_at_all_tells_nobody_anything(self):
        assert search(Answering(Hung("no answer in 120 s")), "x").untold

    def test_a_broken_connection_does(self):
        assert not search(Answering(Told("connection: ConnectionResetError")), "x").untold

    def test_an_error_in_the_place_of_a_form_is_not_taken_for_an_outage(self):
        assert Answering(Answer(500, "Server error")).post("/upload", {}, form="/corpora/soak/").status == 500
        with pytest.raises(Told):
            Answering(Answer(503, "Starting")).post("/upload", {}, form="/corpora/soak/")


class TestOverlooked:
    def test_nothing_when_rows_are_found_by_meaning(self):
        browser = Answering(found(word_of(3, 3)))
        assert list(audit.overlooked(browser, Tally(accepted=[3]), patience_s=1)) == []

    def test_a_row_that_search_does_not_find(self):
        (fault,) = audit.overlooked(Answering(found("other")), Tally(accepted=[3]), patience_s=1)
        assert "soak00003row003" in fault

    def test_a_query_worker_that_never_came_back(self):
        (fault,) = audit.overlooked(Answering(found(mode="words")), Tally(), patience_s=0)
        assert fault == "searches are not answered by meaning again: words"


class Asked:
    """A product that is this test's database."""

    def ask(self, sql, *parameters):
        with connection.cursor() as cursor:
            cursor.execute(sql, parameters or None)
            return cursor.fetchall()


@pytest.fixture
def loaded(index):
    """One upload, read and embedded whole."""
    corpus = CorpusFactory(slug=CORPUS)
    for row in range(ROWS):
        passage = PassageFactory(document=DocumentFactory(corpus=corpus, external_id=word_of(0, row)), position=0)
        PassageVector.objects.create(index_id=index.pk, passage=passage, embedding=[1.0] + [0.0] * 383)
    PendingVector.objects.all().delete()
    return Tally(accepted=[0])


def faults(tally):
    return list(audit.faults(Asked(), tally))


class TestAudit:
    def test_finds_nothing_when_all_is_there(self, loaded):
        assert faults(loaded) == []

    def test_misses_a_row(self, loaded):
        Document.objects.get(external_id=word_of(0, 7)).delete()
        assert faults(loaded) == ["1 rows missing: soak00000row007"]

    def test_sees_a_row_that_came_in_twice(self, loaded):
        PassageFactory(document=DocumentFactory(corpus__slug="x", external_id=word_of(0, 7)))
        assert not [fault for fault in faults(loaded) if "rows doubled" in fault]
        Document.objects.filter(corpus__slug="x").update(corpus=Document.objects.get(external_id=word_of(0, 1)).corpus)
        assert "1 rows doubled: soak00000row007" in faults(loaded)

    def test_sees_a_passage_without_its_vector(self, loaded):
        PassageVector.objects.filter(passage=Passage.objects.first()).delete()
        assert faults(loaded) == ["1 passages without a vector"]

    def test_sees_what_was_left_open(self, loaded):
        JobItemFactory()
        assert faults(loaded) == ["left open: 0 vectors owed, 1 files"]

    def test_sends_back_once_what_was_set_aside(self, loaded):
        PendingVector.objects.create(
            index_id=PassageVector.objects.first().index_id, passage=Passage.objects.first(), reason="3 workers died"
        )
        JobItemFactory(state=JobItem.State.QUARANTINED, reason="3 workers stopped", attempts=3)
        assert audit.wait_until_quiet(Asked(), patience_s=0.1) is None
        assert (JobItem.objects.get().state, PendingVector.objects.get().reason) == ("WAITING", "")

    def test_sees_a_failure_without_a_reason(self, loaded):
        JobItemFactory(state=JobItem.State.FAILED)
        assert faults(loaded) == ["1 files that failed without a reason"]

    def test_tells_what_nobody_was_told(self, loaded):
        loaded.untold.append("search 'x': status 500")
        assert faults(loaded) == ["search 'x': status 500"]


class TestKiller:
    def test_spares_what_was_killed_a_moment_ago(self):
        struck = []
        process = SimpleNamespace(send_signal=struck.append)
        product = SimpleNamespace(
            processes=lambda: {"web": [process], "embed": [process]}, flush_broker=lambda: struck.append("flushed")
        )
        killer = Killer(product, random.Random(1), every_s=1)
        assert sorted(killer.strike() for _ in range(3)) == ["embed", "flush", "web"]
        assert killer.strike() == ""
        assert len(struck) == 3


class TestSoak:
    @pytest.mark.parametrize(
        ("accepted", "late_by_s", "over"),
        [([1], -5, False), ([1], 1, True), ([], 1, False), ([], 400, True)],
    )
    def test_goes_on_until_there_is_a_file_that_could_be_lost(self, accepted, late_by_s, over):
        plan = Plan(minutes=1, seed=0, retriever="hashing", patience_s=300)
        soak = _Soak(plan, product=None, killer=None, say=print, tally=Tally(accepted=accepted))
        assert soak._is_over(time.monotonic() - late_by_s) is over
