"""What a query asks for, read from its form and the kinds searched."""

import json
import os
from collections import defaultdict
from pathlib import Path

import pytest

from apps.retrievers.intents import Intent
from apps.search.intent import LABELS, detect

DEV = Path(os.environ.get("DMSEARCH_DEV_DATA", Path(__file__).parents[4] / "shared/data")) / "dev"


class TestQuestions:
    @pytest.mark.parametrize(
        "text",
        [
            "How long must water be boiled after a flood?",
            "how many people are in the shelter",
            "can covid live on food",
            "Is the Halvern dam safe?",
            "explain how triage works",
        ],
    )
    def test_are_read_as_questions(self, text):
        assert detect(text).intent == Intent.QA

    def test_say_what_gave_them_away(self):
        assert detect("How deep is it?").reasons == ("ends with '?'",)
        assert detect("how deep is it").reasons == ("asks 'how'",)

    def test_offer_whole_documents_as_the_other_reading(self):
        assert Intent.QADOC in detect("When was the shelter opened?").alternatives

    @pytest.mark.parametrize("text", ["How do we open a shelter?", "what to do when a power line is down"])
    def test_of_how_a_thing_is_done_ask_for_documents(self, text):
        assert detect(text).intent == Intent.QADOC
        assert Intent.QA in detect(text).alternatives

    def test_among_claims_only_look_for_what_says_the_same(self):
        assert detect("can covid live on food", ["claim"]).intent == Intent.STS


class TestTopics:
    @pytest.mark.parametrize("text", ["Cholera outbreak in Mali, 2003", "boil water notice", "rapid tests for cholera"])
    def test_ask_for_documents(self, text):
        assert detect(text).intent == Intent.QADOC

    @pytest.mark.parametrize("text", ["situation reports on Orselmouth", "guidance for opening a shelter"])
    def test_that_name_documents_are_sure(self, text):
        assert detect(text).intent == Intent.QADOC
        assert detect(text).sure

    def test_of_one_word_are_not_sure(self):
        assert not detect("ammonia").sure


class TestTweets:
    @pytest.mark.parametrize(
        "text", ["tweets about blocked roads", "what are people saying about the dam", "posts asking for water"]
    )
    def test_are_asked_for_in_so_many_words(self, text):
        assert detect(text).intent == Intent.TWITTER

    @pytest.mark.parametrize(
        "text", ["blocked roads", "where is water needed?", "The bridge is out.", "reports of looting"]
    )
    def test_are_meant_when_only_they_are_searched(self, text):
        detection = detect(text, ["tweet"])
        assert detection.intent == Intent.TWITTER
        assert "only tweets are searched" in detection.reasons

    def test_pasted_as_a_query_are_to_be_checked(self):
        assert detect("Dam has burst!! pic.twitter.com/x1 — Al (@al) May 1").intent == Intent.FACTCHECK


class TestStatements:
    def test_can_be_claim_premise_or_sentence_and_say_so(self):
        detection = detect("The dam at Halvern has failed.")
        assert not detection.sure
        assert {detection.intent, *detection.alternatives} == {Intent.FACTCHECK, Intent.NLI, Intent.STS}

    def test_that_are_short_are_read_as_claims(self):
        assert detect("Fujifilm tests favipiravir as covid-19 treatment").intent == Intent.FACTCHECK

    def test_of_several_sentences_are_read_as_premises(self):
        text = "The river rose two metres overnight. Engineers closed the bridge at six."
        assert detect(text).intent == Intent.NLI

    def test_among_claims_only_look_for_what_follows_or_repeats(self):
        assert detect("Masks prevent the spread", ["claim"]).intent == Intent.STS
        assert detect("The shelter at the school is full and turns people away", ["claim"]).intent == Intent.NLI

    def test_where_neither_evidence_nor_claims_are_searched_look_for_what_says_the_same(self):
        detection = detect("The dam at Halvern has failed.", ["other"])
        assert detection.intent == Intent.STS
        assert not detection.sure


class TestNamedWishes:
    @pytest.mark.parametrize(
        ("text", "intent"),
        [
            ("is it true that the dam has failed", Intent.FACTCHECK),
            ("claim: tap water is safe", Intent.FACTCHECK),
            ("what follows from the closure of the valley road", Intent.NLI),
            ("sentences that mean the same as the bridge is closed", Intent.STS),
        ],
    )
    def test_win_over_the_form(self, text, intent):
        assert detect(text).intent == intent


class TestAnyText:
    @pytest.mark.parametrize("text", ["", " ", "?", "...", "\x00", "((((", "𝔘𝔫𝔦", "a" * 5000, "' OR 1=1 --"])
    def test_is_read_somehow_with_a_reason(self, text):
        detection = detect(text)
        assert detection.intent in LABELS
        assert all(detection.reasons)

    @pytest.mark.parametrize("text", ["Where is water?", "The dam failed.", "dam", "tweets about it"])
    def test_never_offers_the_reading_it_chose(self, text):
        detection = detect(text)
        assert detection.intent not in detection.alternatives

    def test_takes_no_time_on_a_hostile_one(self):
        import time

        started = time.perf_counter()
        detect("claim " * 20_000)
        assert time.perf_counter() - started < 1


# A set's queries share one intent; the kinds are those its documents would be uploaded as.
KINDS = {
    "crisislex_t26": ["tweet"],
    "disaster_response_messages_dev": ["tweet"],
    "covid_qa_passage": ["guidance"],
    "ifrc_dref_learning": ["report"],
    "covid_qa_doc": ["report"],
    "who_outbreak_news": ["report"],
    "checkthat2020_task2": ["claim"],
    "healthver": ["report"],
    "covid_fact": ["report"],
    "healthver_nli": ["claim"],
    "covid_q_clusters": ["other"],
    "stsb_hazard": ["other"],
}


@pytest.mark.skipif(not DEV.is_dir(), reason="the development sets are not on this machine (DMSEARCH_DEV_DATA)")
class TestDevelopmentQueries:
    """Floors a little under what was measured. Two sets cannot be read right by form: covid_qa_doc
    asks the very questions of covid_qa_passage, covid_q_clusters wants questions that repeat one."""

    def rates(self, *, kinds_given: bool) -> tuple[float, float]:
        """Return the accuracy over intents, and the share where the right reading was at least offered."""
        right, offered = defaultdict(list), defaultdict(list)
        for name, kinds in KINDS.items():
            for line in (DEV / name / "queries.jsonl").read_text().splitlines():
                query = json.loads(line)
                detection = detect(query["text"], kinds if kinds_given else [])
                wanted = Intent(query["metadata"]["intent"])
                right[wanted].append(detection.intent == wanted)
                offered[wanted].append(wanted in (detection.intent, *detection.alternatives))
        return tuple(sum(sum(v) / len(v) for v in by.values()) / len(by) for by in (right, offered))

    def test_are_read_right_more_often_with_kinds_given(self):
        right, offered = self.rates(kinds_given=True)
        assert right >= 0.75
        assert offered >= 0.80

    def test_are_mostly_read_right_without(self):
        right, offered = self.rates(kinds_given=False)
        assert right >= 0.55
        assert offered >= 0.70
