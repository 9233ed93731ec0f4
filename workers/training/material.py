"""What an adaptation learns from, chooses by and is judged by: three parts of a corpus.

No document has pairs in two of them, and an event goes with the account of its episode. Judged questions are divided
by their text alone: a passage that answers one that teaches may come from any document.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Literal

from workers.evaluation.beir import read_beir
from workers.evaluation.collection import Collection
from workers.evaluation.documents import read
from workers.records import Triple, write_jsonl
from workers.refinement.examples import Example, read_examples

Part = Literal["training", "development", "test"]
_OF_TEN: Mapping[int, Part] = {0: "development", 1: "test", 2: "test"}
_MOST_QUERIES = 300  #: of each kind in development and test: enough for significance, few enough to score often
_FEWEST = 40  #: training examples, and test queries over all kinds
_ANSWERS = 2  #: the grade from which a passage is an answer


class TooLittle(ValueError):
    """The corpus gives too few pairs to learn from or to be judged by."""


@dataclass(frozen=True, slots=True)
class Material:
    training: tuple[Path, ...]  #: files of examples, one a kind of pair
    development: tuple[Path, ...]  #: BEIR folders
    test: tuple[Path, ...]


def prepare(pairs: Path, folder: Path, *, judged: Path | None) -> Material:
    """Divide the pairs by the document they come from, and people's judgments, if there are any (a BEIR folder)."""
    examples = list(read_examples([pairs]))
    kinds = sorted({example.kind for example in examples})
    found = Material((), (), ())
    for kind in kinds:
        found = _add(found, _divide_pairs([each for each in examples if each.kind == kind], folder, kind=kind))
    if judged:
        found = _add(found, _divide_judged(read_beir(judged), folder))
    return found


def require_enough(material: Material, *, expected: int = 0) -> None:
    """Raise TooLittle where there is too little to learn from, `expected` examples included, or to be judged by."""
    training = sum(1 for _ in read_examples(material.training)) + expected
    test = sum(len(read_beir(path).queries) for path in material.test)
    if training < _FEWEST or test < _FEWEST:
        raise TooLittle(
            f"The corpus gives {training} examples to learn from and {test} to be judged by; {_FEWEST} of each are the"
            " least. Add documents with titles or headings, or judge results of searches."
        )


def part_of(document: str) -> Part:
    """Return where a document's pairs go: seven tenths to training, one to development, two to the test."""
    number = int.from_bytes(blake2b(document.encode(), digest_size=4).digest()) % 10
    return _OF_TEN.get(number, "training")


def _divide_pairs(examples: Sequence[Example], folder: Path, *, kind: str) -> Material:
    parts: dict[Part, list[Example]] = {"training": [], "development": [], "test": []}
    for example in examples:
        parts[part_of(example.episode or example.source or example.id)].append(example)
    corpus = {text: f"t{number}" for number, text in enumerate(_unique(examples))}
    answers = _answers(examples)

    def write(part: Part) -> tuple[Path, ...]:
        chosen = parts[part][:_MOST_QUERIES]
        if not chosen:
            return ()
        queries = {each.id: (each.triple.query, str(each.triple.intent)) for each in chosen}
        qrels = [(each.id, corpus[text], 1) for each in chosen for text in answers[each.cut_from or each.id]]
        target = folder / part / kind
        write_collection(
            target, corpus=((identity, "", text) for text, identity in corpus.items()), queries=queries, qrels=qrels
        )
        return (target,)

    return Material(
        _write_training(parts["training"], folder / "training" / f"{kind}.jsonl"), write("development"), write("test")
    )


def _answers(examples: Iterable[Example]) -> Mapping[str, Iterable[str]]:
    """Return what answers each example, by its id; for spans by their document, all of whose spans do: they may overlap."""
    found: dict[str, dict[str, None]] = {}
    for example in examples:
        found.setdefault(example.cut_from or example.id, {}).update(dict.fromkeys(example.triple.positives))
    return found


def _divide_judged(collection: Collection, folder: Path) -> Material:
    """Let seven tenths of the judged questions teach and the others judge, by their text alone."""
    teaching = {query.id for query in collection.queries if part_of(query.text) == "training"}
    texts = {passage.id: read(passage).text for passage in collection.passages}
    examples = []
    for query in collection.queries:
        grades = collection.qrels[query.id]
        answers = [texts[key] for key, grade in grades.items() if grade >= _ANSWERS and key in texts]
        wrong = [texts[key] for key, grade in grades.items() if grade == 0 and key in texts]
        if query.id in teaching and answers:
            triple = Triple(query=query.text, intent=query.intent, positives=tuple(answers), negatives=tuple(wrong))
            examples.append(Example(id=f"judged/{query.id}", triple=triple, kind="judged"))
    left = {query.id: (query.text, str(query.intent)) for query in collection.queries if query.id not in teaching}
    qrels = [(query_id, key, grade) for query_id in left for key, grade in collection.qrels[query_id].items()]
    target = folder / "test" / "judged"
    if left:
        corpus = ((passage.id, passage.title, passage.text) for passage in collection.passages)
        write_collection(target, corpus=corpus, queries=left, qrels=qrels)
    return Material(_write_training(examples, folder / "training" / "judged.jsonl"), (), (target,) if left else ())


def write_collection(
    folder: Path,
    *,
    corpus: Iterable[tuple[str, str, str]],
    queries: Mapping[str, tuple[str, str]],
    qrels: Iterable[tuple[str, str, int]],
) -> None:
    """Write a BEIR folder. corpus: id, title, text; queries: id → text and intent; qrels: query, passage, grade."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    _write_lines(folder / "corpus.jsonl", ({"_id": key, "title": title, "text": text} for key, title, text in corpus))
    _write_lines(
        folder / "queries.jsonl",
        ({"_id": key, "text": text, "metadata": {"intent": intent}} for key, (text, intent) in queries.items()),
    )
    rows = "".join(f"{query}\t{passage}\t{grade}\n" for query, passage, grade in qrels)
    (folder / "qrels" / "test.tsv").write_text(f"query-id\tcorpus-id\tscore\n{rows}", encoding="utf-8")


def _write_training(examples: Sequence[Example], path: Path) -> tuple[Path, ...]:
    if not examples:
        return ()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_jsonl(path, examples)
    return (path,)


def _write_lines(path: Path, rows: Iterable[Mapping[str, object]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


def _unique(examples: Iterable[Example]) -> dict[str, None]:
    return dict.fromkeys(text for example in examples for text in example.triple.positives)


def _add(first: Material, second: Material) -> Material:
    return Material(
        (*first.training, *second.training),
        (*first.development, *second.development),
        (*first.test, *second.test),
    )
