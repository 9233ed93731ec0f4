import pytest

from apps.search.outcome import Asked
from apps.search.services import search
from apps.search.wording import Wording, read


class TestReading:
    @pytest.mark.parametrize(
        ("typed", "wording"),
        [
            ("levee failed", Wording("levee failed")),
            ('"Crake Hollow" levee', Wording("Crake Hollow levee", must=("Crake Hollow",))),
            ("“Crake Hollow” levee", Wording("Crake Hollow levee", must=("Crake Hollow",))),
            ("levee -tweet", Wording("levee", must_not=("tweet",))),
            ('levee -"Crake Hollow"', Wording("levee", must_not=("Crake Hollow",))),
            ("flood - warning", Wording("flood - warning")),
            ("-19 degrees, COVID-19, e-mail", Wording("-19 degrees, COVID-19, e-mail")),
            ('a " alone', Wording('a " alone')),
            ('levee "..."', Wording("levee ...")),
        ],
    )
    def test_knows_quotes_and_minus_signs(self, typed, wording):
        assert read(typed) == wording

    @pytest.mark.parametrize(
        "pasted",
        [
            'The mayor said the levee "held through the night".',
            " ".join(["word"] * 20) + ' he said "we are closed" -ed',
            'Nobody left the "safe" side of Halvern dam pic.twitter.com/x1 — Al (@al) May 1',
        ],
    )
    def test_takes_them_for_punctuation_in_pasted_text(self, pasted):
        assert read(pasted) == Wording(pasted)


@pytest.mark.django_db
class TestOfASearch:
    @pytest.fixture
    def ask(self, library, manager):
        def ask(query):
            return {hit.text for hit in search(Asked(query=query), user=manager).hits}

        return ask

    def test_quoted_words_occur_on_end_whichever_arm_found_it(self, ask):
        assert ask('"at my door" power') == {"Water at my door in Lowquay, need a boat"}
        assert ask('"door my at" power') == set()

    def test_words_with_a_minus_do_not(self, ask):
        assert any("levee" in text for text in ask("levee water"))
        assert not any("levee" in text for text in ask("water -levees"))

    def test_the_query_is_put_right_where_it_is_misspelt(self, library, manager):
        from apps.search import spelling

        spelling.learn()
        outcome = search(Asked(query="Which levvee failed?"), user=manager)
        assert outcome.did_you_mean == "Which levee failed?"
        assert outcome.hits[0].title == "Sitrep 7"
        assert search(Asked(query="Which levee failed?"), user=manager).did_you_mean == ""
