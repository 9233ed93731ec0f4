"""The exercise corpus keeps its promises: marked as fictional, whole, and inside its own calendar."""

import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path

import pytest

from apps import corpora
from apps.corpora.extraction import markdown
from apps.corpora.extraction.records import ExtractedDocument, Source
from apps.corpora.extraction.tweets import documents
from apps.corpora.metadata.finding import describe
from apps.corpora.metadata.subject import Subject
from apps.retrievers.intents import Intent

EXERCISE = Path(corpora.__file__).parent / "exercise"
HASHTAG = "#CopperTernEx"
PREPARED = datetime(2026, 2, 1, tzinfo=UTC)
BEGINS = datetime(2026, 4, 9, tzinfo=UTC)
ENDS = datetime(2026, 4, 21, 18, tzinfo=UTC)
SECTIONS = ["Overview", "Situation by area", "Needs", "Response", "Access and logistics", "Outlook / Next report"]

REPORTS = sorted((EXERCISE / "situation-reports").glob("*.md"))
GUIDANCE = sorted((EXERCISE / "guidance").glob("*.md"))


def issued_at(path: Path) -> datetime:
    stamp = re.search(r"^Issued: (.+?)Z? *$", path.read_text("utf-8"), re.MULTILINE)
    assert stamp, f"{path.name} has no 'Issued:' line"
    return datetime.strptime(stamp[1], "%d %b %Y %H:%M").replace(tzinfo=UTC)


def shelter_count(text: str) -> tuple[int, list[int]] | None:
    """Return the total and the figure of each shelter, where a report gives both."""
    found = re.search(r"Shelters hold ([\d,]+)(?: people)?: ([^.]+)\.", text)
    if found is None:
        return None
    each = re.findall(r"[A-Z][a-z]+ (\d{1,3}(?:,\d{3})*)", found[2])
    return int(found[1].replace(",", "")), [int(figure.replace(",", "")) for figure in each]


def words(path: Path) -> int:
    return len(path.read_text("utf-8").split())


def rows(name: str) -> list[dict]:
    return [json.loads(line) for line in (EXERCISE / name).read_text("utf-8").splitlines()]


@pytest.fixture(scope="module")
def tweets() -> list[dict]:
    return rows("tweets.jsonl")


@pytest.fixture(scope="module")
def queries() -> list[dict]:
    return json.loads((EXERCISE / "queries.json").read_text("utf-8"))


class TestDocuments:
    def test_are_as_many_as_the_exercise_needs(self):
        assert len(REPORTS) >= 42
        assert len(GUIDANCE) >= 42

    @pytest.mark.parametrize("path", [*REPORTS, *GUIDANCE, EXERCISE / "README.md"], ids=lambda path: path.stem)
    def test_say_near_the_top_that_they_are_fictional(self, path):
        text = path.read_text("utf-8")
        shown = text.split("\n---\n", 1)[1] if text.startswith("---\n") else text
        assert "EXERCISE – FICTIONAL." in "".join(shown.splitlines()[:3])

    @pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
    def test_reports_name_event_hazard_and_a_place_for_the_map(self, path):
        (document,) = markdown.read(Source(path=path, name=path.name))
        found = describe(Subject(title=document.title, text=document.text, kind="report", metadata=document.metadata))
        assert found.event == "Exercise Copper Tern 2026"
        assert found.hazards
        assert found.places[-1] == "Veldrane Province"
        assert (round(found.latitude), round(found.longitude)) == (46, -20)  # far out at sea

    @pytest.mark.parametrize("path", GUIDANCE, ids=lambda path: path.stem)
    def test_guidance_is_not_for_operational_use(self, path):
        assert "not for operational use" in path.read_text("utf-8")
        assert 250 <= words(path) <= 500
        assert PREPARED <= issued_at(path) <= BEGINS

    @pytest.mark.parametrize("path", REPORTS, ids=lambda path: path.stem)
    def test_reports_have_the_same_sections_in_the_same_order(self, path):
        assert re.findall(r"^## (.+)$", path.read_text("utf-8"), re.MULTILINE) == SECTIONS
        assert 220 <= words(path) <= 450

    def test_reports_are_numbered_in_the_order_they_were_issued(self):
        assert [int(path.name[:3]) for path in REPORTS] == list(range(1, len(REPORTS) + 1))
        times = [issued_at(path) for path in REPORTS]
        assert times == sorted(times)
        assert times[0] >= BEGINS
        assert times[-1] <= ENDS

    def test_shelter_figures_add_up(self):
        counts = [found for path in REPORTS if (found := shelter_count(path.read_text("utf-8")))]
        assert len(counts) >= 8
        assert [shelters for total, shelters in counts if total != sum(shelters)] == []

    def test_no_two_are_the_same(self):
        bodies = [path.read_text("utf-8") for path in (*REPORTS, *GUIDANCE)]
        assert len(set(bodies)) == len(bodies)


class TestTweets:
    def test_are_many_and_each_carries_the_exercise_hashtag(self, tweets):
        assert len(tweets) >= 220
        assert [tweet["id"] for tweet in tweets if HASHTAG not in tweet["text"]] == []

    def test_are_no_longer_than_a_tweet_may_be(self, tweets):
        assert max(len(tweet["text"]) for tweet in tweets) <= 280

    def test_have_ids_of_their_own_and_one_author_an_account(self, tweets):
        assert max(Counter(tweet["id"] for tweet in tweets).values()) == 1
        accounts = {(tweet["author_id"], tweet["author"]["username"]) for tweet in tweets}
        assert len(accounts) == len({author_id for author_id, _ in accounts})

    def test_are_written_during_the_exercise(self, tweets):
        times = [datetime.fromisoformat(tweet["created_at"]) for tweet in tweets]
        assert times == sorted(times)
        assert times[0] >= BEGINS
        assert times[-1] <= ENDS

    def test_are_read_with_their_author_and_hashtags(self, tweets):
        for document in documents(enumerate(tweets, 1)):
            assert isinstance(document, ExtractedDocument)
            assert document.author.startswith("@")
            assert HASHTAG.removeprefix("#") in document.metadata["hashtags"]

    def test_refer_only_to_earlier_tweets(self, tweets):
        written = {tweet["id"]: tweet["created_at"] for tweet in tweets}
        for tweet in tweets:
            for reference in tweet.get("referenced_tweets", []):
                assert written[reference["id"]] < tweet["created_at"]

    def test_hold_enough_retweets_to_exercise_the_folding_of_copies(self, tweets):
        kinds = Counter(ref["type"] for tweet in tweets for ref in tweet.get("referenced_tweets", []))
        assert kinds["retweeted"] >= 25
        assert kinds["replied_to"] >= 25


class TestSentences:
    @pytest.mark.parametrize(("name", "at_least"), [("claims.jsonl", 30), ("statements.jsonl", 40)])
    def test_are_short_dated_and_told_apart_by_id(self, name, at_least):
        sentences = rows(name)
        assert len({sentence["id"] for sentence in sentences}) == len(sentences) >= at_least
        for sentence in sentences:
            assert set(sentence) == {"id", "text", "date", "crisis", "place", "latitude", "longitude"}
            assert len(sentence["text"].split()) <= 35
            assert "2026-04-09" <= sentence["date"][:10] <= "2026-04-21"


class TestQueries:
    def test_are_six_or_more_for_each_intent(self, queries):
        counts = Counter(query["intent"] for query in queries)
        assert set(counts) == set(Intent)
        assert min(counts.values()) >= 6

    def test_show_two_or_three_of_each_intent_on_the_search_page(self, queries):
        shown = Counter(query["intent"] for query in queries if query["shown"])
        assert set(shown) == set(Intent)
        assert set(shown.values()) <= {2, 3}

    def test_expect_only_what_is_in_the_corpus(self, queries):
        known = {path.name for path in (*REPORTS, *GUIDANCE)}
        known |= {row["id"] for name in ("tweets.jsonl", "claims.jsonl", "statements.jsonl") for row in rows(name)}
        for query in queries:
            assert query["expects"], query["text"]
            assert set(query["expects"]) <= known
