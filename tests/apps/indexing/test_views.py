import pytest
from django.urls import reverse

from apps.indexing import services, switching
from apps.indexing.measured import Certificate, EncodingRate, Measurement, ShadowedSearch
from apps.indexing.models import VectorIndex
from apps.retrievers.family import get_card
from tests.apps.retrievers.test_checkpoints import write_checkpoint, write_modules
from tests.factories import PassageFactory, UserFactory

pytestmark = pytest.mark.django_db

Status = VectorIndex.Status
PACKAGED = {"model": "all-MiniLM-L6-v2", "folder": "", "precision": "", "m": "16", "ef_construction": "64"}


@pytest.fixture
def admin(client):
    client.force_login(UserFactory(admin=True))
    return client


@pytest.fixture
def candidate(index):
    made = services.create_index(get_card("hashing"), revision="2", making=services.Making(goes_live=False))
    services.tend(made)
    made.refresh_from_db()
    return made


@pytest.fixture
def nobody_answers(monkeypatch):
    """Estimates are asked for, and no worker takes them."""
    monkeypatch.setattr("apps.indexing.jobs.request_rate", lambda **_: None)


class TestIndexes:
    def test_are_for_admins_only(self, client, index):
        client.force_login(UserFactory(analyst=True))
        for url in (reverse("indexes"), reverse("index", args=[index.pk]), reverse("index-new")):
            assert client.get(url).status_code == 403
        assert client.post(reverse("index-act", args=[index.pk, "drop"])).status_code == 403

    def test_have_a_card_each_the_live_one_first(self, admin, index, candidate):
        shown = admin.get(reverse("indexes")).context["cards"]
        assert [card["index"] for card in shown] == [index, candidate]
        assert reverse("index-act", args=[candidate.pk, "activate"]) in admin.get(reverse("indexes")).text

    def test_without_any_say_what_to_do(self, admin):
        assert "Build the first one" in admin.get(reverse("indexes")).text

    def test_a_page_tells_all_of_one(self, admin, index):
        PassageFactory()
        services.lease(index, size=1, worker="embed-1:17")
        curve = [{"ef_search": ef, "recall": r, "p50_ms": 1.0, "p95_ms": 2.0} for ef, r in ((20, 0.8), (100, 0.9))]
        Certificate.objects.create(
            index=index, state=Measurement.DONE, ef_search=100, recall=0.9, curve=curve, sources={"judged queries": 3},
            quality={"QA": {"ndcg": 0.61, "queries": 3}},
        )  # fmt: skip
        page = admin.get(reverse("index", args=[index.pk])).text
        for told in ("embed-1:17", "<svg", "0.900", "below the 0.95", "3 judged queries", "0.610"):
            assert told in page


class TestBuilding:
    def test_nothing_is_built_before_the_estimate_is_seen(self, admin, nobody_answers):
        PassageFactory.create_batch(3)
        page = admin.get(reverse("index-new"), PACKAGED)
        assert page.context["estimate"].passages == 3
        assert "encodes a sample" in page.text
        assert not VectorIndex.objects.exists()

    def test_a_measured_rate_gives_the_time(self, admin, nobody_answers):
        PassageFactory.create_batch(10)
        admin.get(reverse("index-new"), PACKAGED)
        rate = EncodingRate.objects.get()
        rate.state, rate.passages_per_s, rate.finished_at = Measurement.DONE, 5.0, rate.requested_at
        rate.save()
        seen = admin.get(reverse("index-new"), PACKAGED).context
        assert seen["estimate"].embed_s == pytest.approx(2.0)
        assert not seen["measuring"]

    def test_builds_beside_the_live_one(self, admin, index):
        admin.post(reverse("index-new"), PACKAGED)
        made = VectorIndex.objects.get(retriever="all-MiniLM-L6-v2")
        assert made.status == Status.BUILDING
        assert VectorIndex.objects.live() == index

    def test_what_cannot_be_made_is_told_and_not_made(self, admin, index):
        page = admin.post(reverse("index-new"), PACKAGED | {"folder": "/no/such/folder"})
        assert "No retriever is called" in page.text
        page = admin.post(reverse("index-new"), PACKAGED | {"m": "60"})
        assert "at least twice m" in page.text
        page = admin.post(reverse("index-new"), PACKAGED | {"folder": "x" * 300})
        assert page.context["form"].errors
        assert VectorIndex.objects.count() == 1

    def test_a_folder_with_a_longer_name_than_can_be_kept_is_refused(self, admin, index, tmp_path):
        folder = write_modules(write_checkpoint(tmp_path / ("flood-bert-" * 8)), pooling="mean", length=24)
        page = admin.post(reverse("index-new"), PACKAGED | {"folder": str(folder)})
        assert "is too long: 88 characters, where an index takes 80" in page.text
        assert VectorIndex.objects.count() == 1


class TestSwitching:
    def test_tells_the_consequence_first_then_does_it_and_can_go_back(self, admin, index, candidate):
        url = reverse("index-act", args=[candidate.pk, "activate"])
        assert "stands by and is kept up" in admin.get(url).text
        assert VectorIndex.objects.live() == index
        admin.post(url)
        assert VectorIndex.objects.live() == candidate
        admin.post(reverse("index-rollback"))
        assert VectorIndex.objects.live() == index

    def test_what_is_not_possible_is_told(self, admin, index):
        page = admin.post(reverse("index-act", args=[index.pk, "drop"]), follow=True)
        assert "live index cannot be dropped" in page.text
        assert VectorIndex.objects.live() == index

    def test_a_refused_model_leaves_the_old_one_live(self, admin, index, candidate, monkeypatch):
        def refuse(_index):
            raise switching.NotPossible("no query worker could load it")

        monkeypatch.setattr(switching, "before_live", [refuse])
        page = admin.post(reverse("index-act", args=[candidate.pk, "activate"]), follow=True)
        assert "no query worker could load it" in page.text
        assert VectorIndex.objects.live() == index

    def test_a_page_that_there_is_not_is_not_found(self, admin, index):
        assert admin.get(reverse("index-act", args=[index.pk, "explode"])).status_code == 404
        assert admin.get(reverse("index-act", args=[index.pk, "pause"])).status_code == 404


class TestSearchSettings:
    def test_a_floor_that_is_not_reached_makes_searches_exact_if_chosen(self, admin, index):
        curve = [{"ef_search": 40, "recall": 0.8, "p50_ms": 1, "p95_ms": 2}, {"ef_search": 100, "recall": 0.9, "p50_ms": 1, "p95_ms": 2}]  # fmt: skip
        Certificate.objects.create(index=index, state=Measurement.DONE, ef_search=100, recall=0.9, curve=curve)
        chosen = {"ef_search": "100", "recall_floor": "0.95", "exact_below_floor": "on"}
        admin.post(reverse("index", args=[index.pk]), chosen)
        assert VectorIndex.objects.get(pk=index.pk).searches_exactly
        admin.post(reverse("index", args=[index.pk]), chosen | {"recall_floor": "0.85"})
        assert not VectorIndex.objects.get(pk=index.pk).searches_exactly

    def test_a_status_changed_meanwhile_stays(self, admin, candidate, monkeypatch):
        """The page was asked for a moment before another admin retired the index."""
        change = switching.change

        def too_late(found, **settings):
            switching.retire(VectorIndex.objects.get(pk=found.pk))
            change(found, **settings)

        monkeypatch.setattr(switching, "change", too_late)
        url, chosen = reverse("index", args=[candidate.pk]), {"ef_search": "150", "recall_floor": "0.95"}
        page = admin.post(url, chosen | {"shadow_share": "0.5"}, follow=True)
        assert "Only a complete index that is not live can be shadowed" in page.text
        candidate.refresh_from_db()
        assert (candidate.status, candidate.shadow_share) == (Status.RETIRED, 0.0)

    def test_meaning_can_count_more_beside_words(self, admin, index):
        url = reverse("index", args=[index.pk])
        assert 'placeholder="0.75"' in admin.get(url).text
        chosen = {"ef_search": "100", "recall_floor": "0.95", "share_of_NLI": "1", "share_of_QA": ""}
        admin.post(url, chosen)
        index.refresh_from_db()
        assert index.dense_shares == {"NLI": 1.0}
        assert "less than or equal to 1" in admin.post(url, chosen | {"share_of_QA": "7"}).text
        index.refresh_from_db()
        assert index.dense_shares == {"NLI": 1.0}


class TestComparison:
    def test_shows_overlap_and_the_searches_that_differ_most(self, admin, index, candidate):
        for text, shared in (("levee", 9), ("ferry", 2)):
            ShadowedSearch.objects.create(
                candidate=candidate, live=index, text=text, intent="QA", shared=shared, compared=10,
                encode_ms=5, live_ms=10, candidate_ms=20,
            )  # fmt: skip
        seen = admin.get(reverse("index-shadow", args=[candidate.pk])).context
        assert seen["comparison"].overlap == pytest.approx(0.55)
        assert [search.text for search in seen["searches"]] == ["ferry", "levee"]
