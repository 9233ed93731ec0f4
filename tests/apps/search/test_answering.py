import numpy as np
import pytest

from apps.corpora.models import Passage
from apps.retrievers.intents import Intent
from apps.search import answering
from apps.search.encoding import EncoderUnavailable
from tests.factories import CorpusFactory

LONG = "The committee met on Tuesday at noon. Boil the tap water for one whole minute. Thanks go to all who came."


@pytest.fixture
def by_meaning(monkeypatch):
    """Let the sentence with "tap water" be nearest to every query."""
    monkeypatch.setattr(answering, "encode_query", lambda *_args, **_options: np.array([1.0, 0.0]))

    def encode(texts, **_options):
        return np.array([[1.0, 0.0] if "tap water" in text else [0.0, 1.0] for text in texts])

    monkeypatch.setattr(answering, "encode_sentences", encode)


class TestExcerpts:
    def test_mark_the_nearest_sentence_though_another_shares_the_words(self, by_meaning):
        found = answering.excerpts("who came to the committee?", Intent.QA, {7: LONG}, index=None)
        assert found[7].best == "Boil the tap water for one whole minute."

    def test_leave_a_single_sentence_alone(self, by_meaning):
        assert answering.excerpts("water", Intent.QA, {7: "Boil the tap water for one minute."}, index=None) == {}

    def test_look_at_some_sentences_of_a_long_passage(self, by_meaning):
        text = " ".join(f"This is sentence number {n}." for n in range(30)) + " All the tap water is bad."
        assert answering.excerpts("tap water", Intent.QA, {7: text}, index=None)[7].best == "All the tap water is bad."


@pytest.mark.django_db
class TestMarks:
    url = "/search/marks"

    def test_come_for_hits_that_the_person_may_read(self, signed_in, library, put, run_jobs):
        (secret,) = put(CorpusFactory(private=True), LONG)
        shown = Passage.objects.get(text__startswith="The levee at Crake")
        asked = {"q": "who was moved to the school?", "intent": "QA", "passage": [shown.pk, secret.pk]}
        response = signed_in.get(self.url, asked)
        assert f'id="excerpt-{shown.pk}" hx-swap-oob="true"' in response.text
        assert "<mark>Forty families were moved to the school.</mark>" in response.text
        assert "tap water" not in response.text

    def test_stay_as_they_are_when_no_encoder_answers(self, signed_in, library, monkeypatch):
        def fail(*_args, **_options):
            raise EncoderUnavailable("late")

        monkeypatch.setattr(answering, "encode_query", fail)
        shown = Passage.objects.get(text__startswith="The levee at Crake")
        asked = {"q": "levee", "intent": "QA", "passage": [shown.pk]}
        assert signed_in.get(self.url, asked).status_code == 204

    @pytest.mark.parametrize("asked", [{}, {"q": "levee", "intent": "no", "passage": "1"}, {"q": "a", "passage": "x"}])
    def test_of_what_cannot_be_read_there_are_none(self, signed_in, library, asked):
        assert signed_in.get(self.url, asked).status_code == 204
