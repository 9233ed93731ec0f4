import json
import shutil
from dataclasses import replace
from threading import Thread

import numpy as np
import pytest

from apps.retrievers.checkpoints import Checkpoint, CheckpointMissing
from apps.retrievers.family import PACKAGED, get_card
from apps.retrievers.packaged import find_model
from tests.workers.encoders.conftest import SENTENCES
from workers.encoders.base import EncoderUnavailable

pytestmark = pytest.mark.torch
# peft 0.21 asks transformers 5.23 for a property by its old name.
ignore_peft = pytest.mark.filterwarnings("ignore:.is_gradient_checkpointing. is deprecated:FutureWarning")


@pytest.fixture(params=["tiny_bert", "tiny_qwen3"])
def tiny(request):
    return request.getfixturevalue(request.param)


def open_in(precision, card, folder):
    from workers.encoders.torch_backend import open_torch

    return open_torch(card, Checkpoint(path=folder, revision="r1"), device="cpu", precision=precision)


def copied(folder, tmp_path):
    return shutil.copytree(folder, tmp_path / "copy")


def vector_by_hand(card, folder, text, *, layers_of):
    """One text alone, no padding: every attention weight, sum and root written out."""
    import torch
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(card.max_tokens)
    ids = tokenizer.encode(text).ids or [0]
    with torch.no_grad():
        states = layers_of(folder, torch.tensor(ids))  # (T, D)
    mean = states.double().sum(dim=0) / len(ids)
    return (mean / mean.pow(2).sum().sqrt()).numpy()


def softmax_attention(queries, keys, values):
    """Attention without a mask: every token sees every token. All (heads, T, head_dim)."""
    scores = queries @ keys.transpose(-1, -2) / keys.shape[-1] ** 0.5
    return scores.exp() / scores.exp().sum(dim=-1, keepdim=True) @ values


def bert_by_hand(folder, ids):
    import torch
    from safetensors.torch import load_file

    weights = load_file(folder / "model.safetensors")

    def linear(states, name):
        return states @ weights[f"{name}.weight"].T + weights[f"{name}.bias"]

    def norm(states, name):
        centred = states - states.mean(dim=-1, keepdim=True)
        scaled = centred / (centred.pow(2).mean(dim=-1, keepdim=True) + 1e-12).sqrt()
        return scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]

    words = weights["embeddings.word_embeddings.weight"][ids]
    places = weights["embeddings.position_embeddings.weight"][: len(ids)]
    states = norm(words + places + weights["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
    for layer in ("encoder.layer.0", "encoder.layer.1"):
        heads = [
            linear(states, f"{layer}.attention.self.{part}").view(len(ids), 4, 8).transpose(0, 1)
            for part in ("query", "key", "value")
        ]
        seen = softmax_attention(*heads).transpose(0, 1).reshape(len(ids), 32)
        states = norm(states + linear(seen, f"{layer}.attention.output.dense"), f"{layer}.attention.output.LayerNorm")
        wide = linear(states, f"{layer}.intermediate.dense")
        gelu = wide * (1 + torch.erf(wide / 2**0.5)) / 2
        states = norm(states + linear(gelu, f"{layer}.output.dense"), f"{layer}.output.LayerNorm")
    return states


def qwen3_by_hand(folder, ids):
    import torch
    from safetensors.torch import load_file

    weights = load_file(folder / "model.safetensors")
    config = json.loads((folder / "config.json").read_text())
    base = (config.get("rope_parameters") or config)["rope_theta"]

    def norm(states, name):
        return states / (states.pow(2).mean(dim=-1, keepdim=True) + 1e-6).sqrt() * weights[name]

    def rotated(heads):
        angles = torch.arange(len(ids))[:, None] * base ** (-torch.arange(0, 8, 2) / 8)  # (T, 4)
        first, second = heads[..., :4], heads[..., 4:]
        turned = (first * angles.cos() - second * angles.sin(), second * angles.cos() + first * angles.sin())
        return torch.cat(turned, dim=-1)

    states = weights["embed_tokens.weight"][ids]
    for layer in ("layers.0", "layers.1"):

        def heads_of(part, count, source, layer=layer):
            return (
                (source @ weights[f"{layer}.self_attn.{part}_proj.weight"].T).view(len(ids), count, 8).transpose(0, 1)
            )

        source = norm(states, f"{layer}.input_layernorm.weight")
        queries = rotated(norm(heads_of("q", 4, source), f"{layer}.self_attn.q_norm.weight"))
        keys = rotated(norm(heads_of("k", 2, source), f"{layer}.self_attn.k_norm.weight")).repeat_interleave(2, dim=0)
        values = heads_of("v", 2, source).repeat_interleave(2, dim=0)
        seen = softmax_attention(queries, keys, values).transpose(0, 1).reshape(len(ids), 32)
        states = states + seen @ weights[f"{layer}.self_attn.o_proj.weight"].T
        source = norm(states, f"{layer}.post_attention_layernorm.weight")
        gate = source @ weights[f"{layer}.mlp.gate_proj.weight"].T
        wide = gate * torch.sigmoid(gate) * (source @ weights[f"{layer}.mlp.up_proj.weight"].T)
        states = states + wide @ weights[f"{layer}.mlp.down_proj.weight"].T
    return norm(states, "norm.weight")


class TestVectors:
    @pytest.mark.parametrize(("model", "layers_of"), [("tiny_bert", bert_by_hand), ("tiny_qwen3", qwen3_by_hand)])
    def test_equal_a_reference_written_out_by_hand(self, model, layers_of, request):
        card, folder = request.getfixturevalue(model)
        expected = [vector_by_hand(card, folder, text, layers_of=layers_of) for text in SENTENCES]
        np.testing.assert_allclose(open_in("fp32", card, folder).encode(SENTENCES), expected, atol=1e-5)

    def test_equal_those_of_sentence_transformers_on_the_packaged_model(self):
        from sentence_transformers import SentenceTransformer

        texts = [*SENTENCES, "flood " * 400]
        expected = SentenceTransformer(str(find_model()), device="cpu").encode(texts, normalize_embeddings=True)
        np.testing.assert_allclose(open_in("fp32", PACKAGED, find_model()).encode(texts), expected, atol=1e-5)

    def test_come_in_the_order_of_the_texts_whatever_the_batches(self, tiny):
        encoder = open_in("fp32", *tiny)
        texts = [" ".join(["flood", "levee", "storm"][: number % 4] * (number % 7)) for number in range(40)]
        whole = encoder.encode(texts)
        encoder.token_budget = 30
        np.testing.assert_allclose(encoder.encode(texts), whole, atol=1e-5)

    def test_in_bf16_stay_close_to_fp32(self, tiny):
        agreement = (open_in("bf16", *tiny).encode(SENTENCES) * open_in("fp32", *tiny).encode(SENTENCES)).sum(axis=1)
        assert agreement.min() > 0.995

    def test_from_many_threads_are_those_from_one(self, tiny):
        encoder = open_in("fp32", *tiny)
        found = {}
        threads = [
            Thread(target=lambda text=text: found.update({text: encoder.encode([text])[0]})) for text in SENTENCES
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        np.testing.assert_allclose([found[text] for text in SENTENCES], encoder.encode(SENTENCES), atol=1e-5)

    def test_five_million_characters_cost_no_more_than_the_limit(self, tiny):
        encoder = open_in("fp32", *tiny)
        np.testing.assert_allclose(encoder.encode(["flood " * 900_000]), encoder.encode(["flood " * 5_000]), atol=1e-5)

    def test_no_texts_give_no_rows(self, tiny):
        assert open_in("fp32", *tiny).encode([]).shape == (0, 32)


class TestAttention:
    def test_a_causal_card_of_the_same_weights_gives_other_vectors(self, tiny_qwen3):
        card, folder = tiny_qwen3
        causal = open_in("fp32", replace(card, bidirectional=False), folder)
        assert np.abs(causal.encode(SENTENCES[:1]) - open_in("fp32", card, folder).encode(SENTENCES[:1])).max() > 0.01

    def test_a_decoder_left_causal_is_refused(self, tiny_qwen3, monkeypatch):
        from workers.encoders import loading

        real = loading.AutoModel.from_pretrained

        def forgetful(source, *, config, **options):
            config.is_causal = True
            return real(source, config=config, **options)

        monkeypatch.setattr(loading.AutoModel, "from_pretrained", forgetful)
        with pytest.raises(EncoderUnavailable, match=r"tiny-qwen3 must see later tokens.*attention mask is wrong"):
            open_in("fp32", *tiny_qwen3)

    def test_the_last_token_is_the_one_that_a_last_token_model_reads(self, tiny_qwen3):
        card, folder = tiny_qwen3
        last = replace(card, pooling="last", end_mark="<|endoftext|>", bidirectional=False)
        encoder = open_in("fp32", last, folder)
        np.testing.assert_allclose(
            encoder.encode(SENTENCES[:2]), [encoder.encode([text])[0] for text in SENTENCES[:2]], atol=1e-5
        )
        tokenizer = encoder._tokenizer
        assert tokenizer.token_ids(["flood", "flood " * 90])[0][-1] == tokenizer.pad_id
        assert len(tokenizer.token_ids(["flood " * 90])[0]) == card.max_tokens


class TestLoading:
    @ignore_peft
    def test_merges_an_adapter_into_its_base(self, tiny_qwen3, tmp_path):
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModel

        card, folder = tiny_qwen3
        torch.manual_seed(1)
        lora = LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
        adapted = get_peft_model(AutoModel.from_pretrained(folder), lora)
        adapted.save_pretrained(tmp_path / "adapter")
        encoder = open_in("fp32", card, tmp_path / "adapter")
        assert np.abs(encoder.encode(SENTENCES) - open_in("fp32", card, folder).encode(SENTENCES)).max() > 0.01
        merged = adapted.merge_and_unload()
        merged.save_pretrained(tmp_path / "merged")
        shutil.copy(folder / "tokenizer.json", tmp_path / "merged")
        np.testing.assert_allclose(
            encoder.encode(SENTENCES), open_in("fp32", card, tmp_path / "merged").encode(SENTENCES), atol=1e-5
        )

    def test_an_adapter_without_its_base_names_it_and_fetches_nothing(self, tiny_qwen3, tmp_path):
        (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "somebody/base"}')
        with pytest.raises(EncoderUnavailable, match="tiny-qwen3 cannot be read from somebody/base"):
            open_in("fp32", tiny_qwen3[0], tmp_path)

    @ignore_peft
    def test_refuses_an_adapter_that_fits_no_layer(self, tiny_qwen3, tmp_path):
        from peft import LoraConfig, get_peft_model
        from safetensors.torch import load_file, save_file
        from transformers import AutoModel

        card, folder = tiny_qwen3
        get_peft_model(AutoModel.from_pretrained(folder), LoraConfig(r=4, target_modules=["q_proj"])).save_pretrained(
            tmp_path
        )
        weights = load_file(tmp_path / "adapter_model.safetensors")
        save_file(
            {key.replace("layers", "blocks"): value for key, value in weights.items()},
            tmp_path / "adapter_model.safetensors",
        )
        with (
            pytest.warns(UserWarning, match="missing adapter keys"),
            pytest.raises(EncoderUnavailable, match="changes nothing"),
        ):
            open_in("fp32", card, tmp_path)

    def test_refuses_weights_of_another_shape(self, tiny_bert):
        card, folder = tiny_bert
        with pytest.raises(EncoderUnavailable, match="2 layers of 32 dimensions instead of 12 of 384"):
            open_in("fp32", get_card("DMRetriever-33M"), folder)
        assert card.dim == 32

    def test_refuses_weights_that_were_cut_off(self, tiny, tmp_path):
        card, folder = tiny
        weights = copied(folder, tmp_path) / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:-1_000])
        with pytest.raises(EncoderUnavailable, match=f"{card.name} cannot be read from .*: its weights are not whole"):
            open_in("fp32", card, weights.parent)

    def test_refuses_weights_that_fill_only_part_of_the_model(self, tiny, tmp_path):
        from safetensors.torch import load_file, save_file

        card, folder = tiny
        path = copied(folder, tmp_path) / "model.safetensors"
        kept = {name: value for name, value in load_file(path).items() if "1." not in name}
        save_file(kept, path, metadata={"format": "pt"})
        with pytest.raises(EncoderUnavailable, match=r"lacks \d+ weights"):
            open_in("fp32", card, path.parent)

    def test_refuses_weights_that_do_not_fit_their_config(self, tiny_bert, tmp_path):
        card, folder = tiny_bert
        config = copied(folder, tmp_path) / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"vocab_size": 90}))
        with pytest.raises(EncoderUnavailable, match=r"weights have other shapes than its config\.json says"):
            open_in("fp32", card, config.parent)

    def test_refuses_a_folder_without_weights(self, tiny, tmp_path):
        card, folder = tiny
        (copied(folder, tmp_path) / "model.safetensors").unlink()
        with pytest.raises(EncoderUnavailable, match="cannot be read"):
            open_in("fp32", card, tmp_path / "copy")

    def test_refuses_a_folder_without_a_tokenizer(self, tiny, tmp_path):
        card, folder = tiny
        (copied(folder, tmp_path) / "tokenizer.json").unlink()
        with pytest.raises(CheckpointMissing, match=r"no tokenizer\.json"):
            open_in("fp32", card, tmp_path / "copy")

    def test_refuses_a_model_that_brings_its_own_code(self, tmp_path):
        with pytest.raises(EncoderUnavailable, match="NV-Embed-v2 only runs with code shipped beside its weights"):
            open_in("fp32", get_card("NV-Embed-v2"), find_model())


class TestOutOfMemory:
    def test_torchs_complaint_becomes_a_memory_error(self, tiny_bert):
        import torch

        from workers.encoders.torch_backend import forward_through

        def greedy(**_):
            raise torch.OutOfMemoryError("CUDA out of memory")

        forward = forward_through(greedy, card=tiny_bert[0], device=torch.device("cpu"))
        with pytest.raises(MemoryError, match="2 texts of 3 tokens"):
            forward(np.ones((2, 3), dtype=np.int64), np.ones((2, 3), dtype=np.int64))

    def test_other_failures_rise_as_they_are(self, tiny_bert):
        import torch

        from workers.encoders.torch_backend import forward_through

        def broken(**_):
            raise RuntimeError("shapes do not fit")

        with pytest.raises(RuntimeError, match="shapes do not fit"):
            forward_through(broken, card=tiny_bert[0], device=torch.device("cpu"))(
                *2 * [np.ones((1, 1), dtype=np.int64)]
            )
