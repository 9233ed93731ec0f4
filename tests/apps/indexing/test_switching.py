import pytest
from django.db import connection

from apps.indexing import ann, services, switching
from apps.indexing.models import PassageVector, PendingVector, VectorIndex
from apps.indexing.switching import NotPossible
from apps.retrievers.family import get_card
from tests.factories import PassageFactory
from workers.encoders.hashing import HashingEncoder

pytestmark = pytest.mark.django_db

Status = VectorIndex.Status


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    sent = []
    monkeypatch.setattr(services.jobs, "request_embedding", lambda **kwargs: sent.append(kwargs))
    return sent


@pytest.fixture
def candidate(index):
    """An index that an admin made, beside the live one."""
    return services.create_index(get_card("hashing"), revision="2", making=services.Making(goes_live=False))


def fill(index):
    while (batch := services.lease(index, size=100)).passage_ids:
        services.store_vectors(index, batch.passage_ids, HashingEncoder().encode(batch.texts))
    services.tend(VectorIndex.objects.get(pk=index.pk))


def status(index):
    return VectorIndex.objects.get(pk=index.pk).status


class TestGoingLive:
    def test_an_incomplete_index_is_refused_with_the_number_that_is_missing(self, candidate):
        PassageFactory.create_batch(2)
        with pytest.raises(NotPossible, match="2 passages wait"):
            switching.activate(candidate)

    def test_the_old_one_stands_by_and_is_kept_up(self, index, candidate):
        fill(candidate)
        assert switching.activate(candidate) == index
        assert (status(candidate), status(index)) == (Status.LIVE, Status.STANDBY)
        passage = PassageFactory()
        assert set(PendingVector.objects.filter(passage=passage).values_list("index", flat=True)) == {
            index.pk,
            candidate.pk,
        }

    def test_and_back_again(self, index, candidate):
        fill(candidate)
        switching.activate(candidate)
        assert switching.roll_back() == index
        assert VectorIndex.objects.live() == index
        assert status(candidate) == Status.STANDBY

    def test_with_nothing_to_go_back_to_says_so(self, index):
        with pytest.raises(NotPossible, match="none stands by"):
            switching.roll_back()

    def test_only_one_stands_by(self, index, candidate):
        fill(candidate)
        switching.activate(candidate)
        third = services.create_index(get_card("hashing"), revision="3", making=services.Making(goes_live=False))
        fill(third)
        switching.activate(third)
        assert (status(index), status(candidate), status(third)) == (Status.RETIRED, Status.STANDBY, Status.LIVE)


class TestHolding:
    def test_a_paused_index_goes_on_owing_but_is_not_worked_on(self, candidate):
        switching.pause(candidate)
        PassageFactory()
        assert PendingVector.objects.filter(index=candidate).exists()
        assert candidate not in VectorIndex.objects.growing()

    def test_it_goes_on_where_it_was(self, candidate, asked, django_capture_on_commit_callbacks):
        switching.pause(candidate)
        with django_capture_on_commit_callbacks(execute=True):
            switching.resume(candidate)
        assert asked == [{"index_id": candidate.pk}]
        assert status(candidate) == Status.BUILDING

    def test_the_live_index_cannot_be_paused(self, index):
        with pytest.raises(NotPossible, match="this one is live"):
            switching.pause(index)

    def test_a_retired_index_catches_up_with_what_came_in_meanwhile(self, candidate):
        PassageFactory()
        fill(candidate)
        switching.retire(candidate)
        late = PassageFactory()
        switching.resume(candidate)
        owed = PendingVector.objects.filter(index=candidate)
        assert list(owed.values_list("passage_id", flat=True)) == [late.pk]

    @pytest.mark.parametrize("how", ["retired", "retired by a switch", "retired by an earlier release"])
    def test_that_it_was_live_or_was_to_be_is_forgotten(self, index, how):
        """An admin who lets it catch up decides, too, when it answers."""
        settings_own = services.create_index(get_card("hashing"), revision="2")
        if how == "retired":
            switching.retire(settings_own)
        elif how == "retired by an earlier release":
            VectorIndex.objects.filter(pk=settings_own.pk).update(status=Status.RETIRED, goes_live=True)
        else:
            services.go_live(settings_own)
            for revision in ("3", "4"):
                services.go_live(services.create_index(get_card("hashing"), revision=revision))
        settings_own.refresh_from_db()
        live = VectorIndex.objects.live()
        switching.resume(settings_own)
        fill(settings_own)
        assert status(settings_own) == Status.READY
        assert VectorIndex.objects.live() == live


class TestDropping:
    def test_takes_the_partition_along(self, candidate):
        PassageFactory()
        fill(candidate)
        switching.drop(candidate)
        assert not VectorIndex.objects.filter(pk=candidate.pk).exists()
        assert not PassageVector.objects.filter(index_id=candidate.pk).exists()
        assert ann.partition_name(candidate.pk) not in connection.introspection.table_names()

    def test_cancels_a_build_and_what_workers_still_bring_is_left_out(self, candidate):
        passage = PassageFactory()
        batch = services.lease(candidate, size=1)
        switching.drop(candidate)
        assert services.store_vectors(candidate, [passage.pk], HashingEncoder().encode(batch.texts)) == 0

    def test_one_that_was_let_go_on_meanwhile_keeps_its_vectors(self, candidate, monkeypatch):
        PassageFactory()
        fill(candidate)
        monkeypatch.setattr(ann, "stop_building", lambda index: switching.resume(index))
        with pytest.raises(NotPossible, match="Nothing was dropped"):
            switching.drop(candidate)
        assert PassageVector.objects.filter(index=candidate).count() == 1

    def test_never_drops_the_live_index(self, index):
        with pytest.raises(NotPossible, match="live"):
            switching.drop(index)
        assert status(index) == Status.LIVE
