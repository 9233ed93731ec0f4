import numpy as np
import pytest

from apps.retrievers.checkpoints import Checkpoint
from tests.workers.encoders.conftest import SENTENCES
from workers.encoders import EncoderUnavailable, quantizing
from workers.encoders.backends import open_backend

pytestmark = [
    pytest.mark.torch,
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::UserWarning", "ignore::FutureWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
]


@pytest.fixture(autouse=True)
def cache(monkeypatch, tmp_path):
    monkeypatch.setenv("DMSEARCH_CACHE", str(tmp_path))


def test_an_int8_graph_is_made_once_and_stays_near_full_precision(tiny_bert, monkeypatch):
    pytest.importorskip("nncf", reason="requirements/int8.txt is not installed")
    monkeypatch.setattr(quantizing, "_TEXTS", 20)
    card, folder = tiny_bert
    checkpoint = Checkpoint(path=folder, revision="r1")
    encoder = open_backend(card, checkpoint, backend="openvino-int8")
    assert encoder.backend == "openvino-int8"
    found, expected = (open_backend(card, checkpoint, backend=name) for name in ("openvino-int8", "openvino-fp32"))
    agreement = (found.encode(SENTENCES) * expected.encode(SENTENCES)).sum(axis=1)
    assert 0.9 < agreement.min() < agreement.max() < 1 - 1e-6  # rounded, so not the same; but still the same model
    np.testing.assert_array_equal(found.encode(SENTENCES), encoder.encode(SENTENCES))


def test_without_nncf_it_says_what_to_install(tiny_bert, monkeypatch):
    monkeypatch.setattr(quantizing, "find_spec", lambda name: None)
    card, folder = tiny_bert
    with pytest.raises(EncoderUnavailable, match=r"pip install -r requirements/int8.txt"):
        open_backend(card, Checkpoint(path=folder, revision="r1"), backend="openvino-int8-unproven")


def test_samples_are_of_every_length():
    lengths = [len(text.split()) for text in quantizing.sample_texts()]
    assert len(lengths) == 300
    assert min(lengths) < 8
    assert max(lengths) > 150
