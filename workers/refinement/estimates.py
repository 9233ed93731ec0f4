"""What a synthesis will take, told before it starts."""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import islice
from math import ceil

from apps.retrievers.intents import Intent
from workers.refinement.budgets import Prices, Usage, tokens_in
from workers.refinement.prompts import example_messages, task_messages
from workers.refinement.writing import Job, Plan

_SAMPLE = 200  # jobs looked at
_TOKENS_A_WORD = 1.4
_TASK_TOKENS = 60
_QUERY_WORDS = 15
#: Words of a positive, and of each negative: the middle of what the prompts ask for.
_WORDS = {Intent.QA: 125, Intent.QADOC: 420, Intent.FACTCHECK: 125, Intent.TWITTER: 35, Intent.NLI: 20, Intent.STS: 20}
_CALLS_A_JOB = 2
#: Until the server has been timed: seconds before it writes, and tokens it then writes a second.
_LATENCY_S, _TOKENS_A_SECOND = 1.0, 40.0


@dataclass(frozen=True, kw_only=True, slots=True)
class Estimate:
    jobs: int
    usage: Usage
    cost: float
    seconds: float

    def told(self) -> str:
        return (
            f"{self.jobs} examples in {_CALLS_A_JOB * self.jobs} calls: about {self.usage.prompt} tokens to read and "
            f"{self.usage.completion} to write, cost {self.cost:.2f}, {ceil(self.seconds / 60)} min"
        )


def estimate(jobs: Iterable[Job], plan: Plan, *, count: int, prices: Prices, concurrency: int) -> Estimate:
    """Extrapolate from the first of `jobs` to `count` of them."""
    sample = [_usage(job, plan) for job in islice(jobs, _SAMPLE)]
    share = count / max(1, len(sample))
    usage = Usage(
        round(share * sum(each.prompt for each in sample)), round(share * sum(each.completion for each in sample))
    )
    seconds = (count * _CALLS_A_JOB * _LATENCY_S + usage.completion / _TOKENS_A_SECOND) / concurrency
    return Estimate(jobs=count, usage=usage, cost=prices.cost(usage), seconds=seconds)


def _usage(job: Job, plan: Plan) -> Usage:
    grounded = plan.grounds(job.intent)
    negatives = 2 if job.intent == Intent.NLI else plan.negatives
    example = example_messages(
        job.shown,
        job.intent,
        task="task " * _TASK_TOKENS,
        controls=job.controls(plan),
        negatives=negatives,
        grounded=grounded,
    )
    read = sum(tokens_in(message["content"]) for message in (*task_messages(job.shown, job.intent), *example))
    words = _QUERY_WORDS + _WORDS[job.intent] * (negatives + (not grounded))
    return Usage(read, _TASK_TOKENS + round(words * _TOKENS_A_WORD))
