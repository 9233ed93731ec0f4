from datetime import timedelta

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from apps.corpora.models import StoredFile
from apps.ingestion import health
from apps.ingestion.models import Job, JobItem
from apps.pages.health import State
from tests.factories import CorpusFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def item():
    """Make a file in a state, waiting since some minutes ago."""
    job = Job.objects.create(corpus=CorpusFactory())
    stored, _ = StoredFile.objects.keep(ContentFile(b"text"))

    def make(state=JobItem.State.WAITING, *, minutes=0, **fields):
        since = timezone.now() - timedelta(minutes=minutes)
        return JobItem.objects.create(job=job, source=stored, name="a.txt", state=state, waiting_since=since, **fields)

    return make


class TestFiles:
    def test_are_counted_by_state(self, item):
        waiting = item(minutes=3)
        item(JobItem.State.WORKING)
        item(JobItem.State.DONE)
        finding = health.check_files()
        assert finding.summary == "1 wait, 1 being read"
        assert finding.facts["oldest_waiting_since"] == waiting.waiting_since

    def test_may_wait_long_while_others_are_read(self, item):
        item(minutes=60)
        item(JobItem.State.DONE, finished_at=timezone.now())
        assert health.check_files().state == State.OK

    def test_that_wait_long_while_none_is_read_are_worth_a_look(self, item):
        item(minutes=60)
        finding = health.check_files()
        assert (finding.state, finding.summary) == (State.WARN, "1 files wait and none was read for 15 minutes")
