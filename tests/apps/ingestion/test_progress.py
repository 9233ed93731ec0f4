from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from apps.indexing.models import PendingVector
from apps.ingestion.models import JobItem
from apps.ingestion.progress import Progress, progress
from apps.pages.templatetags.durations import lasting
from tests.factories import JobFactory, JobItemFactory, PassageFactory

State = JobItem.State
START = datetime(2026, 11, 23, 12, tzinfo=UTC)


def seen(**facts):
    """A job of ten files of a hundred bytes each, begun ten seconds ago."""
    nothing = dict.fromkeys(Progress.__dataclass_fields__, 0)
    usual = {"items": 10, "bytes": 1000, "started_at": START, "finished_at": None, "owed_of": {}}
    return Progress(**{**nothing, **usual, "seen_at": START + timedelta(seconds=10), **facts})


class TestTimeLeft:
    def test_goes_by_the_bytes_read_so_far(self):
        half = seen(waiting=5, bytes_read=500)
        assert half.reading_left == timedelta(seconds=10)

    def test_is_not_guessed_before_anything_is_read(self):
        assert seen(waiting=10, bytes_read=0).reading_left is None
        assert seen(waiting=10, bytes_read=0, started_at=None).reading_left is None

    def test_is_none_when_all_is_read(self):
        assert seen(bytes_read=1000, done=10).reading_left is None

    def test_of_embedding_goes_by_what_is_embedded(self):
        assert seen(passages=300, owed=200).embedding_left == timedelta(seconds=20)
        assert seen(passages=300, owed=300).embedding_left is None


class TestRate:
    def test_counts_the_time_of_reading_only(self):
        done = seen(passages=100, finished_at=START + timedelta(seconds=4))
        assert (done.seconds, done.passages_per_s) == (4, 25)

    def test_is_zero_before_the_start(self):
        assert seen(started_at=None).passages_per_s == 0


class TestEmbedded:
    def test_leaves_out_what_is_owed_and_what_was_set_aside(self):
        assert seen(passages=10, owed=3, set_aside=2).embedded == 5

    def test_of_a_file_is_what_that_file_does_not_owe(self):
        item = SimpleNamespace(passages=10, source_id="abc")
        assert seen(owed_of={"abc": 4, "def": 9}).embedded_of(item) == 6


@pytest.mark.django_db
class TestProgress:
    def test_adds_up_the_items_of_the_job_alone(self):
        job = JobFactory()
        JobItemFactory(
            job=job, state=State.DONE, documents=2, passages=5, duplicates=1, bad_row_count=3, content=b"1234"
        )
        JobItemFactory(job=job, state=State.FAILED, content=b"12345")
        JobItemFactory(job=job, state=State.QUARANTINED, content=b"123456")
        JobItemFactory(job=job, content=b"1234567")
        JobItemFactory(state=State.DONE, documents=100)
        now = progress(job)
        assert (now.items, now.done, now.failed, now.waiting, now.ended) == (4, 1, 2, 1, 3)
        assert (now.documents, now.passages, now.duplicates, now.bad_rows) == (2, 5, 1, 3)
        assert (now.bytes, now.bytes_read) == (22, 15)

    def test_counts_what_its_own_passages_owe_to_the_live_index(self, index):
        item = JobItemFactory(state=State.DONE, passages=2)
        own = [PassageFactory(document__corpus=item.job.corpus, document__source=item.source) for _ in range(2)]
        PassageFactory(document__corpus=item.job.corpus)
        assert (progress(item.job).owed, progress(item.job).embedded) == (2, 0)
        PendingVector.objects.filter(passage=own[0]).update(reason="it cannot be embedded")
        PendingVector.objects.filter(passage=own[1]).delete()
        now = progress(item.job)
        assert (now.owed, now.set_aside, now.embedded, now.is_running) == (0, 1, 1, False)

    def test_owes_everything_while_there_is_no_index(self):
        item = JobItemFactory(state=State.DONE, passages=2)
        assert progress(item.job).owed == 2

    def test_of_no_files_runs_not(self):
        assert not progress(JobFactory()).is_running


class TestLasting:
    @pytest.mark.parametrize(
        ("value", "words"),
        [
            (None, ""),
            (0.2, "1 s"),
            (timedelta(seconds=89), "89 s"),
            (150, "2 min"),
            (timedelta(minutes=89), "89 min"),
            (timedelta(minutes=125), "2 h 5 min"),
            (timedelta(hours=3), "3 h"),
        ],
    )
    def test_says_it_as_people_do(self, value, words):
        assert lasting(value) == words
