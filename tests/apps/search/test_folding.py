import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from django.urls import reverse
from hypothesis import given
from hypothesis import strategies as st

from apps.corpora.models import DuplicateGroup
from apps.search import showing
from apps.search.facets import Facts
from apps.search.facts import PassageFacts
from apps.search.folding import fold, rows_of, without_copies
from apps.search.outcome import Asked
from apps.search.services import search
from tests.factories import CorpusFactory, UserFactory


def fact(document, group=None, *, kind="tweet", day=1):
    return PassageFacts(document, group, kind, Facts(values={}, published_at=datetime(2026, 4, day, tzinfo=UTC)))


class TestFolding:
    groups = {1: "a", 2: "a", 3: "a", 4: "a", 5: "b"}

    def test_puts_what_is_too_much_of_a_document_under_its_last_row(self):
        rows = fold([1, 5, 2, 3, 4], self.groups, at_most=2)
        assert [(row.shown, row.folded) for row in rows] == [(1, []), (5, []), (2, [3, 4])]

    def test_changes_nothing_where_there_is_little_of_each(self):
        assert [(row.shown, row.folded) for row in fold([1, 5], self.groups, at_most=1)] == [(1, []), (5, [])]

    @given(st.permutations(sorted(groups)), st.integers(1, 4))
    def test_loses_and_doubles_nothing(self, items, at_most):
        rows = fold(items, self.groups, at_most=at_most)
        assert sorted(item for row in rows for item in (row.shown, *row.folded)) == sorted(items)


class TestCopies:
    def test_become_one_row_where_the_best_of_them_stood(self):
        facts = {1: fact(10), 2: fact(20, 7), 3: fact(30, 7, day=2), 4: fact(40)}
        assert without_copies([1, 2, 4, 3], facts) == [1, 3, 4]

    def test_have_the_official_one_before_the_newest(self):
        facts = {1: fact(10, 7, day=9), 2: fact(20, 7, kind="report")}
        assert without_copies([1, 2], facts) == [2]

    def test_have_the_original_before_who_passed_it_on(self):
        facts = {1: replace(fact(10, 7, day=9), is_passed_on=True), 2: fact(20, 7)}
        assert without_copies([1, 2], facts) == [2]

    def test_keep_the_other_passages_of_the_one_shown(self):
        facts = {1: fact(10, 7), 2: fact(20, 7, day=2), 3: fact(20, 7, day=2), 4: fact(10, 7)}
        assert without_copies([1, 2, 3, 4], facts) == [2, 3]

    def test_are_all_there_where_nothing_is_to_be_folded(self):
        facts = {1: fact(10, 7), 2: fact(20, 7)}
        assert [row.shown for row in rows_of([1, 2], facts, of_one_document=None)] == [1, 2]

    @given(st.permutations(range(8)))
    def test_leave_every_document_that_is_no_copy(self, ranked):
        facts = {passage: fact(passage // 2, 7 if passage < 4 else None) for passage in ranked}
        unique = without_copies(ranked, facts)
        assert {4, 5, 6, 7} <= set(unique)
        assert len(unique) == len(set(unique)) == 6


@pytest.mark.django_db
class TestOfASearch:
    def test_shows_copies_under_one_hit_to_those_who_may_read_them(self, library, put):
        group = DuplicateGroup.objects.create()
        secret = CorpusFactory(slug="secret", private=True)
        for corpus, author in ((library["tweets"], "@anna"), (library["tweets"], "@ben"), (secret, "@spy")):
            put(corpus, "RT Bridge at Crake Hollow closed", author=author, duplicates=group, published="2026-04-12")
        asked = Asked(query="bridge closed", of_one_document=2)
        (hit,) = [hit for hit in search(asked, user=UserFactory()).hits if "Bridge" in hit.text]
        assert [copy.author for copy in hit.copies] == ["@ben" if hit.author == "@anna" else "@anna"]
        (hit,) = [hit for hit in search(asked, user=UserFactory(admin=True)).hits if "Bridge" in hit.text]
        assert len(hit.copies) == 2

    def test_says_how_many_more_copies_there_are_and_where(self, library, put, signed_in, monkeypatch):
        monkeypatch.setattr(showing, "MAX_COPIES", 1)
        group = DuplicateGroup.objects.create()
        for author in ("@anna", "@ben", "@cleo"):
            put(library["tweets"], "Bridge at Crake Hollow closed", author=author, duplicates=group)
        page = signed_in.get("/", {"q": "bridge closed"})
        (hit,) = [hit for hit in page.context["outcome"].hits if "Bridge" in hit.text]
        assert (len(hit.copies), hit.copy_count) == (1, 2)
        listed = reverse("document-copies", args=[hit.document_id])
        assert f'<a href="{listed}">and 1 more</a>' in page.text
        assert {"@anna", "@ben", "@cleo"} - {hit.author} <= set(re.findall(r"@\w+", signed_in.get(listed).text))
