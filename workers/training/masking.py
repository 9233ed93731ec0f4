"""Stage 1, masked next-token prediction (LLM2Vec, arXiv 2404.05961): what a decoder hides from itself and must tell.

Hidden tokens are replaced by a blank. The state at position i - 1 predicts token i, as in the decoder's own
pre-training; but now the state has seen what comes after i.
"""

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from random import Random

import torch
from accelerate import Accelerator
from safetensors import safe_open
from torch import Tensor, nn
from torch.nn import functional as F

from apps.retrievers.fingerprints import weight_files
from workers.encoders.batches import by_budget
from workers.encoders.tokenizing import TextTokenizer, padded
from workers.training.devices import equal_parts, micro_tokens, own_share
from workers.training.recipe import BadRecipe, Stage1


class TokenPredictor(nn.Module):
    """Token ids (B, T), their mask, and which tokens are hidden (N, 2) as row and place: to logits (N, V)."""

    head: Tensor

    def __init__(self, transformer: nn.Module, head: Tensor) -> None:
        super().__init__()
        self.transformer = transformer
        self.register_buffer("head", head, persistent=False)

    def forward(self, ids: Tensor, mask: Tensor, hidden: Tensor) -> Tensor:
        states = self.transformer(input_ids=ids, attention_mask=mask, use_cache=False).last_hidden_state
        before = states[hidden[:, 0], hidden[:, 1] - 1]  # (N, D)
        return F.linear(before, self.head.to(before.dtype))


@dataclass(frozen=True, slots=True)
class Blanked:
    """A line's tokens with blanks, where those are, and what stood there."""

    ids: list[int]
    places: list[int]
    tokens: list[int]


def blank_out(ids: Sequence[int], *, share: float, blank: int, random: Random) -> Blanked:
    """Hide `share` of the tokens, one at least; never the first, which has none before it to tell it by."""
    places = [place for place in range(1, len(ids)) if random.random() < share]
    if not places and len(ids) > 1:
        places = [random.randrange(1, len(ids))]
    hidden = set(places)
    return Blanked(
        ids=[blank if place in hidden else token for place, token in enumerate(ids)],
        places=places,
        tokens=[ids[place] for place in places],
    )


def output_weights(transformer: nn.Module, folder: Path) -> Tensor:
    """Return the weights (V, D) by which the backbone turns a state into the scores of the next token.

    Raises ValueError where the folder holds the body alone and the head is not the input's embeddings again.
    """
    config = transformer.config
    if getattr(config, "tie_word_embeddings", False):
        return transformer.get_input_embeddings().weight.detach()  # type: ignore[operator]
    for path in weight_files(folder):
        if path.suffix == ".safetensors":
            with safe_open(path, framework="pt") as file:
                if "lm_head.weight" in file.keys():  # noqa: SIM118 - no dictionary
                    return file.get_tensor("lm_head.weight").float()
    raise ValueError(f"{folder} has no lm_head.weight: stage 1 starts from a causal language model, head included.")


class MaskedStep:
    def __init__(self, stage: Stage1, *, tokenizer: TextTokenizer, accelerator: Accelerator, seed: int) -> None:
        self._stage = stage
        self._tokenizer = tokenizer
        self._accelerator = accelerator
        self._seed = seed
        blank = tokenizer.token_ids([stage.mask_token])[0]
        if len(blank) != 1:
            raise BadRecipe(f"stage1.mask_token: {stage.mask_token!r} is {len(blank)} tokens, not one.")
        self._blank = blank[0]

    def backward(self, model: nn.Module, lines: Sequence[str], *, step: int) -> tuple[float, int]:
        """Add this batch's gradient to the model's; return the mean loss of a hidden token and how many tokens we read."""
        everyone = [
            blank_out(ids, share=self._stage.masked, blank=self._blank, random=Random(f"{self._seed}/{step}/{place}"))  # noqa: S311
            for place, ids in enumerate(self._tokenizer.token_ids(lines))
        ]
        hidden = max(sum(len(row.places) for row in everyone), 1)  # over all devices
        own = own_share(everyone, self._accelerator)
        total = torch.zeros((), device=self._accelerator.device)
        parts = self._parts(own)
        for number, part in enumerate(parts):
            last = number == len(parts) - 1
            with nullcontext() if last else self._accelerator.no_sync(model):
                loss = self._loss(model, [own[place] for place in part]) / hidden
                self._accelerator.backward(loss * self._accelerator.num_processes)
                total += loss.detach()
        return self._accelerator.reduce(total, "sum").item(), sum(len(row.ids) for row in own)

    def _loss(self, model: nn.Module, rows: Sequence[Blanked]) -> Tensor:
        """Return the sum over the hidden tokens."""
        ids, mask = padded([row.ids for row in rows], pad_id=self._tokenizer.pad_id)
        hidden = [(number, place) for number, row in enumerate(rows) for place in row.places]
        device = self._accelerator.device
        places = torch.tensor(hidden, dtype=torch.long, device=device).view(-1, 2)
        logits = model(torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device), places)
        tokens = torch.tensor([token for row in rows for token in row.tokens], dtype=torch.long, device=device)
        return F.cross_entropy(logits.float(), tokens, reduction="sum")

    def _parts(self, rows: Sequence[Blanked]) -> list[list[int]]:
        lengths = [len(row.ids) for row in rows]
        parts = list(by_budget(lengths, budget=micro_tokens(self._stage.micro_tokens, self._accelerator)))
        wanted = equal_parts(len(parts), self._accelerator)
        if wanted is None:
            return parts
        order = [place for part in parts for place in part]
        return [order[number::wanted] for number in range(wanted)]
