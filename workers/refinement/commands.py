"""What each command does in the folder of its run, and what its results depend on."""

import logging
import os
from argparse import Namespace
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from itertools import chain
from pathlib import Path
from typing import Any

from apps.retrievers.checkpoints import default_card, identify
from apps.retrievers.family import get_card
from workers.encoders import Encoder, get_encoder
from workers.records import Passage, read_jsonl
from workers.refinement.budgets import Budget, Prices
from workers.refinement.documents import SourceDocument, read_documents
from workers.refinement.estimates import Estimate, estimate
from workers.refinement.filtering import filter_by_agreement
from workers.refinement.generators import ChatEndpoint, ChatSettings
from workers.refinement.journal import Journal, digest_of, new_files, write_line
from workers.refinement.mining import Miner, MiningSettings
from workers.refinement.pairs import PairMaker, Survey
from workers.refinement.progress import Progress
from workers.refinement.rankings import RankedExamples, RankingSettings
from workers.refinement.sampling import PassageSample
from workers.refinement.synthesis import Synthesis, jobs_of
from workers.refinement.writing import Plan

logger = logging.getLogger(__name__)

API_KEY = "DMSEARCH_LLM_API_KEY"

Settings = Mapping[str, Any]  #: what a run's results depend on: a run that goes on must have the same
Work = Callable[[Path], dict[str, Any]]  #: does the run in its folder and returns the report
Command = Callable[[Namespace], tuple[Settings, Work]]


def synthesize(options: Namespace) -> tuple[Settings, Work]:
    plan = _plan(options)
    settings = {
        "passages": _digests(options.passages),
        "sample": options.sample,
        "model": options.model,
        "temperature": options.temperature,
        **asdict(plan),
    }

    def work(folder: Path) -> dict[str, Any]:
        sample = PassageSample(options.passages, size=options.sample, seed=plan.seed)
        expected = _estimate(options, plan, sample)
        logger.info("Estimate: %s.", expected.told())
        budget = Budget(tokens=options.budget_tokens, cost=options.budget, prices=_prices(options))
        endpoint = ChatEndpoint(_chat(options), budget, connections=options.concurrency)
        synthesis = Synthesis(folder, plan, generator=endpoint, budget=budget)
        stopped = synthesis.run(sample, total=expected.jobs, concurrency=options.concurrency)
        outcomes = _nested(synthesis.counts)
        return {
            "stopped": stopped,
            "budget spent": budget.is_spent,
            "estimate": expected.told(),
            "examples": expected.jobs,
            "kept": sum(counts.get("kept", 0) for counts in outcomes.values()),
            "outcomes": outcomes,
            "passages too short": sample.too_short,
            "tokens": asdict(budget.spent),
            "cost": round(budget.prices.cost(budget.spent), 4),
        }

    return settings, work


def estimate_synthesis(options: Namespace) -> str:
    plan = _plan(options)
    return _estimate(options, plan, PassageSample(options.passages, size=options.sample, seed=plan.seed)).told()


def pairs(options: Namespace) -> tuple[Settings, Work]:
    settings = {"documents": _digests(options.documents), "kinds": options.kinds, "seed": options.seed}

    def work(folder: Path) -> dict[str, Any]:
        documents = _read_once(folder / "documents.jsonl", options.documents)
        survey = Survey(documents)
        maker = PairMaker(options.kinds, survey=survey, seed=options.seed)
        journal = Journal(folder / "pairs.jsonl")
        done = {line["id"]: line["kind"] for line in journal}
        progress = Progress(folder / "progress.json", stage="pairs", total=survey.size)
        kept = Counter(done.values())
        for document in documents():
            for pair in maker.pairs(document):
                if pair.id not in done:
                    journal.append(pair.to_json())
                    kept[pair.kind] += 1
            progress.advance()
        return {
            "documents": survey.size,
            "kept": kept.total(),
            "outcomes": _nested(Counter({(kind, "kept"): count for kind, count in kept.items()}) + maker.dropped),
        }

    return settings, work


def agree(options: Namespace) -> tuple[Settings, Work]:
    encoders = _encoders(options)
    if not 1 <= options.min_agree <= len(encoders):
        raise ValueError(f"--min-agree must be 1 to {len(encoders)}, the number of retrievers.")
    settings = {
        **_compared(options, encoders),
        "top_k": options.top_k,
        "min_agree": options.min_agree,
    }

    def work(folder: Path) -> dict[str, Any]:
        ranked = RankedExamples(folder, _ranking(options, depth=options.top_k), encoders=encoders)
        return filter_by_agreement(ranked, top_k=options.top_k, min_agree=options.min_agree)

    return settings, work


def mine(options: Namespace) -> tuple[Settings, Work]:
    encoders = _encoders(options)
    mining = MiningSettings(
        bands=tuple(options.bands),
        negatives=options.negatives,
        guard=options.guard,
        depth=options.depth,
        trust=options.trust,
        given=options.given,
        seed=options.seed,
    )
    settings = {**_compared(options, encoders), **asdict(mining)}

    def work(folder: Path) -> dict[str, Any]:
        ranked = RankedExamples(folder, _ranking(options, depth=mining.depth), encoders=encoders)
        return Miner(ranked, mining).run()

    return settings, work


def dedupe(options: Namespace) -> tuple[Settings, Work]:
    from workers.refinement.duplicates import judge  # its library is not where only the web runs

    settings = {"passages": _digests(options.passages), "threshold": options.threshold}

    def work(folder: Path) -> dict[str, Any]:
        passages = chain.from_iterable(read_jsonl(path, Passage) for path in options.passages)
        kept = dropped = 0
        with new_files(folder, ("unique", "duplicates")) as files:
            for passage, duplicate_of, likeness in judge(passages, threshold=options.threshold):
                if duplicate_of:
                    told = {"_id": passage.id, "duplicate_of": duplicate_of, "likeness": round(likeness, 3)}
                    write_line(files["duplicates"], told)
                    dropped += 1
                else:
                    write_line(files["unique"], passage.to_json())
                    kept += 1
        return {"passages": kept + dropped, "kept": kept, "near duplicates": dropped}

    return settings, work


def _read_once(path: Path, sources: Sequence[Path]) -> Callable[[], Iterator[SourceDocument]]:
    """Keep the documents as JSON lines: reading PDFs takes long, and they are gone through more than once."""
    if not path.exists():
        with new_files(path.parent, (path.stem,)) as files:
            for document in read_documents(sources):
                write_line(files[path.stem], document.to_json())
    return lambda: read_documents([path])


def _plan(options: Namespace) -> Plan:
    return Plan(
        intents=tuple(options.intents),
        examples=options.examples,
        negatives=options.negatives,
        grounded=options.grounded,
        seed=options.seed,
    )


def _estimate(options: Namespace, plan: Plan, sample: PassageSample) -> Estimate:
    count = len(sample) * len(plan.intents) * plan.examples
    return estimate(jobs_of(sample, plan), plan, count=count, prices=_prices(options), concurrency=options.concurrency)


def _prices(options: Namespace) -> Prices:
    return Prices(prompt=options.prompt_price, completion=options.completion_price)


def _chat(options: Namespace) -> ChatSettings:
    return ChatSettings(
        url=options.endpoint,
        model=options.model,
        api_key=os.environ.get(API_KEY, ""),
        temperature=options.temperature,
        most_tokens=options.most_tokens,
        json_mode=options.json_mode,
        timeout_s=options.timeout,
    )


def _encoders(options: Namespace) -> dict[str, Encoder]:
    """Return the retrievers by name: cards of the family, or folders of checkpoints of one's own."""
    found: dict[str, Encoder] = {}
    for name in options.retrievers or (default_card().name,):
        folder = Path(name) if Path(name).is_dir() else None
        card = identify(folder) if folder else get_card(name)
        if card is None:
            raise ValueError(f"{name} holds no checkpoint of a known shape.")
        if Path(name).name in found:
            raise ValueError(
                f"Two retrievers are called {Path(name).name}: rename a folder, or link to it by another name."
            )
        found[Path(name).name] = get_encoder(card, device=options.device, backend=options.backend, folder=folder)
    return found


def _compared(options: Namespace, encoders: Mapping[str, Encoder]) -> Settings:
    return {
        "examples": _digests(options.examples),
        "corpora": _digests(options.corpus),
        "retrievers": {name: [encoder.revision, encoder.backend] for name, encoder in encoders.items()},
    }


def _ranking(options: Namespace, *, depth: int) -> RankingSettings:
    return RankingSettings(
        examples=tuple(options.examples),
        corpora=tuple(options.corpus),
        vectors=options.vectors,
        depth=depth,
        device=_search_device(options.device),
    )


def _search_device(device: str) -> str:
    """Return where to compare vectors: on the GPU if there is one and nobody said otherwise."""
    if device != "auto":
        return device
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def _digests(paths: Sequence[Path]) -> dict[str, str]:
    """Return the files' digests by their names, which a folder that is moved keeps; by their paths where two share one."""
    names = Counter(path.name for path in paths)
    return {str(path) if names[path.name] > 1 else path.name: digest_of(path) for path in paths}


def _nested(counts: Mapping[tuple[str, str], int]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (group, result), count in sorted(counts.items()):
        nested.setdefault(group, {})[result] = count
    return nested
