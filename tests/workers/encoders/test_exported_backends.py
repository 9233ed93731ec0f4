import subprocess
import sys

import numpy as np
import pytest

from apps.retrievers.calibrations import cache_folder
from apps.retrievers.checkpoints import Checkpoint
from tests.workers.encoders.conftest import SENTENCES
from workers.encoders import exported
from workers.encoders.base import EncoderUnavailable

pytestmark = [
    pytest.mark.torch,
    # What the tracer has to say about transformers' own code.
    pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning", "ignore::UserWarning", "ignore::FutureWarning"),
    # The exporter with a future would be another package; this one's graphs are what onnxruntime can fuse.
    pytest.mark.filterwarnings("ignore:You are using the legacy TorchScript:DeprecationWarning"),
]

TEXTS = [*SENTENCES, *(" ".join(["water"] * count) for count in (1, 7, 20, 90))]


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DMSEARCH_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(params=["tiny_bert", "tiny_qwen3"])
def tiny(request):
    card, folder = request.getfixturevalue(request.param)
    return card, Checkpoint(path=folder, revision="r1")


# Imported where they are used, so that collecting tests loads no engine.
def open_openvino(card, checkpoint, *, precision="fp32"):
    from workers.encoders import openvino_backend

    return openvino_backend.open_openvino(card, checkpoint, precision=precision)


def open_onnx(card, checkpoint):
    from workers.encoders import onnx_backend

    return onnx_backend.open_onnx(card, checkpoint)


def vectors_of_torch(card, checkpoint):
    from workers.encoders.torch_backend import open_torch

    return open_torch(card, checkpoint, device="cpu", precision="fp32").encode(TEXTS)


@pytest.fixture(params=[open_openvino, open_onnx], ids=["openvino", "onnx"])
def engine(request):
    return request.param


class TestExportedVectors:
    def test_equal_those_of_torch_in_every_length_and_batch(self, tiny, engine):
        encoder = engine(*tiny)
        expected = vectors_of_torch(*tiny)
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)
        encoder.token_budget = 30
        np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)

    def test_in_bf16_stay_close_to_fp32(self, tiny):
        expected = vectors_of_torch(*tiny)
        found = open_openvino(*tiny, precision="bf16").encode(TEXTS)
        assert (found * expected).sum(axis=1).min() > 0.995


class TestGraphFolder:
    def test_is_written_once_and_then_read_without_torch(self, tiny_bert, engine, monkeypatch):
        card, folder = tiny_bert
        engine(card, Checkpoint(path=folder, revision="r1"))
        monkeypatch.setattr(exported, "_write_whole", None)
        assert engine(card, Checkpoint(path=folder, revision="r1")).encode(["flood"]).shape == (1, 32)

    def test_other_weights_get_a_graph_of_their_own(self, tiny_bert):
        card, folder = tiny_bert
        folders = {
            exported.graph_folder(card, Checkpoint(path=folder, revision=revision), engine="e", write=lambda into: None)
            for revision in ("r1", "r2")
        }
        assert len(folders) == 2

    def test_a_write_that_fails_leaves_nothing_behind(self, tiny_bert):
        card, folder = tiny_bert
        checkpoint = Checkpoint(path=folder, revision="broken")

        def fail(into):
            (into / "half").write_text("half")
            raise OSError("disk full")

        with pytest.raises(OSError, match="disk full"):
            exported.graph_folder(card, checkpoint, engine="e", write=fail)
        assert [path.name for path in (cache_folder() / card.name / "broken").iterdir()] == ["e.lock"]

    def test_a_model_that_an_exporter_cannot_express_is_refused(self, tiny_bert):
        card, folder = tiny_bert

        def fail(into):
            raise RuntimeError("unsupported operator")

        with pytest.raises(EncoderUnavailable, match="tiny-bert cannot be written for e: unsupported operator"):
            exported.graph_folder(card, Checkpoint(path=folder, revision="r9"), engine="e", write=fail)

    def test_engines_start_without_torch(self):
        program = "import sys, workers.encoders.openvino_backend, workers.encoders.onnx_backend; print('torch' in sys.modules)"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "False"

    def test_no_engine_reports_to_its_maker(self):
        program = (
            "import workers.encoders.openvino_backend, openvino.tools.ovc as made, sys;"
            " print(type(made.telemetry).__module__, any('ga4' in name for name in sys.modules))"
        )
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.strip() == "openvino.tools.ovc.telemetry_stub False"
