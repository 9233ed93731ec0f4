from datetime import date

import pytest

from apps.indexing import services as indexing
from apps.indexing import shadowing, switching
from apps.indexing.measured import ShadowedSearch
from apps.indexing.models import VectorIndex
from apps.pages.queues import Heartbeat
from apps.retrievers.family import get_card
from apps.retrievers.intents import Intent
from apps.search import encoding, readiness, shadow
from apps.search.area import Box
from apps.search.outcome import Asked
from apps.search.scope import Scope
from apps.search.services import search


def worker(pid):
    return Heartbeat(host="here", pid=pid, queues=("query", "lists"), busy=0, quiet_s=0.0)


@pytest.fixture
def at_once(monkeypatch):
    """Send what is to be compared before the search returns."""
    monkeypatch.setattr(shadow._sender, "submit", lambda do, *args: do(*args))


@pytest.fixture
def candidate(library, run_jobs, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        made = indexing.create_index(get_card("hashing-128"), revision="1", making=indexing.Making(goes_live=False))
    made.refresh_from_db()
    switching.change(made, shadow_share=1.0)
    yield made
    encoding.connection().delete("dmsearch:shadowed")


class TestShadow:
    def test_a_live_search_runs_on_the_candidate_too(self, candidate, manager, run_jobs, at_once):
        outcome = search(Asked(query="which levee failed", intent=Intent.QA), user=manager)
        seen = ShadowedSearch.objects.get()
        assert (seen.text, seen.candidate_id) == ("which levee failed", candidate.pk)
        assert 0 < seen.shared <= seen.compared <= 10
        assert seen.live_ms > 0 < seen.candidate_ms
        assert outcome.model == "hashing"

    def test_none_runs_when_no_share_is_wanted(self, candidate, manager, run_jobs, at_once):
        switching.change(candidate, shadow_share=0.0)
        search(Asked(query="which levee failed", intent=Intent.QA), user=manager)
        assert not ShadowedSearch.objects.exists()

    def test_none_runs_of_what_the_product_asks_by_itself(self, candidate, signed_in, run_jobs, at_once):
        page = signed_in.get("/", {"q": "which levee failed", "since": "2099-01-01"})
        assert page.context["misses"]  # asked without the filter too, to say what it hides
        assert ShadowedSearch.objects.count() == 1

    def test_it_looks_where_the_person_may_look(self):
        scope = Scope(corpora=(3, 5), kinds=("tweet",), since=date(2026, 4, 1), box=Box(1, 2, 3, 4), must=("levee",))
        assert shadow._scope(shadow._as_json(scope)) == scope

    def test_a_candidate_that_went_live_meanwhile_is_left(
        self, candidate, run_jobs, django_capture_on_commit_callbacks
    ):
        with django_capture_on_commit_callbacks(execute=True):
            switching.activate(candidate)
        assert shadowing.drawn() == []
        assert shadow.run(candidate.pk, {"text": "levee", "intent": "QA", "scope": {"corpora": []}}) is None

    @pytest.mark.parametrize("how", ["by hand", "by a switch"])
    def test_a_candidate_that_was_retired_is_left(self, candidate, how, run_jobs, django_capture_on_commit_callbacks):
        with django_capture_on_commit_callbacks(execute=True):
            if how == "by hand":
                switching.retire(candidate)
            else:
                VectorIndex.objects.filter(pk=candidate.pk).update(status=VectorIndex.Status.STANDBY)
                making = indexing.Making(goes_live=False)
                indexing.go_live(indexing.create_index(get_card("hashing"), revision="1", making=making))
        assert shadowing.drawn() == []
        candidate.refresh_from_db()
        assert (candidate.status, candidate.shadow_share) == ("RETIRED", 0.0)


class TestMakingReady:
    def test_nothing_changes_when_no_worker_can_load_the_model(self, candidate, index, monkeypatch):
        monkeypatch.setattr(shadow, "LOADING_S", 0.2)
        monkeypatch.setattr(shadow.jobs, "request_query_vector", lambda **_: None)
        monkeypatch.setattr(readiness, "workers_heard_from", lambda: [worker(1)])
        with pytest.raises(switching.NotPossible, match="no query worker could load hashing-128"):
            switching.activate(candidate)
        index.refresh_from_db()
        assert index.is_live

    def test_all_query_workers_have_the_model_first(self, candidate, index, monkeypatch, services):
        monkeypatch.setattr(shadow, "LOADING_S", 0.3)
        monkeypatch.setattr(shadow, "encode_query", lambda *_, **__: None)
        monkeypatch.setattr(readiness, "workers_heard_from", lambda: [worker(1), worker(2)])
        readiness.tell(["hashing-128@1"], host="here", pid=1)
        readiness.tell(["hashing@1"], host="here", pid=2)
        with pytest.raises(switching.NotPossible, match="process 2 on here did not load hashing-128"):
            switching.activate(candidate)
        assert readiness.asked_for() == candidate.pk
        readiness.tell(["hashing@1", "hashing-128@1"], host="here", pid=2)
        assert switching.activate(candidate) == index
