"""DisastIR as MTEB tasks and the family as MTEB models. Needs requirements/mteb.txt, nothing else does.

tasks = [task(folder) for task in DISASTIR_TASKS.values()]
mteb.evaluate(MODELS["DMRetriever-33M"].load_model(), tasks)
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from datasets import Dataset
from mteb.abstasks.retrieval import AbsTaskRetrieval
from mteb.abstasks.task_metadata import TaskMetadata
from mteb.models import ModelMeta
from mteb.models.abs_encoder import AbsEncoder
from mteb.types import PromptType

from apps.retrievers.card import RetrieverCard
from apps.retrievers.family import DMRETRIEVERS, get_card
from apps.retrievers.intents import Intent, instruction
from workers.encoders import get_encoder
from workers.encoders.base import Vectors
from workers.evaluation.collection import Collection
from workers.evaluation.disastir import read_disastir

EVENTS = ("Bio", "Chem", "Env", "Extra", "Geo", "MH", "Soc", "Tech")
#: The intent that a task of MTEB's own asks for: by its name, or else by its type.
_INTENTS = {"TRECCOVID": Intent.QA, "ClimateFEVER": Intent.FACTCHECK, "BIOSSES": Intent.STS, "STS": Intent.STS}


class DisastIRTask(AbsTaskRetrieval):  # type: ignore[misc]  # untyped where mteb is not installed
    """One intent of DisastIR; its subsets are the events, so MTEB's mean over them is the paper's."""

    intent: Intent
    data_loaded: bool

    def __init__(self, folder: Path | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._folder = folder

    def load_data(self, *_args: Any, **_kwargs: Any) -> None:
        if self.data_loaded:
            return
        collection = read_disastir(self._folder or _download(self.metadata))
        corpus = Dataset.from_list(
            [{"id": passage.id, "title": passage.title, "text": passage.text} for passage in collection.passages]
        )
        self.dataset = {event: {"test": self._split(collection, event, corpus)} for event in self.hf_subsets}
        self.data_loaded = True

    def _split(self, collection: Collection, event: str, corpus: Dataset) -> dict[str, Any]:
        tasks = collection.tasks
        queries = [query for query in collection.queries if tasks[query.id] == (self.intent, event)]
        return {
            "corpus": corpus,
            "queries": Dataset.from_list([{"id": query.id, "text": query.text} for query in queries]),
            "relevant_docs": {query.id: _gains(collection.qrels[query.id]) for query in queries},
            "top_ranked": None,
        }


class FamilyEncoder(AbsEncoder):  # type: ignore[misc]
    """A model of the family with the prompts that its card says."""

    def __init__(self, model_name: str, revision: str | None = None, device: str | None = None, **_: Any) -> None:
        self._encoder = get_encoder(get_card(model_name), device=device or "auto")

    def encode(
        self, inputs: Any, *, task_metadata: TaskMetadata, prompt_type: PromptType | None = None, **_: Any
    ) -> Vectors:
        card, intent = self._encoder.card, intent_of(task_metadata)
        texts = [text for batch in inputs for text in batch["text"]]
        if prompt_type == PromptType.document:
            return self._encoder.encode([card.passage_text(text) for text in texts])
        return self._encoder.encode([card.query_text(text, intent) for text in texts])


def intent_of(metadata: TaskMetadata) -> Intent:
    """Return the intent of a task: its own for DisastIR's, a question for a passage if nothing says."""
    for intent, task in DISASTIR_TASKS.items():
        if task.metadata.name == metadata.name:
            return intent
    return _INTENTS.get(metadata.name) or _INTENTS.get(metadata.type) or Intent.QA


def _gains(grades: Mapping[str, int]) -> dict[str, int]:
    """Return 2^grade - 1: MTEB's gain is linear, and so becomes the exponential one of the paper."""
    return {passage_id: 2**grade - 1 for passage_id, grade in grades.items()}


def _download(metadata: TaskMetadata) -> Path:
    if folder := os.environ.get("DISASTIR_FOLDER"):
        return Path(folder)
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(metadata.dataset["path"], repo_type="dataset"))


def _task(intent: Intent) -> type[DisastIRTask]:
    name = f"DisastIR{intent}"
    metadata = TaskMetadata(
        name=name,
        dataset={"path": "DMIR01/DisastIR", "revision": "main"},
        description=f"Disaster management retrieval, graded 0 to 3. {instruction(intent)}.",
        prompt={"query": instruction(intent)},
        reference="https://arxiv.org/abs/2505.15856",
        type="Retrieval",
        category="t2t",
        eval_splits=["test"],
        eval_langs={event: ["eng-Latn"] for event in EVENTS},
        main_score="ndcg_at_10",
        license="cc-by-4.0",
        annotations_creators="LM-generated and reviewed",
        sample_creation="LM-generated and verified",
    )
    return type(name, (DisastIRTask,), {"metadata": metadata, "intent": intent})


def _model(card: RetrieverCard) -> ModelMeta:
    return ModelMeta(
        loader=FamilyEncoder,
        name=card.hub_id,
        revision=card.revision,
        release_date=None,
        languages=["eng-Latn"],
        n_parameters=card.parameters * 1_000_000,
        memory_usage_mb=None,
        max_tokens=card.max_tokens,
        embed_dim=card.dim,
        license=card.licence,
        open_weights=True,
        public_training_code="https://github.com/KaiYin97/DMRETRIEVER",
        public_training_data="https://huggingface.co/datasets/DMIR01/DMRetriever_MTT",
        framework=["PyTorch", "Transformers"],
        reference=f"https://huggingface.co/{card.hub_id}",
        similarity_fn_name="cosine",
        use_instructions=card.knows_intents,
        training_datasets=None,
    )


DISASTIR_TASKS = {intent: _task(intent) for intent in Intent}
MODELS = {card.name: _model(card) for card in DMRETRIEVERS}
