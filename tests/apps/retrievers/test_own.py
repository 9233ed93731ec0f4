import json
from dataclasses import replace

import pytest

from apps.retrievers.checkpoints import find_checkpoint, identify
from apps.retrievers.declared import declaration, declared_card
from apps.retrievers.family import PACKAGED, UnknownRetriever, get_card
from apps.retrievers.intents import Intent
from apps.retrievers.naming import named_retriever
from apps.retrievers.own import own_cards
from apps.retrievers.prompts import DMRETRIEVER


@pytest.fixture
def ours(tmp_path, monkeypatch):
    """The folder of a model trained here, as its export writes it."""
    monkeypatch.setenv("DMSEARCH_HOME", str(tmp_path))
    card = replace(PACKAGED, name="ours", prompts=DMRETRIEVER)
    folder = tmp_path / "models" / "ours"
    folder.mkdir(parents=True)
    settings = {"retriever": "ours", "card": declaration(card)}
    (folder / "config_sentence_transformers.json").write_text(json.dumps(settings))
    (folder / "config.json").write_text(json.dumps({"hidden_size": 384, "num_hidden_layers": 6}))
    (folder / "model.safetensors").write_bytes(b"weights")
    return folder


class TestModelTrainedHere:
    def test_is_known_by_name_with_its_own_prompts(self, ours):
        card = get_card("OURS")
        assert card.query_text("q", Intent.STS).startswith("Given the sentence")
        assert card == identify(ours)
        assert find_checkpoint(card).path == ours

    def test_is_no_other_model_of_its_shape(self, ours):
        assert identify(ours).name != PACKAGED.name

    def test_is_not_known_where_its_folder_was_renamed_or_says_nothing(self, ours):
        ours.rename(ours.with_name("theirs"))
        with pytest.raises(UnknownRetriever):
            get_card("ours")
        (ours.with_name("theirs") / "config_sentence_transformers.json").write_text("[]")
        assert list(own_cards()) == []
        assert declared_card({"name": "half"}) is None


class TestModelNamedByItsFolder:
    def test_is_known_wherever_it_lies_and_whatever_the_folder_is_called(self, ours, tmp_path, monkeypatch):
        elsewhere = ours.rename(tmp_path / "epoch-3")
        monkeypatch.setenv("RETRIEVER", str(elsewhere))
        card, folder = named_retriever(str(elsewhere))
        assert (card.name, folder) == ("ours", elsewhere)
        assert get_card("ours") == card
        assert find_checkpoint(card).path == elsewhere

    def test_is_refused_where_there_is_none(self, tmp_path):
        with pytest.raises(UnknownRetriever, match=r"it has neither a config\.json nor"):
            named_retriever(str(tmp_path))
