"""Pools: what gets in, in which order, and what the judge learns of it."""

import re

import pytest
from django.urls import reverse

from apps.feedback.forms import MAX_QUERIES, read_queries
from apps.feedback.models import Judgment, Pool, Query
from apps.feedback.pooling import NotPooled, Plan, Wanted, make_pool, pooled, shuffled
from apps.retrievers.intents import Intent
from apps.search import encoding, services
from apps.search.outcome import Asked
from tests.apps.feedback.conftest import LEVEE
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def pool(library, analyst):
    plan = Plan(name="Levees", wanted=(Wanted(LEVEE, None), Wanted("Is there power?", Intent.QADOC)), depth=3)
    return make_pool(plan, user=analyst)


class TestPooled:
    def test_is_the_union_of_each_systems_best(self):
        rankings = {"dense": [1, 2, 3], "words": [4, 1, 5], "hybrid": [1, 4, 2]}
        assert pooled(rankings, depth=2) == {
            1: {"dense": 1, "words": 2, "hybrid": 1},
            2: {"dense": 2},
            4: {"words": 1, "hybrid": 2},
        }


class TestShuffled:
    def test_is_the_same_for_the_same_seed_and_keeps_a_querys_passages_together(self):
        one, other = Query(pk=1), Query(pk=2)
        found = {one: {n: {"dense": n} for n in range(1, 30)}, other: {n: {"dense": n} for n in range(1, 30)}}
        order = shuffled(found, seed=7)
        assert order == shuffled(dict(reversed(found.items())), seed=7)
        assert order != shuffled(found, seed=8)
        assert len({query for query, _ in order[:29]}) == 1
        assert [passage for _, passage in order[:29]] != list(range(1, 30))

    def test_gives_no_system_away(self):
        query = Query(pk=1)
        by_one = {query: {n: {"dense": n} for n in range(1, 9)}}
        by_other = {query: {n: {"words": 9 - n} for n in range(8, 0, -1)}}
        assert shuffled(by_one, seed=3) == shuffled(by_other, seed=3)


class TestMakePool:
    def test_takes_the_best_of_each_system_as_it_answers_searches(self, pool, analyst):
        query = Query.objects.get(text=LEVEE)
        ranks = {item.passage_id: item.ranks for item in pool.items.filter(query=query)}
        hits = services.search(Asked(query=LEVEE, limit=200), user=analyst).hits
        for system in ("dense", "words"):
            best = {hit.passage_id: hit.ranks[system] for hit in hits if hit.ranks.get(system, 9) <= 3}
            assert {pk: by[system] for pk, by in ranks.items() if system in by} == best
        assert {pk: by["hybrid"] for pk, by in ranks.items() if "hybrid" in by} == {
            hit.passage_id: hit.rank for hit in hits[:3]
        }

    def test_asks_every_system_for_words_that_must_and_must_not_occur(self, library, analyst):
        plan = Plan(
            name="Levees", wanted=(Wanted('levee "bulletin number"', None), Wanted("levee -bulletin", None)), depth=100
        )
        items = make_pool(plan, user=analyst).items.select_related("query", "passage")
        for system in ("dense", "words", "hybrid"):
            quoted, left_out = (
                [item.passage.text for item in items if system in item.ranks and item.query.text == wanted.text]
                for wanted in plan.wanted
            )
            assert all("bulletin number" in text for text in quoted), system
            assert len(quoted) == 8, system
            assert not any("bulletin" in text for text in left_out), system

    def test_reads_a_query_as_the_search_page_does_unless_told(self, pool):
        assert dict(Query.objects.values_list("text", "intent")) == {LEVEE: "QA", "Is there power?": "QAdoc"}

    def test_takes_nothing_that_its_maker_may_not_read(self, library, secret, analyst):
        plan = Plan(name="Weak", wanted=(Wanted("The levee is weak", None),), depth=100)
        assert secret.pk not in make_pool(plan, user=analyst).items.values_list("passage", flat=True)
        assert secret.pk in make_pool(plan, user=UserFactory(admin=True)).items.values_list("passage", flat=True)

    def test_makes_no_pool_of_words_alone(self, library, analyst, monkeypatch):
        def fail(*_args, **_kwargs):
            raise encoding.EncoderUnavailable("the encoder did not answer in 1.5 s")

        monkeypatch.setattr("apps.search.retrieving.encode_query", fail)
        with pytest.raises(NotPooled, match=r"the encoder did not answer in 1\.5 s"):
            make_pool(Plan(name="Levees", wanted=(Wanted(LEVEE, None),), depth=3), user=analyst)
        assert not Pool.objects.exists()
        assert not Query.objects.exists()


class TestNewPoolPage:
    url = "/judging/new"

    def test_makes_a_pool_of_the_lines(self, signed_in, library):
        lines = f"{LEVEE}\r\n\r\nfactcheck: The  levee is weak.\r\n{LEVEE}"
        response = signed_in.post(self.url, {"name": "Levees", "queries": lines, "depth": 2, "corpus": ["reports"]})
        pool = Pool.objects.get()
        assert response.url == pool.get_absolute_url()
        assert {(i.query.text, i.query.intent) for i in pool.items.all()} == {
            (LEVEE, "QA"),
            ("The levee is weak.", "FactCheck"),
        }

    @pytest.mark.parametrize(
        ("wrong", "said"),
        [
            ({"queries": " \n "}, "required"),
            ({"queries": "\n".join(map(str, range(MAX_QUERIES + 1)))}, f"These are {MAX_QUERIES + 1} queries"),
            ({"queries": "a" * 2001}, "shorten"),
            ({"depth": "0"}, "greater than or equal to 1"),
            ({"corpus": ["secret"]}, "Select a valid choice"),
        ],
    )
    def test_says_what_is_wrong(self, signed_in, passage, secret, wrong, said):
        data = {"name": "x", "queries": LEVEE, "depth": "3", **wrong}
        response = signed_in.post(self.url, data)
        assert response.status_code == 422
        assert said in response.text

    def test_says_why_there_is_no_pool_and_keeps_what_was_typed(self, signed_in, passage):
        response = signed_in.post(self.url, {"name": "x", "queries": LEVEE, "depth": "3"})
        assert response.status_code == 422
        assert "no search index is live yet" in response.text
        assert LEVEE in response.text

    def test_is_for_those_who_judge(self, client, db):
        client.force_login(UserFactory())
        assert client.get(self.url).status_code == 403

    def test_reads_intents_at_the_start_of_a_line_only(self):
        assert read_queries("STS: a\nNote: b\n12:30 QA: c") == [
            Wanted("a", Intent.STS),
            Wanted("Note: b", None),
            Wanted("12:30 QA: c", None),
        ]


def judged(client, pool, grade, *, item, note=""):
    return client.post(reverse("pool-judge", args=[pool.pk]), {"item": item.pk, "grade": grade, "note": note})


class TestJudgingAPool:
    def test_goes_through_all_of_it_and_ends(self, signed_in, pool, analyst):
        seen = []
        while item := signed_in.get(pool.get_absolute_url()).context["item"]:
            seen.append(item.position)
            judged(signed_in, pool, item.position % 4, item=item)
        assert seen == sorted(pool.items.values_list("position", flat=True))
        assert "All of it is judged" in signed_in.get(pool.get_absolute_url()).text
        assert Judgment.objects.filter(judge=analyst).count() == len(seen)

    def test_shows_neither_system_nor_rank(self, signed_in, pool):
        page = re.sub(r"(?s).*<main", "", signed_in.get(pool.get_absolute_url()).text)
        item = pool.items.get(position=0)
        assert item.passage.text in page
        assert not re.search(r"dense|hybrid|rank|found by|meaning|score", page, re.IGNORECASE)

    def test_brings_what_was_skipped_at_the_end(self, signed_in, pool):
        first, *others = pool.items.order_by("position")
        page = signed_in.get(pool.get_absolute_url(), {"after": first.pk})
        assert page.context["item"] == others[0]
        for item in others:
            response = judged(signed_in, pool, 1, item=item)
        assert signed_in.get(response.url).context["item"] == first

    def test_undo_withdraws_and_goes_back(self, signed_in, pool):
        item = pool.items.get(position=0)
        page = signed_in.get(judged(signed_in, pool, 2, item=item).url)
        assert "2, highly relevant" in page.text
        assert page.context["item"].position == 1
        page = signed_in.get(judged(signed_in, pool, "", item=item).url)
        assert page.context["item"] == item
        assert not Judgment.objects.exists()

    def test_keeps_a_note(self, signed_in, pool):
        item = pool.items.get(position=0)
        judged(signed_in, pool, 2, item=item, note="Old figures")
        assert Judgment.objects.get().note == "Old figures"
        assert "Old figures" in signed_in.get(pool.get_absolute_url(), {"item": item.pk}).text

    def test_knows_what_was_graded_on_the_search_page(self, signed_in, pool, analyst, judge):
        item = pool.items.get(position=0)
        judge(analyst, 3, item.passage, text=item.query.text, intent=item.query.intent)
        page = signed_in.get(pool.get_absolute_url())
        assert page.context["item"].position == 1
        assert page.context["progress"].judged == 1

    def test_leaves_each_judge_alone(self, client, pool, analyst, judge):
        item = pool.items.get(position=0)
        judge(analyst, 3, item.passage, text=item.query.text, intent=item.query.intent)
        client.force_login(UserFactory(analyst=True))
        page = client.get(pool.get_absolute_url())
        assert page.context["item"] == item
        assert page.context["item"].grade is None
        assert 'aria-pressed="true"' not in page.text

    def test_gives_htmx_the_next_one_alone(self, signed_in, pool):
        item = pool.items.get(position=0)
        headers = {"HX-Request": "true", "HX-Target": "judging"}
        data = {"item": item.pk, "grade": "0"}
        response = signed_in.post(reverse("pool-judge", args=[pool.pk]), data, headers=headers)
        assert response.text.strip().startswith('<section id="judging"')
        assert response.context_data["item"].position == 1

    @pytest.mark.parametrize("grade", ["4", "x"])
    def test_refuses_what_is_no_grade(self, signed_in, pool, grade):
        assert judged(signed_in, pool, grade, item=pool.items.get(position=0)).status_code == 400

    @pytest.mark.parametrize("where", ["item", "after", "judged"])
    def test_takes_any_number_in_its_address(self, signed_in, pool, where):
        for number in ("", "x", "-1", "0", "9" * 18, "9" * 40, "²"):
            assert signed_in.get(pool.get_absolute_url(), {where: number}).status_code == 200


class TestSecrets:
    """A pool that an admin made over a private corpus, and an open one."""

    @pytest.fixture
    def pool(self, library, secret):
        plan = Plan(name="All levees", wanted=(Wanted("The levee is weak", Intent.QA),), depth=100)
        return make_pool(plan, user=UserFactory(admin=True))

    @pytest.fixture
    def only_secret(self, pool, secret):
        pool.items.exclude(passage=secret).delete()
        return pool

    def test_are_left_out_of_what_one_judges_and_counts(self, signed_in, pool, secret):
        page = signed_in.get(pool.get_absolute_url())
        assert page.context["progress"].total == pool.items.count() - 1
        item = pool.items.get(passage=secret)
        assert signed_in.get(pool.get_absolute_url(), {"item": item.pk}).context["item"] != item
        assert judged(signed_in, pool, 1, item=item).status_code == 404

    def test_hide_a_pool_that_has_nothing_else(self, signed_in, only_secret):
        assert signed_in.get(only_secret.get_absolute_url()).status_code == 404
        assert "All levees" not in signed_in.get("/judging/").text
        item = only_secret.items.get()
        assert judged(signed_in, only_secret, 1, item=item).status_code == 404

    def test_are_judged_by_members(self, signed_in, only_secret, secret, analyst):
        secret.corpus.members.add(analyst)
        assert signed_in.get(only_secret.get_absolute_url()).context["item"].passage == secret


class TestDeletePool:
    def test_keeps_its_judgments(self, signed_in, pool):
        judged(signed_in, pool, 1, item=pool.items.get(position=0))
        assert signed_in.get(reverse("pool-delete", args=[pool.pk])).status_code == 200
        assert signed_in.post(reverse("pool-delete", args=[pool.pk])).url == "/judging/"
        assert not Pool.objects.exists()
        assert Judgment.objects.count() == 1

    def test_is_for_its_maker_and_admins(self, client, pool):
        client.force_login(UserFactory(analyst=True))
        assert client.post(reverse("pool-delete", args=[pool.pk])).status_code == 404
        client.force_login(UserFactory(admin=True))
        assert client.post(reverse("pool-delete", args=[pool.pk])).status_code == 302
