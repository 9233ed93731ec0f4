from datetime import UTC, datetime

import pytest

from apps.search.ordering import in_order, prefer_recent
from apps.search.outcome import Asked, Recency, Sort
from apps.search.services import search

DATES = {
    1: datetime(2020, 1, 1, tzinfo=UTC),
    2: datetime(2026, 1, 1, tzinfo=UTC),
    3: None,
    4: datetime(2025, 12, 1, tzinfo=UTC),
}


class TestInOrder:
    def test_by_date_puts_the_undated_last(self):
        assert in_order([1, 2, 3, 4], DATES, Sort.NEWEST) == [2, 4, 1, 3]
        assert in_order([1, 2, 3, 4], DATES, Sort.OLDEST) == [1, 4, 2, 3]

    def test_by_relevance_leaves_all_where_it_is(self):
        assert in_order([3, 1, 2], DATES, Sort.RELEVANCE) == [3, 1, 2]


class TestPreferRecent:
    def best(self, scores, recency):
        weighed = prefer_recent(scores, DATES, recency)
        return max(weighed, key=weighed.__getitem__)

    def test_is_off_unless_asked_for(self):
        assert prefer_recent({1: 1.0, 2: 0.5}, DATES, Recency.OFF) == {1: 1.0, 2: 0.5}

    def test_gently_lets_a_much_better_old_one_win(self):
        assert self.best({1: 1.0, 2: 0.2}, Recency.GENTLE) == 1
        assert self.best({1: 1.0, 2: 0.5}, Recency.GENTLE) == 2

    def test_strongly_lets_hardly_any(self):
        assert self.best({1: 1.0, 2: 0.01}, Recency.STRONG) == 2

    def test_gives_the_best_first(self):
        assert list(prefer_recent({1: 0.2, 2: 0.1, 3: 0.0, 4: 0.3}, DATES, Recency.OFF)) == [4, 1, 2, 3]
        assert list(prefer_recent({1: 0.2, 2: 0.1, 3: 0.0, 4: 0.3}, DATES, Recency.STRONG)) == [4, 2, 1, 3]

    def test_keeps_the_order_of_all_others_where_one_is_dated_far_ahead(self):
        dates = {**DATES, 5: datetime(9999, 1, 1, tzinfo=UTC)}
        assert list(prefer_recent(dict.fromkeys([1, 4, 2, 5], 1.0), dates, Recency.STRONG)) == [5, 2, 4, 1]

    def test_takes_the_undated_for_middle_aged(self):
        weighed = prefer_recent(dict.fromkeys(DATES, 1.0), DATES, Recency.STRONG)
        assert weighed[2] > weighed[3] == weighed[4] > weighed[1]

    def test_bears_that_nothing_is_dated(self):
        assert prefer_recent({3: 1.0}, {3: None}, Recency.STRONG) == {3: 1.0}


@pytest.mark.django_db
class TestOfASearch:
    def test_is_that_of_the_dates(self, library, manager):
        found = search(Asked(query="water levee power", sort=Sort.NEWEST), user=manager).hits
        dates = [hit.published_at for hit in found]
        dated = [date for date in dates if date]
        assert dated == sorted(dated, reverse=True)
        assert dates[len(dated) :] == [None] * (len(dates) - len(dated))
        assert [hit.rank for hit in found] == list(range(1, len(found) + 1))
