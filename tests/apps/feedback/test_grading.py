"""Grades given on results of the search page."""

import gzip
import re

import pytest
from django.db import IntegrityError, transaction
from django.urls import reverse

from apps.feedback.models import Judgment, Query
from apps.retrievers.intents import Intent
from tests.apps.feedback.conftest import LEVEE
from tests.factories import DocumentFactory, PassageFactory, UserFactory

pytestmark = pytest.mark.django_db


def pressed(html):
    return re.findall(r'aria-label="(\d), [a-z ]+" aria-pressed="true"', html)


@pytest.fixture
def send(signed_in, passage):
    def send(grade, *, htmx=True, **fields):
        data = {"q": LEVEE, "intent": "QA", "passage": passage.pk, "grade": grade, **fields}
        return signed_in.post(reverse("judge"), data, headers={"HX-Request": "true"} if htmx else {})

    return send


class TestJudge:
    def test_keeps_who_graded_what_for_which_query(self, send, analyst, passage):
        response = send(3)
        kept = Judgment.objects.get()
        assert (kept.judge, kept.passage, kept.grade) == (analyst, passage, 3)
        assert (kept.query.text, kept.query.intent) == (LEVEE, "QA")
        assert pressed(response.text) == ["3"]
        assert "<html" not in response.text

    def test_keeps_the_last_grade_only(self, send):
        send(0)
        send(2)
        assert [j.grade for j in Judgment.objects.all()] == [2]

    def test_keeps_grade_0(self, send):
        assert pressed(send(0).text) == ["0"]
        assert Judgment.objects.get().grade == 0

    def test_undo_brings_back_the_grade_before(self, send):
        send(1)
        undo = re.search(r'name="grade" value="(\d?)" data-grade="undo"', send(3).text)[1]
        assert pressed(send(undo).text) == ["1"]
        assert Judgment.objects.get().grade == 1

    def test_undo_of_the_first_withdraws_it(self, send):
        undo = re.search(r'name="grade" value="(\d?)" data-grade="undo"', send(3).text)[1]
        assert pressed(send(undo).text) == []
        assert not Judgment.objects.exists()

    def test_the_same_words_read_otherwise_are_another_query(self, send):
        send(1)
        send(2, intent="QAdoc")
        assert Judgment.objects.count() == Query.objects.count() == 2

    def test_reads_the_query_as_the_search_page_does(self, send):
        send(1)
        send(2, q="  Which\tlevee\x00 failed? ")
        assert [q.text for q in Query.objects.all()] == [LEVEE]

    def test_goes_back_to_the_hit_without_javascript(self, signed_in, passage):
        data = {"q": LEVEE, "intent": "QA", "passage": passage.pk, "grade": 1}
        page = "http://testserver/?q=levee&kind=report"
        response = signed_in.post(reverse("judge"), data, headers={"Referer": f"{page}#hit-9"})
        assert response.url == f"{page}#hit-{passage.pk}"

    @pytest.mark.parametrize("referrer", ["", "https://evil.example/?q=1", "javascript:alert(1)"])
    def test_goes_back_to_no_strangers_page(self, signed_in, passage, referrer):
        data = {"q": LEVEE, "intent": "QA", "passage": passage.pk, "grade": 1}
        response = signed_in.post(reverse("judge"), data, headers={"Referer": referrer})
        assert response.url == f"/?q=Which+levee+failed%3F&intent=QA#hit-{passage.pk}"

    @pytest.mark.parametrize(
        "wrong", [{"grade": "4"}, {"grade": "-1"}, {"intent": "Dance"}, {"q": " "}, {"passage": "x"}, {"q": "a" * 2001}]
    )
    def test_refuses_what_is_no_judgment(self, send, wrong):
        assert send(**{"grade": "1", **wrong}).status_code == 400
        assert not Judgment.objects.exists()

    def test_does_not_take_a_grade_left_out_for_one_withdrawn(self, signed_in, send, passage):
        send(2)
        data = {"q": LEVEE, "intent": "QA", "passage": passage.pk}
        assert signed_in.post(reverse("judge"), data).status_code == 400
        assert Judgment.objects.get().grade == 2

    def test_knows_nothing_of_passages_one_may_not_read(self, send, secret):
        assert send(1, passage=secret.pk).status_code == 404
        assert send(1, passage=10**9).status_code == 404
        assert not Query.objects.exists()

    def test_takes_a_members_grade_in_a_private_corpus(self, send, secret, analyst):
        secret.corpus.members.add(analyst)
        assert send(1, passage=secret.pk).status_code == 200

    def test_is_for_analysts_and_admins(self, client, passage):
        client.force_login(UserFactory())
        data = {"q": LEVEE, "intent": "QA", "passage": passage.pk, "grade": 1}
        assert client.post(reverse("judge"), data).status_code == 403
        assert not Judgment.objects.exists()

    def test_takes_nothing_by_get(self, signed_in):
        assert signed_in.get(reverse("judge")).status_code == 405


class TestResults:
    def test_show_ones_own_grades_and_nobody_elses(self, signed_in, library, analyst, passage, judge):
        other = UserFactory(analyst=True)
        judge(analyst, 2, passage)
        judge(other, 0, passage)
        judge(other, 3, library.passages.last())
        page = signed_in.get("/", {"q": LEVEE, "intent": "QA"})
        assert pressed(page.text) == ["2"]

    def test_show_no_grades_of_another_reading(self, signed_in, library, analyst, passage, judge):
        judge(analyst, 2, passage)
        assert pressed(signed_in.get("/", {"q": LEVEE, "intent": "NLI"}).text) == []

    def test_have_no_grade_buttons_for_managers(self, client, library):
        client.force_login(UserFactory())
        page = client.get("/", {"q": LEVEE}).text
        assert 'class="hit' in page
        assert 'class="grades"' not in page
        assert "grading.js" not in page

    def test_weigh_at_most_40_kb_on_the_wire_with_the_longest_query(self, signed_in, library):
        for n in range(10):
            text = f"Levee {n}. " + "Every word of it is long. " * 70
            PassageFactory(document=DocumentFactory(corpus=library), text=text)
        query = "levee " + "".join(f"w{n:04}x " for n in range(280))
        headers = {"HX-Request": "true", "HX-Target": "results", "Accept-Encoding": "gzip"}
        response = signed_in.get("/", {"q": query}, headers=headers)
        assert response["Content-Encoding"] == "gzip"
        assert gzip.decompress(response.content).count(b'class="grades"') == 10
        assert len(response.content) <= 40_000


class TestDatabase:
    def test_keeps_one_judgment_a_judge_and_grades_from_0_to_3(self, analyst, passage, judge):
        judge(analyst, 1, passage)
        query = Query.objects.of(LEVEE, Intent.QA)
        for grade, judge_ in [(1, analyst), (4, UserFactory())]:
            with pytest.raises(IntegrityError), transaction.atomic():
                Judgment.objects.create(query=query, passage=passage, judge=judge_, grade=grade)

    def test_keeps_queries_longer_than_an_index_entry(self, db):
        text = "洪水" * 1000
        assert Query.objects.of(text, Intent.NLI) == Query.objects.of(text, Intent.NLI)

    def test_lets_a_document_go_with_what_was_said_of_it(self, analyst, passage, judge):
        judge(analyst, 1, passage)
        passage.document.delete()
        assert not Judgment.objects.exists()
