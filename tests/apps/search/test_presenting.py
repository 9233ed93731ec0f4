from datetime import date

import pytest
from django.http import QueryDict

from apps.retrievers.intents import Intent
from apps.search import links, presenting
from apps.search.forms import SearchForm
from apps.search.outcome import Asked
from tests.factories import CorpusFactory

ASKED = Asked(
    query="who & what?",
    intent=Intent.STS,
    corpora=("a", "b"),
    kinds=("tweet",),
    since=date(2026, 4, 1),
    until=date(2026, 4, 30),
    offset=20,
)


class TestQueryString:
    @pytest.mark.django_db
    def test_read_by_the_form_gives_the_same_search(self):
        corpora = [CorpusFactory(slug=slug) for slug in "ab"]
        form = SearchForm(QueryDict(links.query_string(ASKED)), corpora=corpora)
        assert form.is_valid(), form.errors
        asked = form.asked()
        assert (asked.query, asked.intent, asked.corpora, asked.kinds) == (
            ASKED.query,
            ASKED.intent,
            ASKED.corpora,
            ASKED.kinds,
        )
        assert (asked.since, asked.until) == (ASKED.since, ASKED.until)

    def test_names_only_what_is_set(self):
        assert links.query_string(Asked(query="dam")) == "q=dam"

    def test_of_another_reading_keeps_the_filters(self):
        (reading,) = [r for r in presenting.readings(ASKED) if r.intent == Intent.QA]
        assert QueryDict(reading.query_string)["intent"] == "QA"
        assert QueryDict(reading.query_string).getlist("corpus") == ["a", "b"]


class TestReadings:
    def test_have_the_keys_one_to_six_in_the_order_of_the_intents(self):
        assert [(r.key, r.intent) for r in presenting.readings(ASKED)] == list(enumerate(Intent, start=1))


class TestChips:
    def test_each_drop_one_filter_and_keep_the_others(self):
        chips = list(presenting.chips(ASKED, names={"corpus": {"a": "Alpha", "b": "Beta"}, "kind": {"tweet": "Tweet"}}))
        assert [chip.label for chip in chips] == ["Alpha", "Beta", "Tweet", "from 01 Apr 2026", "to 30 Apr 2026"]
        for chip in chips:
            left = QueryDict(chip.query_string)
            assert chip.value not in left.getlist(chip.name)
            others = sum(len(left.getlist(name)) for name in ("corpus", "kind", "since", "until"))
            assert others == 4
