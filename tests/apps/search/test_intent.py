"""What a query asks for, read from its form and the kinds searched."""

import os
from pathlib import Path

import pytest

from apps.experiments.intents import SET_KINDS, labelled_queries, measure, shapes
from apps.retrievers.intents import Intent
from apps.search.form import Form
from apps.search.intent import LABELS, detect
from apps.search.premises import likeness
from apps.search.shape import Shape

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

    @pytest.mark.parametrize(
        "text", ["families stranded in Orselmouth", "Halvern flood: sympathy, prayers and thanks, no news of damage"]
    )
    def test_are_where_people_ask_for_help_and_feel_for_others(self, text):
        assert detect(text).intent == Intent.TWITTER

    def test_pasted_as_a_query_are_to_be_checked(self):
        assert detect("Dam has burst!! pic.twitter.com/x1 — Al (@al) May 1").intent == Intent.FACTCHECK


class TestStatements:
    def test_can_be_claim_premise_or_sentence_and_say_so(self):
        detection = detect("The dam at Halvern has failed.")
        assert not detection.sure
        assert {detection.intent, *detection.alternatives} == {Intent.FACTCHECK, Intent.NLI, Intent.STS}

    @pytest.mark.parametrize(
        "text", ["Fujifilm tests favipiravir as covid-19 treatment", "FDA authorizes 15-minute test"]
    )
    def test_that_are_short_are_read_as_claims(self, text):
        assert detect(text).intent == Intent.FACTCHECK

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


class TestPremises:
    def test_are_told_from_claims_by_how_they_are_written(self):
        premise = "In this cohort of patients (n=102), the results suggest a lower rate of transmission."
        assert detect(premise).intent == Intent.NLI
        assert detect("Masks are of no use").intent == Intent.FACTCHECK

    def test_say_by_which_signs(self):
        reasons = detect(
            "In this cohort of patients (n=102), the results suggest a lower rate of transmission."
        ).reasons
        assert reasons[1].startswith("reads like a premise: ")
        assert "'" in reasons[1] or "has " in reasons[1]

    def test_are_weighed_between_0_and_1(self):
        for text in ("", "x " * 500, "Masks prevent the spread"):
            assert 0 <= likeness(Form.of(text)).premise <= 1


QUESTIONS = Shape.of(["how long does it last", "Is it safe?", "what is covid"], passages=3)
STATEMENTS = Shape.of(["The dam has failed and the valley below it is being evacuated."] * 3, passages=3)
REPORTS = Shape.of(["word " * 180] * 3, passages=90)


class TestShapes:
    def test_of_questions_ask_which_says_the_same(self):
        detection = detect("can covid live on food", shapes=[QUESTIONS])
        assert detection.intent == Intent.STS
        assert "only questions are searched: which asks the same?" in detection.reasons

    def test_of_long_documents_change_nothing(self):
        for text in ("can covid live on food", "boil water notice", "The dam has failed."):
            assert detect(text, shapes=[REPORTS]) == detect(text)

    def test_of_some_corpora_only_are_no_evidence(self):
        assert detect("can covid live on food", shapes=[QUESTIONS, REPORTS]).intent == Intent.QA

    @pytest.mark.parametrize(
        ("text", "intent"),
        [
            ("The dam failed", Intent.FACTCHECK),
            ("The dam broke and people below must leave their homes.", Intent.STS),
            ("The dam at Halvern broke at noon, and the mayor said that all people in the valley leave.", Intent.NLI),
        ],
    )
    def test_of_statements_are_compared_in_length(self, text, intent):
        detection = detect(text, shapes=[STATEMENTS])
        assert detection.intent == intent
        assert not detection.sure

    def test_of_statements_have_no_whole_documents(self):
        assert detect("boil water", shapes=[STATEMENTS]).intent == Intent.QA

    def test_of_nothing_is_none(self):
        assert not Shape.of([], passages=0).is_short


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


@pytest.mark.skipif(not DEV.is_dir(), reason="the development sets are not on this machine (DMSEARCH_DEV_DATA)")
class TestDevelopmentQueries:
    """Floors a little under what was measured (docs/evaluation.md). covid_qa_doc cannot be read right: it asks the
    very questions of covid_qa_passage."""

    def accuracy(self, **known):
        return measure(labelled_queries(DEV), **known).accuracy

    def test_are_read_right_where_the_kinds_are_known(self):
        assert self.accuracy(kinds=SET_KINDS, shapes=shapes(DEV)) >= 0.90

    def test_are_read_right_by_the_shape_of_what_is_searched(self):
        assert self.accuracy(shapes=shapes(DEV)) >= 0.80

    def test_are_mostly_read_right_by_form_alone(self):
        assert self.accuracy() >= 0.65
