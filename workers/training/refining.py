"""From documents to training files: pairs, what a language model writes, agreement on it, hard negatives by level.

Each part has a folder under the run's own; begun again, the run goes on where it was.
"""

import json
import logging
import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from apps.retrievers.checkpoints import get_checkpoint
from apps.retrievers.intents import Intent
from apps.retrievers.naming import named_retriever
from workers.evaluation.documents import splitter_for
from workers.records import Passage, write_jsonl
from workers.refinement.__main__ import EXPECTED, UNFINISHED
from workers.refinement.__main__ import run as refine
from workers.refinement.documents import read_documents
from workers.training.material import Material, part_of, prepare, require_enough

logger = logging.getLogger(__name__)

EASIEST = "level-1.jsonl"


class StepFailed(RuntimeError):
    """A part of the run stopped; the message says why."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Writer:
    """The language model that writes examples, and how much it is asked for."""

    endpoint: str  #: up to the version: https://host/v1
    model: str
    passages: int  #: asked about
    intents: tuple[Intent, ...] = tuple(Intent)
    budget_tokens: float = math.inf
    judges: tuple[
        str, ...
    ] = ()  #: retrievers of which more than half must find a positive good; () for the one that learns

    @property
    def examples(self) -> int:
        return self.passages * len(self.intents)


@dataclass(frozen=True, kw_only=True, slots=True)
class Sources:
    """documents: JSON lines or files that ingestion reads; judged: a BEIR folder of people's judgments."""

    documents: tuple[Path, ...]
    judged: Path | None = None
    writer: Writer | None = None


@dataclass(frozen=True, slots=True)
class Refined:
    material: Material
    levels: list[list[str]]  #: files of examples with negatives, the easiest level first


def refine_corpus(sources: Sources, *, model: str, out: Path, only_data: bool = False) -> Refined:
    """Make training files of a corpus with `model` as the teacher that finds negatives, or go on with it.

    Raises StepFailed where a part stopped and, unless there are to be only data, TooLittle where the corpus is too
    small: before a language model is asked for anything.
    """
    _run("pairs", *map(str, sources.documents), out=out / "pairs")
    writer = sources.writer
    material = prepare(out / "pairs" / "pairs.jsonl", out, judged=sources.judged)
    if not only_data:
        require_enough(material, expected=writer.examples if writer else 0)
    mined = [_mine(path, model=model, out=out) for path in material.training]
    if writer:
        passages = _write_passages(out, model=model)
        if agreed := _write_examples(writer, passages, model=model, out=out):
            mined.append(_mine(agreed, "--corpus", str(passages), model=model, out=out))
    levels: dict[str, list[str]] = {}
    for path in chain.from_iterable(mined):
        levels.setdefault(path.name if path.parent.parent == out / "mine" else EASIEST, []).append(str(path))
    return Refined(material, [levels[name] for name in sorted(levels)])


def _mine(examples: Path, *options: str, model: str, out: Path) -> list[Path]:
    """Find negatives for the examples of one kind among their own texts, or a corpus; return the files by level."""
    folder = out / "mine" / examples.stem
    teacher = ["--retrievers", model, "--backend", "torch", "--vectors", str(out / "vectors")]
    _run("mine", str(examples), *options, *teacher, out=folder)
    levels = [level for level in sorted(folder.glob("level-*.jsonl")) if level.stat().st_size]
    return levels or [examples]  # the model tells nothing apart: the other texts of the batch are negatives enough


def _write_examples(writer: Writer, passages: Path, *, model: str, out: Path) -> Path | None:
    """Have examples written, and keep those that the judges agree on; None where there is not one."""
    asked = ["--endpoint", writer.endpoint, "--model", writer.model, "--sample", str(writer.passages), "--grounded"]
    asked += ["--intents", *writer.intents, "--budget-tokens", str(writer.budget_tokens)]
    folder = out / "synthesize"
    _run("synthesize", str(passages), *asked, out=folder)
    written = folder / "examples.jsonl"
    if not written.exists() or not written.stat().st_size:
        return None
    judges = writer.judges or (model,)
    options = ["--corpus", str(passages), "--retrievers", *judges, "--min-agree", str(len(judges) // 2 + 1)]
    options += ["--backend", "torch", "--vectors", str(out / "vectors")]
    _run("agree", str(written), *options, out=out / "agree")
    agreed = out / "training" / "synthesis.jsonl"
    agreed.write_bytes((out / "agree" / "agreed.jsonl").read_bytes())
    return agreed if agreed.stat().st_size else None


def _write_passages(out: Path, *, model: str) -> Path:
    """Cut the documents that teach as ingestion does: nothing is written of those that judge."""
    card, folder = named_retriever(model)
    split = splitter_for(card, checkpoint=get_checkpoint(card, folder=folder).path)

    def passages() -> Iterator[Passage]:
        for document in read_documents([out / "pairs" / "documents.jsonl"]):
            if part_of(document.episode or document.id) == "training":
                for number, piece in enumerate(split(document.as_extracted())):
                    yield Passage(id=f"{document.id}#{number}", title=document.title, text=piece.text)

    path = out / "training" / "passages.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(path, passages())
    return path


def _run(*arguments: str, out: Path) -> None:
    """Do a part of the refinement in its folder. A spent budget ends it early, and the run goes on with what there is."""
    try:
        status = refine([*arguments, "--out", str(out)])
    except EXPECTED as failure:
        raise StepFailed(f"{arguments[0]} stopped: {failure}") from failure
    if status == UNFINISHED:
        report = json.loads((out / "report.json").read_text(encoding="utf-8"))
        if not (report["budget spent"] and report["kept"]):
            raise StepFailed(f"{arguments[0]} stopped: {report['stopped']}")
        logger.info("The budget is spent; the run goes on with the %s examples that were written.", report["kept"])
