import json
import math
from collections import Counter

import pytest
from django.db import connection

from apps.corpora.models import Passage
from apps.retrievers import words
from apps.search import frequencies, lexical, spelling
from apps.search.frequencies import collection_of
from apps.search.models import Word
from apps.search.scope import Scope
from tests.apps.search.test_intent import DEV
from tests.factories import CorpusFactory, DocumentFactory, PassageFactory

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

    def test_leaves_out_nothing_of_a_collection_that_can_be_scored_whole(self, put_many, corpus, monkeypatch):
        """Each word is in most of the passages, and their counts add up to far more than there are."""
        monkeypatch.setattr(lexical, "WORK", 400)  # room for fifty candidates
        put_many(["chlorine water rises fast here"] * 25 + ["water water rises"] * 10)
        assert "water water rises" in texts(find("chlorine water rises fast here", corpus, limit=50))

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


class TestExactness:
    @pytest.mark.parametrize(
        ("typed", "written"),
        [
            ("A47", "The A47 is closed"),
            ("UN1005", "Tank marked UN 1005 leaks"),
            ("UN 1005", "Tank marked UN1005 leaks"),
            ("M6.1", "An M6.1 earthquake"),
            ("covid 19", "COVID-19 spreads"),
            ("Sao Tome", "Storm over São Tomé"),
            ("MÉDECINS", "Medecins sans frontieres arrive"),
            ("WHO", "The WHO answers"),
            ("H5N1", "Bird flu (H5N1) found"),
        ],
    )
    def test_finds_names_and_codes_however_written(self, put_many, corpus, typed, written):
        put_many(["Nothing of the kind", written, "Roads A48 and UN 1203 and M5.9 near Medway"])
        assert texts(find(typed, corpus))[0] == written

    def test_does_not_search_by_words_that_say_nothing(self, put_many, corpus):
        put_many(["who is it", "what is it"])
        assert find("who is it?", corpus).passages == ()

    def test_keeps_some_of_each_kind(self, put_many, corpus):
        put_many(["water water water"] * 30)
        Passage.objects.filter(pk__in=[p.pk for p in put_many(["water and much else is said here"])]).update(
            kind="tweet"
        )
        found = find("water", corpus, limit=5)
        assert [f.kind for f in found.passages] == ["report"] * 5 + ["tweet"]

    def test_scores_what_another_arm_found_in_the_same_way(self, put_many, corpus):
        passages = put_many(["flood rises"] * 3 + ["the flood", "chlorine"])
        found = find("flood", corpus, limit=2)
        scores = lexical.score([p.pk for p in passages], found)
        assert {f.passage_id: f.score for f in found.passages}.items() <= scores.items()
        assert scores[passages[-1].pk] == 0


class TestSpelling:
    @pytest.fixture
    def learnt(self, put_many):
        put_many(["Evacuation of Lowquay", "evacuation centres", "Road A47 closed"])
        assert spelling.learn() == 3

    def test_finds_what_was_meant_and_says_so(self, learnt, corpus):
        found = find("evacuaton of Lowqay", corpus)
        assert texts(found)[0] == "Evacuation of Lowquay"
        assert found.corrections == {"evacuaton": "evacuation", "Lowqay": "lowquay"}

    def test_leaves_codes_and_known_words_alone(self, learnt, corpus):
        assert find("A48 evacuation", corpus).corrections == {}

    def test_never_tells_a_word_of_another_corpus(self, learnt):
        assert spelling.near(["evacuaton"], corpora=[CorpusFactory().pk]) == {}

    def test_forgets_what_only_deleted_documents_said(self, learnt, corpus):
        gone = PassageFactory(document__corpus=corpus, heading="Quillfeather", text="Evacuation of Thornbury")
        unread = PassageFactory(document__corpus=corpus, text="Evacuation of Lowquay")
        spelling.WordsRead.objects.update(up_to=gone.pk - 1)
        Passage.objects.filter(pk=unread.pk).delete()
        assert spelling.learn() == 1
        assert spelling.near(["quilfeather"], corpora=[corpus.pk]) == {"quilfeather": "quillfeather"}
        gone.document.delete()
        assert spelling.learn() == 0
        assert spelling.near(["quilfeather", "thornbry"], corpora=[corpus.pk]) == {}
        counts = dict(Word.objects.filter(corpus=corpus).values_list("word", "passages"))
        assert counts == {"evacuation": 2, "lowquay": 1, "centres": 1, "road": 1, "closed": 1}

    def test_reads_each_passage_once(self, learnt, put_many, corpus):
        put_many(["an evacuation"])
        assert (spelling.learn(), spelling.learn()) == (1, 0)
        assert Word.objects.get(corpus=corpus, word="evacuation").passages == 3


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
        texts = dict(Passage.objects.values_list("pk", "text"))
        scores = {texts[found.passage_id]: found.score for found in find("floods on roads", corpus).passages}
        assert scores == pytest.approx({text: score for text, score in expected.items() if score}, rel=1e-5)

    def test_do_not_depend_on_how_much_is_said_that_says_nothing(self, put_many, corpus):
        put_many(
            ["flood at the dam, and it was not the only one of them", "flood dam only one", "flood dam one", "road"]
        )
        chatty, terse, *_ = find("flood", corpus).passages
        assert chatty.score == terse.score

    @pytest.mark.parametrize(
        ("heading", "text", "count"),
        [
            ("", "the flood of floods", 2),
            ("Flooding in the north", "COVID-19 and A47", 5),
            ("", "this is not it", 0),
            ("", "water " * 200, 200),
        ],
    )
    def test_divide_by_the_words_of_heading_and_text_that_say_something(self, corpus, heading, text, count):
        passage = PassageFactory(document__corpus=corpus, heading=heading, text=text)
        passage.refresh_from_db()
        assert passage.word_count == count
        assert count == sum(w.lower() not in words.STOP_WORDS for w in words.words(f"{heading} {text}"))

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
        counted = collection_of(scope).frequencies(["water", "rise"])
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE corpora_passage")
        estimated = collection_of(scope)
        assert estimated.is_whole
        assert estimated.frequencies(["water", "rise"]) == counted == {"water": 500, "rise": 300}

    def test_of_a_small_part_are_its_own(self, put_many, corpus):
        put_many(["covid spreads"] * 20)
        put_many(["flood rises"] * 400, corpus=(other := CorpusFactory()))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE corpora_passage")
        collection = collection_of(Scope(corpora=(corpus.pk,)))
        assert collection.passages == 20
        assert collection.frequencies(["covid", "flood", "rare"]) == {"covid": 20, "flood": 0, "rare": 0}
        assert collection_of(Scope(corpora=(corpus.pk, other.pk))).passages == 420

    def test_of_a_part_know_a_word_that_is_rare_in_it_alone(self, put_many, corpus, monkeypatch):
        """Every tenth passage is looked at, and none of the three need be among them."""
        monkeypatch.setattr(frequencies, "SAMPLED_PASSAGES", 10)
        monkeypatch.setattr(frequencies, "COMMON", 10)
        put_many(["covid spreads"] * 97 + ["covid and floods"] * 3)
        put_many(["flood rises"] * 400, corpus=CorpusFactory())
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE corpora_passage")
        collection = collection_of(Scope(corpora=(corpus.pk,)))
        assert collection.frequencies(["flood", "rise", "covid"]) == {"flood": 3, "rise": 0, "covid": 100}

    def test_never_tell_of_a_word_that_only_others_have(self, put_many, corpus):
        put_many(["flood rises"] * 400)
        put_many(["flood project orchid"], corpus=CorpusFactory(private=True))
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE corpora_passage")
        collection = collection_of(Scope(corpora=(corpus.pk,)))
        assert collection.is_whole
        assert collection.frequencies(["orchid"]) == {"orchid": 0}

    def test_of_many_are_kept_for_a_while_but_for_words_that_nobody_has(
        self, put_many, corpus, monkeypatch, django_assert_num_queries
    ):
        monkeypatch.setattr(frequencies, "LARGE", 10)
        put_many(["water rises"] * 20)
        scope = Scope(corpora=(corpus.pk,))
        assert collection_of(scope).frequencies(["water", "flood"]) == {"water": 20, "flood": 0}
        put_many(["flood"])
        with django_assert_num_queries(2):  # whether it is common, how often it is there
            assert collection_of(scope).frequencies(["water", "flood"]) == {"water": 20, "flood": 1}
        with django_assert_num_queries(0):
            assert collection_of(scope).frequencies(["water", "flood"]) == {"water": 20, "flood": 1}


@pytest.mark.skipif(not DEV.is_dir(), reason="the development sets are not on this machine (DMSEARCH_DEV_DATA)")
class TestQuality:
    @pytest.mark.parametrize(("name", "floor"), [("healthver_nli", 0.25), ("healthver", 0.35)])
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
        assert mean >= sum(theirs) / len(theirs) - 0.01


class Library:
    """bm25s with the parameters and the stemmer of our own."""

    def __init__(self, bm25s, documents):
        import snowballstemmer

        self.stem = snowballstemmer.stemmer("english").stemWords
        self.bm25s, self.ids = bm25s, [d["_id"] for d in documents]
        self.index = bm25s.BM25(k1=words.K1, b=words.B)
        self.index.index(self.tokens([f"{d['title']} {d['text']}" for d in documents]), show_progress=False)

    def tokens(self, texts):
        return [self.stem([w for w in words.words(text.lower()) if w not in words.STOP_WORDS]) for text in texts]

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
