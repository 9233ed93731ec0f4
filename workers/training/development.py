"""How well the model finds, while it is being trained: exact search over test collections, or a part of each."""

import logging
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from statistics import fmean
from typing import TypeVar

import torch
from torch import nn

from apps.retrievers.card import RetrieverCard
from apps.retrievers.intents import Intent
from workers.encoders.base import TokenIds, Vectors
from workers.encoders.batched import BatchedEncoder, Capacity
from workers.encoders.tokenizing import TextTokenizer
from workers.evaluation.beir import read_beir
from workers.evaluation.collection import Collection
from workers.evaluation.dense import DenseRetrieval
from workers.evaluation.evaluate import evaluate
from workers.training.recipe import Development, Model, files_of
from workers.vector_store import VectorStore

T = TypeVar("T")
_TOKENS_ON_GPU = 65_536


@dataclass(frozen=True, slots=True)
class Score:
    """NDCG@10 in percent. The average is over intents, each the mean of its sets."""

    average: float
    intents: dict[str, float]
    sets: dict[str, float]


class Examiner:
    def __init__(self, development: Development, model: Model, *, tokenizer: TextTokenizer, seed: int) -> None:
        self._model = model
        self._tokenizer = tokenizer
        self._collections = [
            _part_of(read_beir(folder), development, seed=seed) for folder in files_of(development.sets)
        ]

    def score(self, model: nn.Module, card: RetrieverCard) -> Score:
        """Score a retriever that is in memory, as it stands."""
        was_training = model.training
        model.eval()
        logging.getLogger("workers.evaluation.progress").setLevel(logging.WARNING)
        encoder = self._encoder(model, card)
        with tempfile.TemporaryDirectory() as folder:
            retrieval = DenseRetrieval(encoder, VectorStore(Path(folder), encoder))
            evaluations = [evaluate(collection, retrieval)[0] for collection in self._collections]
        model.train(was_training)
        by_intent: dict[Intent, list[float]] = {}
        for evaluation in evaluations:
            for intent, score in evaluation.intent_scores().items():
                by_intent.setdefault(intent, []).append(100 * score)
        intents = {str(intent): round(fmean(by_intent[intent]), 3) for intent in Intent if intent in by_intent}
        sets = {evaluation.set: round(100 * evaluation.average, 3) for evaluation in evaluations}
        return Score(round(fmean(intents.values()), 3), intents, sets)

    def _encoder(self, model: nn.Module, card: RetrieverCard) -> BatchedEncoder:
        device = next(model.parameters()).device

        def forward(ids: TokenIds, mask: TokenIds) -> Vectors:
            tensors = (torch.from_numpy(ids).to(device), torch.from_numpy(mask).to(device))
            with torch.no_grad(), torch.autocast(device.type, torch.bfloat16, enabled=self._model.precision == "bf16"):
                return model(*tensors).float().cpu().numpy()

        capacity = Capacity() if device.type == "cpu" else Capacity(tokens=_TOKENS_ON_GPU)
        return BatchedEncoder(
            card, self._tokenizer, forward=forward, revision="in-training", backend="torch", capacity=capacity
        )


def _part_of(collection: Collection, development: Development, *, seed: int) -> Collection:
    """Return so many queries and passages of a collection as are asked for; judged passages always stay."""
    random = Random(f"{seed}/{collection.name}")  # noqa: S311
    queries = _sample(collection.queries, development.queries, random)
    kept = {query.id for query in queries}
    qrels = {query_id: grades for query_id, grades in collection.qrels.items() if query_id in kept}
    judged = {passage_id for grades in qrels.values() for passage_id in grades}
    passages = [passage for passage in collection.passages if passage.id in judged]
    others = [passage for passage in collection.passages if passage.id not in judged]
    wanted = max(development.passages - len(passages), 0) if development.passages else len(others)
    passages += random.sample(others, min(wanted, len(others)))
    return replace(collection, queries=tuple(queries), qrels=qrels, passages=tuple(passages))


def _sample(items: Sequence[T], count: int, random: Random) -> list[T]:
    return random.sample(list(items), count) if 0 < count < len(items) else list(items)
