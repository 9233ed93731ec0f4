"""BEIR folders: `corpus.jsonl`, `queries.jsonl`, `qrels/<split>.tsv`."""

from pathlib import Path

from apps.retrievers.intents import Intent
from workers.evaluation.collection import Collection
from workers.records import Passage, Query, read_jsonl, read_qrels

#: The further sets of the DMRetriever paper and the instruction that it gave each. Their BEIR
#: folders name no intent themselves.
SIDE_SETS = {
    "trec-covid": Intent.QA,
    "climate-fever": Intent.FACTCHECK,
    "biosses": Intent.STS,
}


def read_beir(folder: Path, *, intent: Intent | None = None, split: str = "test") -> Collection:
    """Read a folder; queries that name no intent get `intent`, or else the paper's for a side set.

    Raises ValueError naming the file and the line that is broken.
    """
    intent = intent or SIDE_SETS.get(folder.name.lower().replace("_", "-"))
    return Collection.build(
        folder.name,
        passages=read_jsonl(folder / "corpus.jsonl", Passage),
        queries=read_jsonl(folder / "queries.jsonl", Query, defaults={"intent": intent} if intent else None),
        judgments=read_qrels(folder / "qrels" / f"{split}.tsv"),
    )
