"""The product's own way from a file to a ranking, walked by a test collection.

Ingestion reads and cuts, the index keeps, `search.services` answers: so that what is measured is what
people get, approximate search, fusion and filters included.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from django.core.files.base import ContentFile
from django.utils.text import slugify

from apps.accounts.models import User
from apps.corpora.models import Corpus, Passage
from apps.experiments.evaluation_process import Embedder
from apps.indexing import ann
from apps.indexing import services as indexing
from apps.indexing.models import PassageVector, VectorIndex
from apps.ingestion import reading
from apps.ingestion import services as ingestion
from apps.ingestion.models import JobItem
from apps.retrievers.intents import Intent
from apps.search import services as search
from apps.search import wording
from apps.search.encoding import remember
from apps.search.outcome import Arm, Asked, Hit
from apps.search.retrieving import DEPTH

# Each part is an item of its own: what an interrupted run need not read again.
PART_LINES = 2_000
STORE_BATCH = 5_000
_COLUMNS: dict[str, object] = {"text": ["text"], "title": "title", "id": "_id"}

Say = Callable[[str], None]
Ranking = list[str]  # ids of documents, best first


@dataclass(frozen=True, kw_only=True, slots=True)
class Question:
    id: str
    text: str
    intent: Intent


class PipelineFailed(Exception):
    """The product could not take the collection in or answer its queries."""


def read_questions(folder: Path) -> list[Question]:
    """Read the queries of a BEIR folder that the evaluator exported."""
    with (folder / "queries.jsonl").open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [Question(id=row["_id"], text=row["text"], intent=Intent(row["metadata"]["intent"])) for row in rows]


def ingest(folder: Path, *, kind: str, say: Say) -> Corpus:
    """Bring the corpus of a BEIR folder in as an upload would be; what is there already stays."""
    source = folder / "corpus.jsonl"
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    corpus = _corpus(folder.name, digest=digest, kind=kind)
    job = corpus.jobs.first() or ingestion.open_job(corpus)
    # Read by us alone: an item that another run was working on waits again.
    job.items.exclude(state=JobItem.State.DONE).send_back()
    known = set(job.items.values_list("name", flat=True))
    for number, part in enumerate(_parts(source)):
        name = f"part {number}.jsonl"
        if name not in known:
            ingestion.add(job, ContentFile(part), name=name, mapping=dict(_COLUMNS))
    for item in job.items.waiting().order_by("pk"):
        reading.ingest(item.pk)
        say(f"read {job.items.filter(state=JobItem.State.DONE).count()} of {job.items.count()} parts")
    if failed := job.items.exclude(state=JobItem.State.DONE).first():
        raise PipelineFailed(f"{folder.name} could not be read: {failed.reason}")
    return corpus


def _corpus(name: str, *, digest: str, kind: str) -> Corpus:
    """Return the collection's corpus, made anew where the collection or the model it is cut for has changed."""
    slug = slugify(name)[:60] or digest[:12]
    description = f"A test collection, for evaluation only: {digest}, cut for {indexing.chosen_card().name}"
    found = Corpus.objects.filter(slug=slug).first()
    if found and (found.description, found.kind) != (description, kind):
        found.delete()
        found = None
    return found or Corpus.objects.create(slug=slug, name=name, description=description, kind=kind, private=True)


def _parts(source: Path) -> Iterator[bytes]:
    with source.open("rb") as lines:
        while part := b"".join(islice(lines, PART_LINES)):
            yield part


def serve_no_index() -> None:
    """Let no index answer, nor ask for vectors: searches find words alone, and no worker hears of us."""
    VectorIndex.objects.update(status=VectorIndex.Status.RETIRED)


def serve_index(corpus: Corpus, embedder: Embedder, *, say: Say) -> VectorIndex:
    """Let the chosen model's index answer, with a vector for every passage of the corpus."""
    index = _index()
    has_vector = PassageVector.objects.filter(index=index).values("passage_id")
    missing = list(Passage.objects.filter(corpus=corpus).exclude(pk__in=has_vector).values_list("pk", "text"))
    if missing:
        say(f"embedding {len(missing):,} passages with {index.retriever}")
        texts = [index.card.passage_text(text) for _, text in missing]
        vectors = embedder.embed(texts, workload="passages")
        for start in range(0, len(missing), STORE_BATCH):
            batch = slice(start, start + STORE_BATCH)
            indexing.store_vectors(index, [pk for pk, _ in missing[batch]], vectors[batch])
    indexing.go_live(index)
    indexing.tend(index)
    return index


def _index() -> VectorIndex:
    """Return the index of the chosen retriever; until it serves it grows nowhere, so no worker is asked to fill it."""
    card = indexing.chosen_card()
    revision = indexing.chosen_revision(card)
    index, created = VectorIndex.objects.get_or_create(
        retriever=card.name,
        revision=revision,
        defaults={"dim": card.dim, "status": VectorIndex.Status.RETIRED},
    )
    if created:
        ann.create_partition(index)
    return index


def teach_queries(questions: Sequence[Question], index: VectorIndex, embedder: Embedder) -> None:
    """Put the queries' vectors where searches look for them before they ask a worker."""
    texts = [index.card.query_text(wording.read(question.text).text, question.intent) for question in questions]
    for text, vector in zip(texts, embedder.embed(texts, workload="queries"), strict=True):
        remember(text, vector, index=index)


def rank(
    questions: Sequence[Question], corpus: Corpus, *, retrievals: Sequence[str], say: Say
) -> dict[str, dict[str, Ranking]]:
    """Search once for each question as a person would; return for each of `retrievals` the documents that it found.

    retrievals: "hybrid" for what the page shows, "dense" or "lexical" for one arm of it.
    """
    admin = User(role=User.Role.ADMIN)
    rankings: dict[str, dict[str, Ranking]] = {retrieval: {} for retrieval in retrievals}
    for number, question in enumerate(questions, start=1):
        asked = Asked(query=question.text, intent=question.intent, corpora=(corpus.slug,), limit=2 * DEPTH)
        outcome = search.search(asked, user=admin)
        if outcome.why_words and set(retrievals) != {"lexical"}:
            raise PipelineFailed(f"A query was answered by words alone: {outcome.why_words}.")
        for retrieval, found in rankings.items():
            found[question.id] = best_passages(outcome.hits, retrieval=retrieval)
        if number % 100 == 0 or number == len(questions):
            say(f"searched for {number} of {len(questions)} queries")
    return rankings


def best_passages(hits: Sequence[Hit], *, retrieval: str) -> Ranking:
    """Return each document once, where the best of its passages stands."""
    arms: dict[str, Arm] = {"dense": "dense", "lexical": "words"}
    if arm := arms.get(retrieval):
        hits = sorted((hit for hit in hits if arm in hit.ranks), key=lambda hit: hit.ranks[arm])
    return list(dict.fromkeys(hit.external_id for hit in hits))


def write_run(path: Path, rankings: Iterable[tuple[str, Ranking]], *, tag: str) -> None:
    """Write a TREC run; scores only keep the order."""
    with path.open("w", encoding="utf-8") as file:
        for question_id, ranking in rankings:
            for place, document_id in enumerate(ranking, start=1):
                file.write(f"{question_id} Q0 {document_id} {place} {1 / place:.6f} {tag}\n")
