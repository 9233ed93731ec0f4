from types import SimpleNamespace

import numpy as np
import pytest

from apps.corpora.models import Kind
from apps.retrievers.family import get_card
from apps.retrievers.intents import Intent
from apps.search import retrieving
from apps.search.clock import Clock
from apps.search.reading import forced, readings
from apps.search.retrieving import Search
from apps.search.scope import Found, Scope

REPORT, TWEET, GUIDANCE, CLAIM, OTHER = Kind


def by_intent(found):
    return {reading.intent: set(reading.kinds) for reading in found}


class TestReadings:
    def test_search_each_kind_as_what_it_answers(self):
        assert by_intent(readings(Intent.QA)) == {
            Intent.QA: {REPORT, GUIDANCE, OTHER},
            Intent.TWITTER: {TWEET},
            Intent.STS: {CLAIM},
        }

    def test_of_a_claim_look_for_evidence_and_for_who_repeats_it(self):
        found = by_intent(readings(Intent.FACTCHECK))
        assert found[Intent.FACTCHECK] == {REPORT, GUIDANCE}
        assert CLAIM in found[Intent.STS]

    def test_that_may_be_meant_join(self):
        found = by_intent(readings(Intent.FACTCHECK, alternatives=[Intent.NLI, Intent.STS]))
        assert found[Intent.NLI] == {CLAIM, OTHER}
        assert found[Intent.STS] == set(Kind)

    def test_leave_out_kinds_that_are_not_searched(self):
        assert by_intent(readings(Intent.QA, kinds=["tweet"])) == {Intent.TWITTER: {TWEET}}

    @pytest.mark.parametrize("intent", Intent)
    def test_leave_no_kind_unsearched(self, intent):
        assert set().union(*by_intent(readings(intent)).values()) == set(Kind)


class TestArms:
    @pytest.fixture
    def searched(self, monkeypatch):
        """Note what is encoded, and what is searched with which vector."""
        encoded, searched = [], []

        def encode(text, intent, *, index):
            encoded.append(intent)
            return np.array([list(Intent).index(intent)])

        def find(vector, scope, *, index, limit):
            searched.append((list(Intent)[int(vector[0])], set(scope.kinds)))
            return (Found(len(searched), 1, scope.kinds[0] if scope.kinds else "tweet", 0.5),)

        monkeypatch.setattr(retrieving, "encode_query", encode)

        def find_in_each(vector, scopes, *, index, limit):
            return [find(vector, scope, index=index, limit=limit) for scope in scopes]

        monkeypatch.setattr(retrieving.dense, "find_in_each", find_in_each)
        monkeypatch.setattr(retrieving.dense, "score", lambda *_args, **_options: {})
        monkeypatch.setattr(retrieving.lexical, "find", lambda *_args, **_options: retrieving.WordsFound())

        def run(card, found):
            index = SimpleNamespace(card=get_card(card))
            return Search("levee", Scope(corpora=(1,)), found, index).run(Clock()), encoded, searched

        return run

    def test_have_each_its_own_instruction(self, searched):
        evidence, encoded, arms = searched("DMRetriever-33M", readings(Intent.QA))
        assert sorted(encoded) == sorted([Intent.QA, Intent.TWITTER, Intent.STS])
        assert (Intent.TWITTER, {"tweet"}) in arms
        assert {way.intent for ways in evidence.ways().values() for way in ways} == set(encoded)

    def test_share_a_vector_where_the_model_is_told_nothing(self, searched):
        _, encoded, arms = searched("all-MiniLM-L6-v2", readings(Intent.FACTCHECK, alternatives=[Intent.STS]))
        assert len(encoded) == 1
        kinds = [kind for _, found in arms for kind in found]
        assert sorted(kinds) == sorted(set(kinds)) == sorted(map(str, Kind))

    def test_of_a_forced_intent_are_one(self, searched):
        _, encoded, arms = searched("DMRetriever-33M", forced(Intent.STS))
        assert encoded == [Intent.STS]
        assert arms == [(Intent.STS, set())]
