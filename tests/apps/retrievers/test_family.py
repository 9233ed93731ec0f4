from dataclasses import replace

import pytest

from apps.retrievers.baselines import BASELINES
from apps.retrievers.family import DMRETRIEVERS, FAMILY, HASHING, PACKAGED, UnknownRetriever, get_card
from apps.retrievers.intents import Intent, instruct, instruction
from apps.retrievers.published import published_results


class TestFamily:
    def test_has_a_card_for_every_row_of_the_published_table(self):
        assert {row.name for row in published_results()} <= set(FAMILY)

    @pytest.mark.parametrize("row", published_results(), ids=lambda row: row.name)
    def test_compares_each_model_in_the_band_of_the_table(self, row):
        assert get_card(row.name).size_class == row.size_class

    def test_has_the_six_sizes_with_their_pretrained_checkpoints(self):
        shapes = {card.name: (card.dim, card.layers, card.architecture) for card in DMRETRIEVERS}
        assert shapes == {
            "DMRetriever-33M": (384, 12, "encoder"),
            "DMRetriever-109M": (768, 12, "encoder"),
            "DMRetriever-335M": (1024, 24, "encoder"),
            "DMRetriever-596M": (1024, 28, "decoder"),
            "DMRetriever-4B": (2560, 36, "decoder"),
            "DMRetriever-7.6B": (4096, 36, "decoder"),
        }
        assert {f"{name}-PT" for name in shapes} <= set(FAMILY)

    @pytest.mark.parametrize("card", BASELINES, ids=lambda card: card.name)
    def test_pins_the_commit_of_every_baseline(self, card):
        assert len(card.revision) == 40
        assert int(card.revision, 16)

    def test_knows_the_size_that_was_announced_and_never_released(self):
        card = get_card("DMRetriever-1.5B")
        assert not card.released
        assert "no checkpoint was published" in card.note

    @pytest.mark.parametrize("name", ["dmretriever-33m", "DMIR01/DMRetriever-33M", "DMRetriever-33M"])
    def test_finds_a_card_by_name_or_hub_id_in_any_case(self, name):
        assert get_card(name).name == "DMRetriever-33M"

    @pytest.mark.parametrize(("typed", "meant"), [("DMRetriver-33", "DMRetriever-33M"), ("xyz", "DMRetriever-7.6B")])
    def test_an_unknown_name_is_answered_with_near_ones(self, typed, meant):
        with pytest.raises(UnknownRetriever, match=f"No retriever is called '{typed}'. Did you mean .*{meant}"):
            get_card(typed)

    def test_an_empty_name_is_not_the_model_without_a_hub_id(self):
        with pytest.raises(UnknownRetriever):
            get_card("")


class TestPrompts:
    @pytest.mark.parametrize("intent", Intent)
    @pytest.mark.parametrize("card", DMRETRIEVERS, ids=lambda card: card.name)
    def test_dmretriever_is_told_the_intent_and_passages_stay_raw(self, card, intent):
        assert card.query_text(" levees? ", intent) == instruct("levees?", intent)
        assert card.passage_text("The levee.") == "The levee."
        assert card.instruction_for(intent) == instruction(intent)

    @pytest.mark.parametrize("name", ["all-MiniLM-L6-v2", "DMRetriever-33M-PT", "thenlper-gte-base", "hashing"])
    def test_a_model_trained_without_prompts_is_given_none(self, name):
        card = get_card(name)
        assert card.query_text("levees?", Intent.QA) == "levees?"
        assert card.instruction_for(Intent.QA) == ""

    @pytest.mark.parametrize(
        ("name", "query", "passage"),
        [
            ("bge-base-en-v1.5", "Represent this sentence for searching relevant passages: q", "p"),
            ("arctic-embed-l-v2.0", "query: q", "p"),
            ("multilingual-e5-large", "query: q", "passage: p"),
            ("e5-mistral-7b-instruct", f"Instruct: {instruction(Intent.STS)}\nQuery: q", "p"),
            ("Qwen3-Embedding-4B", f"Instruct: {instruction(Intent.STS)}\nQuery:q", "p"),
        ],
    )
    def test_each_baseline_has_its_own_convention(self, name, query, passage):
        card = get_card(name)
        assert (card.query_text("q", Intent.STS), card.passage_text("p")) == (query, passage)

    def test_a_query_with_braces_stays_as_it_was_typed(self):
        card = get_card("DMRetriever-33M")
        assert card.query_text("{instruction} {x}", Intent.QA).endswith(": {instruction} {x}")


class TestSizeClass:
    @pytest.mark.parametrize(
        ("parameters", "band"), [(33, "small"), (136, "small"), (137, "medium"), (434, "large"), (4_000, "xl")]
    )
    def test_is_the_band_of_the_table(self, parameters, band):
        assert replace(PACKAGED, parameters=parameters).size_class == band

    def test_the_stand_in_is_no_published_model(self):
        assert not HASHING.hub_id
