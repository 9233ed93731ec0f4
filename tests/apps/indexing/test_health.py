import numpy as np
import pytest

from apps.indexing import health
from apps.indexing.models import PendingVector
from apps.pages.health import State
from apps.pages.queues import Heartbeat
from tests.factories import PassageFactory

pytestmark = pytest.mark.django_db


class TestModel:
    def test_tells_revision_and_place(self, settings):
        settings.RETRIEVER = "all-MiniLM-L6-v2"
        finding = health.check_model()
        assert finding.state == State.OK
        assert finding.facts["path"].endswith("model")

    def test_says_how_to_get_files_that_are_missing(self, settings):
        settings.RETRIEVER = "DMRetriever-596M"
        finding = health.check_model()
        assert finding.state == State.FAIL
        assert "RETRIEVER_FOLDER" in finding.remedy

    def test_says_when_settings_name_no_model(self, settings):
        settings.RETRIEVER = "no-such-model"
        assert health.check_model().summary == "RETRIEVER=no-such-model names no model"


class TestLiveIndex:
    def test_is_missing_at_first(self):
        finding = health.check_live_index()
        assert (finding.state, finding.remedy) == (State.FAIL, "Run `manage.py ensure_index`.")

    def test_is_told_with_its_model(self, services, index):
        assert health.check_live_index().summary == "hashing, 384 dims"

    @pytest.mark.parametrize("asked", ["all-MiniLM-L6-v2", "no-such-model"])
    def test_of_another_model_than_settings_ask_for_is_worth_a_look(self, services, index, settings, asked):
        settings.RETRIEVER = asked
        finding = health.check_live_index()
        assert (finding.state, finding.summary) == (State.WARN, f"made by hashing, while settings ask for {asked}")


class TestVectors:
    def test_are_complete_without_passages(self, services, index):
        assert health.check_embedding().summary == "every passage has its vector"

    def test_that_are_owed_are_counted_with_the_oldest(self, services, index):
        passage = PassageFactory()
        PassageFactory(document=passage.document)
        finding = health.check_embedding()
        assert finding.summary == "2 passages wait"
        assert finding.facts["oldest_waiting_since"] == passage.document.created_at

    def test_that_came_are_no_longer_owed(self, services, index):
        passage = PassageFactory()
        health.services.store_vectors(index, [passage.pk], np.full((1, 384), 384**-0.5, dtype=np.float32))
        assert health.check_embedding().facts["waiting"] == 0

    def test_that_cannot_be_made_are_worth_a_look(self, services, index):
        PassageFactory()
        PendingVector.objects.update(reason="too odd")
        finding = health.check_embedding()
        assert finding.state == State.WARN
        assert finding.summary.startswith("1 passages could not be embedded")


class TestScheduler:
    @staticmethod
    def worker(quiet_s):
        return Heartbeat(host="here", pid=1, queues=("maintenance",), busy=0, quiet_s=quiet_s)

    @pytest.mark.parametrize(("quiet_s", "state"), [(29.0, State.OK), (300.0, State.FAIL)])
    def test_is_judged_by_when_work_last_came(self, monkeypatch, quiet_s, state):
        monkeypatch.setattr(health, "workers_heard_from", lambda: [self.worker(quiet_s)])
        assert health.check_scheduler().state == state
