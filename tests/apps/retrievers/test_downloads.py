import json

import huggingface_hub
import pytest

from apps.retrievers.downloads import download
from apps.retrievers.family import get_card


@pytest.fixture
def hub(monkeypatch, tmp_path):
    """A hub whose repositories are folders on this machine; remembers what was asked of it."""
    asked = []

    def snapshot_download(repository, *, revision, **patterns):
        asked.append((repository, revision))
        folder = tmp_path / repository
        folder.mkdir(parents=True, exist_ok=True)
        return str(folder)

    monkeypatch.setattr(huggingface_hub, "snapshot_download", snapshot_download)
    return asked


class TestDownload:
    def test_asks_for_the_commit_that_the_card_pins(self, hub, tmp_path):
        card = get_card("bge-small-en-v1.5")
        assert download(card) == tmp_path / card.hub_id
        assert hub == [(card.hub_id, card.revision)]

    def test_fetches_the_base_of_an_adapter_too(self, hub, tmp_path):
        card = get_card("DMRetriever-4B")
        folder = tmp_path / card.hub_id
        folder.mkdir(parents=True)
        (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": "Qwen/Qwen3-4B"}))
        assert download(card) == folder
        assert hub == [(card.hub_id, "main"), ("Qwen/Qwen3-4B", "main")]
