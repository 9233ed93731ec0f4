"""Training examples written by a language model from the passages of a corpus (arXiv 2510.15087).

The prompts, the form of the answers and the checks are ours.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from workers.records import Passage
from workers.refinement.budgets import Budget, BudgetSpent, Usage
from workers.refinement.examples import Example, key_of
from workers.refinement.generators import AnswerRejected, Completion, EndpointBusy, EndpointRefused, Generator
from workers.refinement.journal import Journal
from workers.refinement.progress import Progress
from workers.refinement.prompts import Message
from workers.refinement.writing import Job, Plan, write_example

_SILENT_JOBS = 20  # this many in a row without an answer, and the server is taken to be down


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """What came of a job: an example, or the reason why there is none."""

    job: Job
    usage: Usage
    example: Example | None = None
    facts: dict[str, Any] = field(default_factory=dict)  #: task and controls, kept beside the example
    reason: str = ""
    is_final: bool = True  #: False: the next run tries again
    is_last: bool = False  #: no further job makes sense: the budget is spent, or the key is wrong


class Synthesis:
    """Writes `examples.jsonl` and `dropped.jsonl` in a folder; a job found in either is done."""

    def __init__(self, folder: Path, plan: Plan, *, generator: Generator, budget: Budget) -> None:
        self._plan = plan
        self._generator = generator
        self._budget = budget
        self._kept = Journal(folder / "examples.jsonl")
        self._dropped = Journal(folder / "dropped.jsonl")
        self._progress = folder / "progress.json"
        self._done: set[str] = set()
        self._queries: set[tuple[str, int]] = set()
        self.counts: Counter[tuple[str, str]] = Counter()  #: (intent, "kept" or the reason) → jobs
        self._read_earlier()

    def run(self, passages: Iterable[Passage], *, total: int, concurrency: int = 8) -> str:
        """Do what is left to do of `total` jobs. Returns why it stopped early, "" where all is done."""
        progress = Progress(self._progress, stage="synthesize", total=total, done=len(self._done))
        jobs = (job for job in jobs_of(passages, self._plan) if job.id not in self._done)
        unanswered = ""
        for outcome in _as_done(self._attempt, jobs, concurrency=concurrency):
            self._record(outcome)
            spent = self._budget.spent
            cost = round(self._budget.prices.cost(spent), 4)
            progress.advance(int(outcome.is_final), tokens=spent.tokens, cost=cost)
            unanswered = unanswered if outcome.is_final else outcome.reason
        return unanswered if len(self._done) < total else ""

    def _attempt(self, job: Job) -> Outcome:
        counted = _Counted(self._generator)
        try:
            example, facts = write_example(job, self._plan, counted)
        except AnswerRejected as rejected:
            return Outcome(job=job, usage=counted.usage, reason=str(rejected))
        except EndpointBusy as busy:
            return Outcome(job=job, usage=counted.usage, reason=str(busy), is_final=False)
        except (BudgetSpent, EndpointRefused) as end:
            return Outcome(job=job, usage=counted.usage, reason=str(end), is_final=False, is_last=True)
        return Outcome(job=job, usage=counted.usage, example=example, facts=facts)

    def _record(self, outcome: Outcome) -> None:
        line = {"id": outcome.job.id, "intent": str(outcome.job.intent), "usage": asdict(outcome.usage)}
        reason = outcome.reason
        if outcome.example:
            query = (str(outcome.job.intent), key_of(outcome.example.triple.query))
            reason = "the query stands already" if query in self._queries else ""
            self._queries.add(query)
        if outcome.example and not reason:
            self._kept.append({**line, **outcome.facts, **outcome.example.to_json()})
        else:
            self._dropped.append({**line, "reason": reason, "final": outcome.is_final})
        if outcome.is_final:
            self._done.add(outcome.job.id)
            self.counts[str(outcome.job.intent), reason or "kept"] += 1

    def _read_earlier(self) -> None:
        for line in self._kept:
            self._queries.add((line["intent"], key_of(line["query"])))
            self._count_earlier(line, "kept")
        for line in self._dropped:
            self._count_earlier(line, line["reason"])

    def _count_earlier(self, line: dict[str, Any], result: str) -> None:
        self._budget.add(Usage(**line["usage"]))
        if line.get("final", True):
            self._done.add(line["id"])
            self.counts[line["intent"], result] += 1


def jobs_of(passages: Iterable[Passage], plan: Plan) -> Iterator[Job]:
    for passage in passages:
        for intent in plan.intents:
            for number in range(plan.examples):
                yield Job(passage, intent, number)


class _Counted:
    """A generator that adds up what one job used, answers of no use included."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        self.usage = Usage()

    def complete(self, messages: Sequence[Message], *, seed: int) -> Completion:
        completion = self._generator.complete(messages, seed=seed)
        self.usage += completion.usage
        return completion


def _as_done(attempt: Callable[[Job], Outcome], jobs: Iterator[Job], *, concurrency: int) -> Iterator[Outcome]:
    """Yield outcomes as they come; no job is read before there is room for it, and none begun after a last one.

    What is under way when the last one comes is still waited for and yielded.
    """
    running: set[Future[Outcome]] = set()
    silent, stopped = 0, False
    with ThreadPoolExecutor(concurrency) as pool:
        while True:
            while not stopped and len(running) < concurrency and (job := next(jobs, None)):
                running.add(pool.submit(attempt, job))
            if not running:
                return
            finished, running = wait(running, return_when=FIRST_COMPLETED)
            for outcome in (future.result() for future in finished):
                silent = 0 if outcome.is_final else silent + 1
                stopped = stopped or outcome.is_last or silent >= _SILENT_JOBS
                yield outcome
