import pytest

pytestmark = pytest.mark.torch


class TestChooseDevice:
    def test_without_a_gpu_auto_is_the_cpu(self, monkeypatch):
        import torch

        from workers.encoders.devices import choose_device

        monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
        assert choose_device("auto") == torch.device("cpu")

    def test_what_is_asked_for_is_taken(self):
        import torch

        from workers.encoders.devices import choose_device

        assert choose_device("cuda:1") == torch.device("cuda", 1)


class TestBestPrecision:
    @pytest.mark.parametrize(("has_bf16", "precision"), [(True, "bf16"), (False, "fp32")])
    def test_is_bf16_only_where_the_cpu_multiplies_in_it(self, monkeypatch, has_bf16, precision):
        import torch

        from workers.encoders.devices import best_precision

        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has_bf16)
        assert best_precision(torch.device("cpu")) == precision
