import json

import numpy as np
import pytest

from apps.corpora.models import Corpus, Document, Passage
from apps.experiments import pipeline
from apps.experiments.measuring import RETRIEVALS, Subject, search_everything
from apps.indexing.models import PassageVector, VectorIndex
from apps.ingestion.models import JobItem
from workers.encoders.hashing import HashingEncoder

pytestmark = pytest.mark.django_db


class InProcess:
    """Stands in for the child process; remembers how much it was asked."""

    def __init__(self):
        self.texts = []

    def embed(self, texts, *, workload):
        self.texts += texts
        return HashingEncoder().encode(texts)


def quiet(_):
    pass


@pytest.fixture
def embedder(monkeypatch):
    embedder = InProcess()
    monkeypatch.setattr("apps.experiments.measuring.Embedder", lambda **_: embedder)
    return embedder


@pytest.fixture
def broker(monkeypatch):
    """Whatever is asked of the real workers."""
    asked = []
    monkeypatch.setattr("celery.Celery.send_task", lambda self, name, **_: asked.append(name))
    return asked


@pytest.fixture
def search(services, collection_folder, embedder):
    """Search the collection through the database and return the rankings."""

    def search(retrieval):
        subject = Subject.named("hashing", retrieval=retrieval)
        ((search.system, rankings),) = search_everything(subject, collection_folder, say=quiet)
        return rankings

    return search


class TestSearchingEverything:
    @pytest.mark.parametrize("retrieval", ["dense", "lexical", "hybrid"])
    def test_finds_what_was_judged(self, search, retrieval):
        found = search(retrieval)
        assert found["q-levee"][0] == "levee"
        assert found["q-families"][0] == "school"

    def test_finds_in_one_walk_what_each_retrieval_finds_by_itself(self, search, collection_folder, embedder):
        alone = {retrieval: search(retrieval) for retrieval in RETRIEVALS}
        embedder.texts.clear()
        together = search_everything(Subject.named("hashing", retrieval="all"), collection_folder, say=quiet)
        assert {system["retrieval"]: rankings for system, rankings in together} == alone
        assert len(embedder.texts) == 2  # the queries, once

    def test_by_words_alone_needs_no_model(self, search, embedder):
        search("lexical")
        assert not embedder.texts
        assert search.system["model"] == "PostgreSQL BM25"

    def test_says_what_made_the_rankings(self, search):
        search("hybrid")
        assert search.system == {
            "model": "hashing",
            "card": "hashing",
            "revision": VectorIndex.objects.live().revision,
            "instructions": "off",
            "documents": "split",
            "retrieval": "hybrid",
            "search": "index",
        }

    @pytest.mark.django_db(transaction=True)
    def test_asks_nothing_of_the_real_workers(self, search, broker):
        search("hybrid")
        assert broker == []

    def test_a_second_time_reads_and_embeds_nothing_again(self, search, embedder):
        first = search("dense")
        passages = set(Passage.objects.values_list("pk", flat=True))
        embedder.texts.clear()
        assert search("dense") == first
        assert set(Passage.objects.values_list("pk", flat=True)) == passages
        assert len(embedder.texts) == 2  # the queries: their store is the child process's own

    def test_goes_on_where_an_interrupted_run_stopped(self, search, collection_folder):
        search("dense")
        JobItem.objects.update(state=JobItem.State.WORKING)
        PassageVector.objects.filter(passage__document__external_id="levee").delete()
        assert search("dense")["q-levee"][0] == "levee"

    def test_reads_a_changed_collection_anew(self, search, collection_folder):
        search("dense")
        record = {"_id": "new", "title": "", "text": "Which levee failed? The northern one."}
        (collection_folder / "corpus.jsonl").write_text(json.dumps(record))
        assert search("dense")["q-levee"] == ["new"]
        assert Corpus.objects.count() == Document.objects.count() == 1

    def test_keeps_the_collection_private(self, search):
        search("lexical")
        assert Corpus.objects.get().private

    def test_scores_a_document_by_its_best_passage(self, search, collection_folder):
        filler = "Nothing of note happened here on this day at all. " * 200
        record = {"_id": "long", "title": "", "text": f"{filler} Which levee failed? {filler}"}
        with (collection_folder / "corpus.jsonl").open("a") as file:
            file.write(json.dumps(record))
        found = search("dense")
        assert Passage.objects.filter(document__external_id="long").count() > 1
        assert found["q-levee"].count("long") == 1


class TestFailing:
    def test_a_collection_without_text_says_why(self, search, collection_folder):
        (collection_folder / "corpus.jsonl").write_text('{"_id": "a", "title": "", "text": ""}\n')
        with pytest.raises(pipeline.PipelineFailed, match="could not be read"):
            search("lexical")

    def test_a_search_by_words_alone_is_never_scored_as_the_models(self, search, monkeypatch, settings):
        settings.QUERY_TIMEOUT_S = 0.1
        monkeypatch.setattr(pipeline, "teach_queries", lambda *_: None)
        monkeypatch.setattr(
            "apps.search.encoding.cache_key", lambda index, text: f"dmsearch:test:{np.random.default_rng().random()}"
        )
        with pytest.raises(pipeline.PipelineFailed, match="words alone"):
            search("dense")
