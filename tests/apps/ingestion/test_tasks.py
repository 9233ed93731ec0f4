from datetime import timedelta

import pytest
from django.utils import timezone

from apps.ingestion import jobs
from apps.ingestion.models import JobItem
from tests.factories import CorpusFactory, JobItemFactory
from workers.app import app

pytestmark = pytest.mark.django_db


class TestTasks:
    def test_answer_to_the_names_that_are_asked_for(self):
        app.loader.import_default_modules()
        assert {jobs.INGEST_ITEM, jobs.REAP} <= set(app.tasks)
        assert jobs.REAP in {entry["task"] for entry in app.conf.beat_schedule.values()}

    def test_end_before_the_broker_sends_their_message_again(self):
        app.loader.import_default_modules()
        limit = app.tasks[jobs.INGEST_ITEM].time_limit
        assert limit < app.conf.broker_transport_options["visibility_timeout"]

    def test_are_run_by_name_with_what_newer_senders_add(self, index, run_jobs):
        item = JobItemFactory()
        app.send_task(jobs.INGEST_ITEM, kwargs={"item_id": item.pk, "something_new": 1})
        item.refresh_from_db()
        assert item.state == JobItem.State.DONE


class TestReap:
    def test_picks_up_reads_and_sweeps(self, index, run_jobs, django_capture_on_commit_callbacks):
        long_ago = timezone.now() - timedelta(minutes=5)
        dead = JobItemFactory(state=JobItem.State.WORKING, attempts=1, alive_at=long_ago)
        gone = CorpusFactory()
        gone.mark_deleted()
        with django_capture_on_commit_callbacks(execute=True):
            app.send_task(jobs.REAP)
        dead.refresh_from_db()
        assert (dead.state, dead.attempts) == (JobItem.State.DONE, 2)
        assert not type(gone).with_deleted.filter(pk=gone.pk).exists()
