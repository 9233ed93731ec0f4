import time

import pytest

from apps.indexing.models import VectorIndex
from apps.retrievers.intents import Intent
from apps.search import lexical, services
from apps.search.encoding import EncoderUnavailable
from apps.search.outcome import Asked

pytestmark = pytest.mark.django_db


@pytest.fixture
def search(library, manager):
    def search(query, **asked):
        return services.search(Asked(query=query, **asked), user=manager)

    return search


class TestAnswer:
    def test_has_the_passage_that_says_it_first(self, search):
        outcome = search("Which levee failed?")
        assert outcome.mode == "hybrid"
        hit = outcome.hits[0]
        assert hit.text.startswith("The levee at Crake Hollow")
        assert hit.ranks == {"dense": 1, "words": 1}
        assert hit.excerpt.best == "The levee at Crake Hollow failed at dawn."
        assert (hit.title, hit.corpus, hit.external_id) == ("Sitrep 7", "reports", "sitrep-7")

    @pytest.mark.parametrize(("share", "arm"), [(0.0, "words"), (1.0, "dense")])
    def test_weighs_meaning_as_the_index_says(self, search, index, share, arm):
        index.dense_shares = {"QA": share}
        index.save()
        hits = search("Is power back in Lowquay, or did the levee fail?", intent=Intent.QA, kinds=("report",)).hits
        ranks = [hit.ranks[arm] for hit in hits if arm in hit.ranks]
        assert len(ranks) > 1
        assert ranks == sorted(ranks)

    def test_names_the_model_that_gave_it(self, search):
        outcome = search("levee")
        assert (outcome.model, outcome.revision) == ("hashing", "1")
        assert "meaning (hashing)" in outcome.hits[0].found_by

    def test_tells_where_the_time_went(self, search):
        outcome = search("levee")
        assert outcome.took_ms >= outcome.timings["sql"] > 0
        assert outcome.took_ms >= outcome.timings["encode"] > 0

    def test_does_not_wait_for_the_model_to_search_by_words(self, search, monkeypatch):
        order = []
        find = lexical.find

        def slow_encoder(*_args, **_kwargs):
            time.sleep(0.3)
            order.append("vector")
            raise EncoderUnavailable("late")

        monkeypatch.setattr("apps.search.retrieving.encode_query", slow_encoder)
        monkeypatch.setattr(lexical, "find", lambda *args, **kwargs: [find(*args, **kwargs), order.append("words")][0])
        assert search("levee").hits
        assert order == ["words", "vector"]

    def test_of_a_chosen_intent_keeps_the_detected_one(self, search):
        outcome = search("Which levee failed?", intent=Intent.STS)
        assert outcome.intent == Intent.STS
        assert outcome.detection.intent == Intent.QA
        assert outcome.is_chosen

    def test_reads_the_kinds_of_the_corpora_searched(self, search):
        assert search("water", corpora=("tweets",)).intent == Intent.TWITTER

    def test_has_the_kinds_that_suit_the_intent_first_and_the_others_too(self, search):
        query = "Water at my door in Lowquay"
        assert search(query, intent=Intent.TWITTER).hits[0].kind == "tweet"
        evidence = [hit.kind for hit in search(query, intent=Intent.FACTCHECK).hits]
        assert evidence[0] != "tweet"
        assert "tweet" in evidence

    def test_shows_at_most_some_passages_of_a_document(self, search):
        rows = search("levee shelters", of_one_document=1).hits
        (sitrep,) = [hit for hit in rows if hit.title == "Sitrep 7"]
        assert len(sitrep.folded) == 1

    def test_comes_in_pages_with_ranks_that_go_on(self, search):
        first, rest = search("water levee power", limit=2), search("water levee power", limit=2, offset=2)
        assert [hit.rank for hit in (*first.hits, *rest.hits)] == [1, 2, 3, 4]
        assert not {h.passage_id for h in first.hits} & {h.passage_id for h in rest.hits}
        assert first.found == rest.found == 5


class TestFilters:
    def test_keep_to_the_corpora_named(self, search):
        assert {hit.corpus for hit in search("water", corpora=("guidance",)).hits} == {"guidance"}

    def test_keep_to_the_kinds_named(self, search):
        assert {hit.kind for hit in search("water", kinds=("tweet",)).hits} == {"tweet"}


class TestPassageWithoutAVector:
    def test_is_found_by_its_words_as_if_it_had_one(self, search, library, put):
        """An upload can be searched from the moment it is read, though its vectors take a while."""
        put(library["tweets"], "Water at gauge RX32 rises, the road to the shelter is closed.")
        for query in ("RX32", "gauge RX32", "Is the road to the shelter near RX32 closed?"):
            hit = search(query).hits[0]
            assert "RX32" in hit.text
            assert hit.ranks == {"words": 1}


class TestWithoutTheModel:
    def test_words_alone_answer_and_say_why(self, search, encoder_away):
        outcome = search("Which levee failed?")
        assert outcome.mode == "words"
        assert outcome.why_words == "the encoder did not answer in 1.5 s"
        assert outcome.hits[0].title == "Sitrep 7"

    def test_an_index_that_is_not_there_is_no_accident(self, search):
        VectorIndex.objects.all().update(status=VectorIndex.Status.RETIRED)
        assert search("levee").why_words == "no search index is live yet"

    def test_a_broker_away_is_none_either(self, search, settings, monkeypatch):
        import redis

        def refuse(*_args, **_kwargs):
            raise redis.ConnectionError("refused")

        monkeypatch.setattr("redis.Redis.get", refuse)
        assert search("levee").why_words == "the message broker does not answer"

    def test_a_model_whose_folder_is_gone_is_none_either(self, search, lost_model):
        outcome = search("Which levee failed?")
        assert (outcome.mode, outcome.why_words) == ("words", "the files of ours are gone")
        assert outcome.instruction == ""
        assert outcome.hits[0].title == "Sitrep 7"
        assert search("-levee").instruction == ""  # nothing that a model would be asked


class TestMeaningAlone:
    def test_answers_what_has_no_words_to_search_by(self, search):
        assert search("what is it?").mode == "dense"


class TestDescribedFilters:
    FACTS = {
        "hazards": ["flood"],
        "places": ["Lowquay", "Norland"],
        "event": "Storm Ada",
        "language": "fr",
        "publisher": "Civil Protection",
    }

    @pytest.mark.parametrize(
        "chosen",
        [
            {"hazards": ("fire", "flood")},
            {"places": ("Norland",)},
            {"events": ("Storm Ada",)},
            {"languages": ("fr",)},
            {"sources": ("Civil Protection",)},
        ],
        ids=lambda chosen: next(iter(chosen)),
    )
    def test_keep_to_what_has_one_of_the_values(self, search, library, put, chosen):
        put(library["reports"], "Water in the levee road", **self.FACTS)
        found = search("water levee", **chosen)
        assert [hit.text for hit in found.hits] == ["Water in the levee road"]
        (name,) = chosen
        (value,) = [v for f in found.facets for v in f.values if v.is_on and v.count]
        assert (value.value, value.count) == (chosen[name][-1], 1)
        assert search("water levee", **{name: ("nowhere",)}).hits == ()
