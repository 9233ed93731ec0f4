from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from apps.search.facets import MAX_BINS, Facts, count, timeline
from apps.search.outcome import Asked
from apps.search.services import search
from tests.factories import CorpusFactory, UserFactory


def row(day=None, **values):
    moment = datetime.fromisoformat(day).replace(tzinfo=UTC) if day else None
    return Facts(values=values, published_at=moment)


class TestCount:
    def test_has_the_commonest_value_first_under_its_name(self):
        rows = [row(kind=["tweet"]), row(kind=["report"]), row(kind=["tweet"])]
        (facet,) = count(rows, chosen={}, names={"kind": {"tweet": "Tweet"}})
        assert [(v.value, v.label, v.count) for v in facet.values] == [("tweet", "Tweet", 2), ("report", "report", 1)]

    def test_counts_a_row_once_a_value_and_under_each_of_its_values(self):
        (facet,) = count([row(place=["Lowquay", "Aldermoot", "Lowquay"])], chosen={}, names={})
        assert {v.value: v.count for v in facet.values} == {"Lowquay": 1, "Aldermoot": 1}

    def test_lists_a_chosen_value_though_nothing_has_it(self):
        (facet,) = count([row(language=[""])], chosen={"language": ["fr"]}, names={})
        assert [(v.value, v.count, v.is_on) for v in facet.values] == [("fr", 0, True)]

    def test_leaves_out_what_no_row_has(self):
        assert count([row(event=[])], chosen={}, names={}) == ()


class TestTimeline:
    def test_has_every_day_between_the_first_and_the_last(self):
        found = timeline([row("2026-04-11"), row("2026-04-13"), row("2026-04-13"), row()])
        assert (found.step, found.undated, found.highest) == ("day", 1, 2)
        assert [(b.since.day, b.until.day, b.count) for b in found.bins] == [(11, 11, 1), (12, 12, 0), (13, 13, 2)]

    @pytest.mark.parametrize(
        ("days", "step"),
        [(59, "day"), (60, "week"), (500, "month"), (21_000, "year"), (36_500, "decade"), (400_000, "century")],
    )
    def test_takes_longer_steps_over_longer_times(self, days, step):
        last = date(2026, 11, 26)
        assert timeline([row(str(last)), row(str(last - timedelta(days=days)))]).step == step

    @given(st.dates(), st.dates())
    @example(date.min, date.max)
    @example(date.min, date(1, 3, 15))
    @example(date(9999, 11, 2), date.max)
    @example(date.min, date(2026, 11, 26))
    def test_has_few_bars_whatever_the_dates(self, one, other):
        assume(one != other)
        found = timeline([row(str(one)), row(str(other))])
        assert len(found.bins) <= MAX_BINS + 1  # they begin and end in the middle of a step
        assert found.bins[0].since <= min(one, other) <= found.bins[0].until
        assert found.bins[-1].since <= max(one, other) <= found.bins[-1].until
        assert all(a.until + timedelta(days=1) == b.since for a, b in zip(found.bins, found.bins[1:], strict=False))
        assert sum(b.count for b in found.bins) == 2

    def test_of_one_day_says_nothing(self):
        assert timeline([row("2026-04-11"), row("2026-04-11"), row()]) is None


@pytest.mark.django_db
class TestOfASearch:
    def test_agree_with_the_list(self, library, manager):
        outcome = search(Asked(query="water levee power", limit=100), user=manager)
        counts = {facet.name: {v.value: v.count for v in facet.values} for facet in outcome.facets}
        assert counts["corpus"] == {"reports": 3, "guidance": 1, "tweets": 1}
        assert sum(counts["kind"].values()) == outcome.found == len(outcome.hits)
        assert sum(b.count for b in outcome.timeline.bins) + outcome.timeline.undated == outcome.found

    def test_know_nothing_of_a_corpus_that_the_person_may_not_read(self, library, put):
        secret = CorpusFactory(slug="secret", private=True)
        put(secret, "Secret water levee", published="2026-12-24", language="fr")
        asked = Asked(query="water levee power", limit=100)
        seen = str(search(asked, user=UserFactory()))
        assert "secret" not in seen.lower()
        assert "2026, 12, 24" not in seen
        assert "fr" in [v.value for f in search(asked, user=UserFactory(admin=True)).facets for v in f.values]
