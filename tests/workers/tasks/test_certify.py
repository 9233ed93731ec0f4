from collections import Counter

import numpy as np
import pytest
from django.utils import timezone

from apps.corpora.models import Passage
from apps.feedback.models import Judgment, Query
from apps.indexing import ann, certifying, services
from apps.indexing.measured import Certificate, EncodingRate, Measurement
from apps.indexing.models import VectorIndex
from apps.retrievers.intents import Intent
from apps.search.models import QueryItem, QueryList, SavedSearch
from tests.factories import CorpusFactory, DocumentFactory, PassageFactory, UserFactory
from workers.encoders import EncoderUnavailable
from workers.encoders.hashing import HashingEncoder
from workers.tasks import certify, rate
from workers.tasks.asked import queries

pytestmark = pytest.mark.django_db

WORDS = "gauge levee ferry school bridge water road shelter power tent boat wind rain slope crane".split()


@pytest.fixture(autouse=True)
def nobody_asked(monkeypatch):
    for name in ("request_embedding", "request_certificate", "request_rate"):
        monkeypatch.setattr(services.jobs, name, lambda **_: None)


@pytest.fixture(autouse=True)
def few_queries(monkeypatch):
    """Enough to tell a good graph from a bad one."""
    monkeypatch.setattr(certifying, "QUERIES", 20)


@pytest.fixture
def filled(index):
    """Two hundred passages of random words, and the graph over their vectors."""
    random = np.random.default_rng(5)
    document = DocumentFactory()
    texts = [" ".join(random.choice(WORDS, 6)) + f" {n}." for n in range(200)]
    passages = Passage.objects.bulk_create(
        Passage(document=document, corpus=document.corpus, kind="report", position=n, text=t, start=0, end=9, tokens=9)
        for n, t in enumerate(texts)
    )
    services.store_vectors(index, [p.pk for p in passages], HashingEncoder().encode(texts))
    ann.build_hnsw(index)
    return passages


def certified(index):
    proof = certifying.request(index)
    certify.certify(certificate_id=proof.pk)
    proof.refresh_from_db()
    return proof


class TestCertificate:
    def test_has_recall_and_time_at_several_ef_search(self, index, filled):
        proof = certified(index)
        assert proof.state == Measurement.DONE
        assert [point["ef_search"] for point in proof.curve] == sorted({*certifying.EF_SEARCHES, index.ef_search})
        assert proof.recall == proof.recall_at(index.ef_search) >= 0.95
        assert (proof.vectors, proof.queries) == (200, certifying.QUERIES)
        assert proof.graph_bytes > 0
        assert all(point["p95_ms"] >= point["p50_ms"] > 0 for point in proof.curve)

    def test_tells_a_graph_that_misses_much(self, index, filled, monkeypatch):
        def blind(self, vector, *, index):
            return self.nearest_exactly(-vector, index=index)

        monkeypatch.setattr("apps.indexing.models.PassageVectorQuerySet.nearest", blind)
        index.exact_below_floor = True
        index.save()
        assert certified(index).recall < 0.2
        assert VectorIndex.objects.get(pk=index.pk).searches_exactly

    def test_measures_quality_by_intent_on_the_organisations_judgments(self, index, filled):
        best, judge = filled[7], UserFactory()
        for intent in (Intent.QA, Intent.STS):
            query = Query.objects.of(best.text, intent)
            Judgment.objects.record(judge, query, passage=best, grade=3)
        proof = certified(index)
        assert proof.quality == {"QA": {"ndcg": 1.0, "queries": 1}, "STS": {"ndcg": 1.0, "queries": 1}}
        assert proof.sources["judged queries"] == 1

    def test_tells_how_recall_has_changed(self, index, filled):
        Certificate.objects.create(
            index=index,
            state=Measurement.DONE,
            recall=0.5,
            curve=[{"ef_search": 100, "recall": 0.5, "p50_ms": 1, "p95_ms": 1}],
        )
        proof = certified(index)
        assert proof.drift() == pytest.approx(proof.recall - 0.5)

    def test_of_an_index_whose_model_is_not_there_says_so(self, index, filled, monkeypatch):
        def refuse(_index):
            raise EncoderUnavailable("no such weights here")

        monkeypatch.setattr(certify, "encoder_of", refuse)
        proof = certified(index)
        assert (proof.state, proof.reason) == (Measurement.FAILED, "no such weights here")

    def test_is_given_up_when_three_workers_died_over_it(self, index, filled):
        proof = certifying.request(index)
        for _ in range(certifying.MAX_ATTEMPTS):
            assert certifying.begin(proof.pk)  # and dies
            Certificate.objects.update(started_at="2026-01-01T00:00Z")
            certifying.ask_again()
        proof.refresh_from_db()
        assert proof.state == Measurement.FAILED
        assert "3 workers stopped" in proof.reason
        assert certifying.begin(proof.pk) is None

    def test_is_due_once_and_again_when_the_index_has_grown(self, index, filled):
        assert certifying.request_due() == 1
        certify.certify(certificate_id=Certificate.objects.get().pk)
        assert certifying.request_due() == 0
        Certificate.objects.update(vectors=100)
        assert certifying.request_due() == 1


class TestQueries:
    def test_are_those_of_people_first_and_of_each_kind_as_many(self, filled):
        user = UserFactory()
        for number in range(5):
            Query.objects.of(f"judged {number}", Intent.QA)
        SavedSearch.objects.create(
            owner=user, name="mine", query_string="q=closed+roads+-bridge&intent=Twitter&kind=tweet"
        )
        SavedSearch.objects.create(owner=user, name="gone", query_string="q=gone", deleted_at=timezone.now())
        of_list = QueryList.objects.create(owner=user, name="list")
        QueryItem.objects.create(query_list=of_list, position=0, text="Who needs a boat?")
        drawn = list(queries(6))
        assert Counter(source for source, _ in drawn) == {
            "judged queries": 4,
            "saved searches": 1,
            "queries of lists": 1,
        }
        assert (dict(drawn)["saved searches"].text, dict(drawn)["saved searches"].intent) == (
            "closed roads",
            Intent.TWITTER,
        )

    def test_a_query_stays_drawn_when_others_come(self, filled):
        for number in range(8):
            Query.objects.of(f"judged {number}", Intent.QA)
        before = [asked for _, asked in queries(4)]
        for number in range(8, 10):
            Query.objects.of(f"judged {number}", Intent.QA)
        assert len(set(before) & {asked for _, asked in queries(4)}) >= 2

    def test_sentences_of_passages_fill_up(self, filled):
        Query.objects.of("judged", Intent.QA)
        counts = Counter(source for source, _ in queries(10))
        assert counts == {"judged queries": 1, "first sentences of passages": 9}

    def test_those_of_the_exercise_count_where_it_is(self, filled):
        CorpusFactory(slug="exercise-reports")
        assert {source for source, _ in queries(5)} == {"example queries"}


class TestRate:
    def test_is_measured_on_our_own_passages(self, index):
        PassageFactory.create_batch(3)
        asked = EncodingRate.objects.create(retriever="hashing")
        rate.measure_rate(rate_id=asked.pk)
        asked.refresh_from_db()
        assert (asked.state, asked.sample, asked.revision) == (Measurement.DONE, 3, "1")
        assert asked.passages_per_s > 0

    def test_of_a_model_that_is_not_there_says_how_to_get_it(self, db):
        asked = EncodingRate.objects.create(retriever="DMRetriever-4B")
        rate.measure_rate(rate_id=asked.pk)
        asked.refresh_from_db()
        assert asked.state == Measurement.FAILED
        assert "models download" in asked.reason
