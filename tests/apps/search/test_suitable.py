import pytest

from apps.corpora.models import Kind
from apps.retrievers.intents import Intent
from apps.search.suitable import HANDICAP, weight


class TestWeight:
    @pytest.mark.parametrize(
        ("kind", "intent"), [(Kind.TWEET, Intent.TWITTER), (Kind.REPORT, Intent.FACTCHECK), (Kind.CLAIM, Intent.NLI)]
    )
    def test_is_whole_for_kinds_that_answer(self, kind, intent):
        assert weight(kind, intent) == 1

    def test_of_a_claim_as_evidence_is_handicapped(self):
        assert weight(Kind.CLAIM, Intent.FACTCHECK) == pytest.approx(HANDICAP)

    def test_lies_between_when_another_reading_would_welcome_the_kind(self):
        unsure = weight(Kind.CLAIM, Intent.FACTCHECK, alternatives=(Intent.NLI, Intent.STS))
        assert weight(Kind.CLAIM, Intent.FACTCHECK) < unsure < weight(Kind.REPORT, Intent.FACTCHECK)

    def test_keeps_the_kinds_of_the_chosen_reading_first(self):
        others = (Intent.NLI, Intent.STS)
        report, claim = (weight(kind, Intent.FACTCHECK, alternatives=others) for kind in (Kind.REPORT, Kind.CLAIM))
        assert report > claim
