import numpy as np
import pytest

from apps.retrievers.checkpoints import Checkpoint
from tests.workers.encoders.conftest import SENTENCES

pytestmark = [pytest.mark.torch, pytest.mark.gpu]


@pytest.fixture(autouse=True)
def gpu():
    torch = pytest.importorskip("torch")
    if not torch.cuda.is_available():
        pytest.skip("no CUDA device")


@pytest.fixture(params=["tiny_bert", "tiny_qwen3"])
def tiny(request):
    card, folder = request.getfixturevalue(request.param)
    return card, Checkpoint(path=folder, revision="r1")


def open_on(device, precision, card, checkpoint):
    from workers.encoders.torch_backend import open_torch

    return open_torch(card, checkpoint, device=device, precision=precision)


class TestOnAGpu:
    def test_gives_the_vectors_of_the_cpu(self, tiny):
        expected = open_on("cpu", "fp32", *tiny).encode(SENTENCES)
        np.testing.assert_allclose(open_on("cuda", "fp32", *tiny).encode(SENTENCES), expected, atol=1e-4)

    @pytest.mark.parametrize("precision", ["bf16", "fp16"])
    def test_half_the_bits_give_nearly_the_same(self, tiny, precision):
        expected = open_on("cpu", "fp32", *tiny).encode(SENTENCES)
        assert (open_on("cuda", precision, *tiny).encode(SENTENCES) * expected).sum(axis=1).min() > 0.995

    def test_exact_search_finds_what_the_cpu_finds(self):
        from workers.exact_search import top_k

        rows = np.random.default_rng(0).standard_normal((5_000, 32)).astype(np.float32)
        _, on_cpu = top_k(rows[:20], rows, 5)
        _, on_gpu = top_k(rows[:20], rows, 5, device="cuda")
        assert np.array_equal(on_cpu, on_gpu)
