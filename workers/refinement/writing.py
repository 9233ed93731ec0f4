"""One example, written by a language model from one passage: a task, then an example of it, then the checks."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from random import Random
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints

from apps.retrievers.intents import Intent
from workers.records import Passage, Triple
from workers.refinement.examples import Example, key_of
from workers.refinement.generators import AnswerRejected, Generator, ask
from workers.refinement.prompts import GROUNDED, Controls, example_messages, task_messages

_LONGEST_PASSAGE = 6_000  # characters shown to the model
_LONGEST_POST = 400  # characters; models overshoot the 280 they are asked for, and a little is no harm

Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=2_000)]
Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=12_000)]


class ProposedTask(BaseModel):
    usable: bool
    task: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] = ""


class GroundedExample(BaseModel):
    query: Line
    negatives: list[Text] = Field(min_length=1, max_length=20)


class WrittenExample(GroundedExample):
    positive: Text


class Entailment(BaseModel):
    query: Line
    positive: Text
    contradiction: Text
    neutral: Text


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What to write. The same plan draws the same controls for the same passage."""

    intents: tuple[Intent, ...] = tuple(Intent)
    examples: int = 1  #: of each passage and intent
    negatives: int = 1  #: of each example; entailment always has two, a contradiction and a neutral one
    grounded: bool = False  #: the passage itself is the positive wherever the intent allows
    seed: int = 0

    def grounds(self, intent: Intent) -> bool:
        return self.grounded and intent in GROUNDED


@dataclass(frozen=True, slots=True)
class Job:
    passage: Passage
    intent: Intent
    number: int

    @property
    def id(self) -> str:
        return f"{self.passage.id}/{self.intent}/{self.number}"

    @property
    def full_text(self) -> str:
        """Return the passage as retrievers read it: the title before the text."""
        return f"{self.passage.title}\n{self.passage.text}".strip()

    @property
    def shown(self) -> str:
        return self.full_text[:_LONGEST_PASSAGE]

    def seed(self, plan: Plan) -> int:
        """Return 31 bits, which every server takes."""
        return int.from_bytes(blake2b(f"{plan.seed}/{self.id}".encode(), digest_size=4).digest()) >> 1

    def controls(self, plan: Plan) -> Controls:
        return Controls.draw(self.intent, Random(self.seed(plan)))  # noqa: S311 - for variety


def write_example(job: Job, plan: Plan, generator: Generator) -> tuple[Example, dict[str, Any]]:
    """Return an example and what was asked for it. Raises AnswerRejected, and whatever the generator raises."""
    proposed = ask(generator, task_messages(job.shown, job.intent), ProposedTask, seed=job.seed(plan))
    if not proposed.usable or not proposed.task:
        raise AnswerRejected("the passage is of no use")
    triple = _check(_write(job, plan, generator, task=proposed.task))
    example = Example(id=job.id, triple=triple, source=job.passage.id, kind="synthesis")
    return example, {"task": proposed.task, "controls": asdict(job.controls(plan))}


def _write(job: Job, plan: Plan, generator: Generator, *, task: str) -> Triple:
    grounded = plan.grounds(job.intent)
    controls, seed = job.controls(plan), job.seed(plan)
    messages = example_messages(
        job.shown, job.intent, task=task, controls=controls, negatives=plan.negatives, grounded=grounded
    )
    if job.intent == Intent.NLI:
        pair = ask(generator, messages, Entailment, seed=seed)
        return _triple(job.intent, pair.query, pair.positive, negatives=(pair.contradiction, pair.neutral))
    if grounded:
        read = ask(generator, messages, GroundedExample, seed=seed)
        return _triple(job.intent, read.query, job.full_text, negatives=read.negatives)
    written = ask(generator, messages, WrittenExample, seed=seed)
    return _triple(job.intent, written.query, written.positive, negatives=written.negatives)


def _triple(intent: Intent, query: str, positive: str, *, negatives: Sequence[str]) -> Triple:
    unlike = {key_of(text): text for text in negatives}
    return Triple(query=query, intent=intent, positives=(positive,), negatives=tuple(unlike.values()))


def _check(triple: Triple) -> Triple:
    """Return the triple. Raises AnswerRejected where it could only teach something wrong."""
    query, positive = key_of(triple.query), key_of(triple.positives[0])
    if query == positive:
        raise AnswerRejected("the query is the positive")
    if {query, positive} & set(map(key_of, triple.negatives)):
        raise AnswerRejected("a negative is the query or the positive")
    if triple.intent == Intent.TWITTER and len(triple.positives[0]) > _LONGEST_POST:
        raise AnswerRejected("the post is too long")
    return triple
