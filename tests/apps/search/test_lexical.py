import json
import math
from collections import Counter

import pytest
from django.db import connection

from apps.corpora.models import Passage
from apps.search import lexical
from apps.search.scope import Scope
from tests.apps.search.test_intent import DEV
from tests.factories import CorpusFactory, DocumentFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def corpus():
    return CorpusFactory()


@pytest.fixture
def put_many(corpus):
    """Put passages in bulk, one document for all."""
    document = DocumentFactory(corpus=corpus)

    def put_many(texts, *, corpus=corpus):
        passages = [
            Passage(
                document=document,
                corpus=corpus,
                kind="report",
                position=n,
                text=text,
                start=0,
                end=1,
                tokens=len(text.split()),
            )
            for n, text in enumerate(texts, start=Passage.objects.count())
        ]
        return Passage.objects.bulk_create(passages)

    return put_many


def texts(found):
    by_id = Passage.objects.in_bulk([f.passage_id for f in found.passages])
    return [by_id[f.passage_id].text for f in found.passages]


def find(text, corpus, *, limit=10):
    return lexical.find(text, Scope(corpora=(corpus.pk,)), limit=limit)


class TestFinding:
    def test_does_not_ask_for_every_word_of_a_question(self, put_many, corpus):
        put_many(["Boil water before drinking.", "The road is closed."])
        assert texts(find("how long should people boil their water at home?", corpus)) == [
            "Boil water before drinking."
        ]

    def test_ranks_a_rare_word_over_a_common_one(self, put_many, corpus):
        put_many(["the flood came", "the flood rose", "the flood fell", "chlorine leaked"])
        assert texts(find("flood chlorine", corpus))[0] == "chlorine leaked"

    def test_finds_nothing_without_words(self, put_many, corpus):
        put_many(["the flood came"])
        assert find("what is it?", corpus).passages == ()
        assert find("", corpus).passages == ()

    def test_stays_in_its_scope(self, put_many, corpus):
        put_many(["the flood came"])
        assert find("flood", CorpusFactory()).passages == ()

    def test_returns_as_many_as_there_are_however_common_the_words(self, put_many, corpus, monkeypatch):
        monkeypatch.setattr(lexical, "WORK", 40)  # room for ten candidates
        put_many(["water rises"] * 30 + ["water falls"] * 30)
        assert len(find("water rises", corpus, limit=50).passages) == 50
        assert set(texts(find("water rises", corpus, limit=5))) == {"water rises"}

    def test_leaves_out_what_shares_common_words_only_once_it_has_enough(self, put_many, corpus, monkeypatch):
        monkeypatch.setattr(lexical, "WORK", 200)  # room for forty candidates
        put_many(["water rises"] * 60 + ["chlorine in water"] * 25)
        assert set(texts(find("chlorine water", corpus, limit=50))) == {"chlorine in water"}

    def test_weighs_the_stems_of_the_query(self, put_many, corpus):
        put_many(["boiling water", "cold water"])
        weights = find("boiled waters", corpus).weights
        assert weights["boil"] > weights["water"] > 0

    @pytest.mark.parametrize(
        "typed",
        [
            "'",
            "\\",
            "a & b | !c:*",
            "flood' OR 1=1 --",
            "<b>flood</b>",
            "((",
            ":*",
            "%s %(x)s",
            "flood " * 400,
            "\u202eflood",
            "洪水",
        ],
    )
    def test_bears_anything_typed(self, put_many, corpus, typed):
        put_many(["the flood came"])
        assert len(find(typed, corpus).passages) <= 1


class TestScores:
    def test_are_bm25_by_the_book(self, put_many, corpus):
        """Okapi BM25 worked out here from plain word counts."""
        passages = ["flood flood flood water", "water water road", "road road road road bridge flood", "bridge"]
        put_many(passages)
        counts = [Counter(text.split()) for text in passages]
        average = sum(map(len, map(str.split, passages))) / len(passages)

        def bm25(count, query):
            total = 0.0
            for word in query:
                holding = sum(word in c for c in counts)
                idf = math.log(1 + (len(counts) - holding + 0.5) / (holding + 0.5))
                norm = 1.2 * (0.25 + 0.75 * count.total() / average)
                total += idf * count[word] * 2.2 / (count[word] + norm)
            return total

        expected = {text: bm25(count, ["flood", "road"]) for text, count in zip(passages, counts, strict=True)}
        for found in find("floods on roads", corpus).passages:
            assert found.score == pytest.approx(expected[Passage.objects.get(pk=found.passage_id).text], rel=1e-5)

    @pytest.mark.parametrize("times", [1, 2, 3, 7, 20, 100])
    def test_know_how_often_a_word_occurs(self, put_many, times):
        put_many(["water " * times + "and more"])
        with connection.cursor() as cursor:
            cursor.execute(f"SELECT {lexical.OCCURRENCES} FROM corpora_passage", ["'water'"])
            assert cursor.fetchall() == [(times,)]


class TestStatistics:
    def test_of_common_words_come_from_the_planner_and_agree_with_counting(self, put_many, corpus):
        put_many(["water rises"] * 300 + ["water falls"] * 200)
        scope = Scope(corpora=(corpus.pk,))
        counted = lexical._collection(scope).frequencies(["water", "rise"])
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE corpora_passage")
        estimated = lexical._collection(scope)
        assert estimated.scope is None
        assert estimated.frequencies(["water", "rise"]) == counted == {"water": 500, "rise": 300}

    def test_of_a_small_part_are_its_own(self, put_many, corpus):
        put_many(["covid spreads"] * 20)
        put_many(["flood rises"] * 400, corpus=(other := CorpusFactory()))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE corpora_passage")
        collection = lexical._collection(Scope(corpora=(corpus.pk,)))
        assert collection.passages == 20
        assert collection.frequencies(["covid", "flood", "rare"]) == {"covid": 20, "flood": 0, "rare": 0}
        assert lexical._collection(Scope(corpora=(corpus.pk, other.pk))).passages == 420


@pytest.mark.skipif(not DEV.is_dir(), reason="the development sets are not on this machine (DMSEARCH_DEV_DATA)")
class TestQuality:
    @pytest.mark.parametrize(("name", "floor"), [("covid_qa_passage", 0.66), ("healthver", 0.25)])
    def test_is_that_of_a_bm25_library(self, put_many, corpus, name, floor):
        bm25s = pytest.importorskip("bm25s")
        documents = read(name, "corpus.jsonl")
        passages = put_many([f"{d['title']} {d['text']}" for d in documents])
        ids = {passage.pk: d["_id"] for passage, d in zip(passages, documents, strict=True)}
        judged = judgments(name)
        queries = [q for q in read(name, "queries.jsonl") if q["_id"] in judged]
        library = Library(bm25s, documents)
        ours, theirs = [], []
        for query in queries:
            grades = judged[query["_id"]]
            ours.append(ndcg([ids[f.passage_id] for f in find(query["text"], corpus).passages], grades))
            theirs.append(ndcg(library.top(query["text"]), grades))
        mean = sum(ours) / len(ours)
        assert mean >= floor
        assert mean >= sum(theirs) / len(theirs) - 0.02


class Library:
    """bm25s with the parameters and the stemmer of our own."""

    def __init__(self, bm25s, documents):
        import snowballstemmer

        self.stem = snowballstemmer.stemmer("english").stemWords
        self.bm25s, self.ids = bm25s, [d["_id"] for d in documents]
        self.index = bm25s.BM25(k1=lexical.K1, b=lexical.B)
        self.index.index(self.tokens([f"{d['title']} {d['text']}" for d in documents]), show_progress=False)

    def tokens(self, texts):
        return self.bm25s.tokenize(texts, stopwords="en", stemmer=self.stem, show_progress=False)

    def top(self, text):
        rows, _ = self.index.retrieve(self.tokens([text]), k=10, show_progress=False)
        return [self.ids[row] for row in rows[0]]


def read(name, file):
    return [json.loads(line) for line in (DEV / name / file).read_text().splitlines()]


def judgments(name):
    judged = {}
    for line in (DEV / name / "qrels/test.tsv").read_text().splitlines()[1:]:
        query, passage, grade = line.split("\t")
        judged.setdefault(query, {})[passage] = int(grade)
    return judged


def ndcg(ranking, grades):
    def dcg(gains):
        return sum((2**gain - 1) / math.log2(rank + 1) for rank, gain in enumerate(gains[:10], start=1))

    return dcg([grades.get(passage, 0) for passage in ranking]) / dcg(sorted(grades.values(), reverse=True))
