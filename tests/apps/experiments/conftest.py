import json

import pytest

CORPUS = [
    {"_id": "levee", "title": "", "text": "The levee failed at dawn."},
    {"_id": "school", "title": "", "text": "Shelters opened in the school for families."},
    {"_id": "boats", "title": "", "text": "Boats carried families from the roofs."},
]
QUERIES = [
    {"_id": "q-levee", "text": "which levee failed?", "metadata": {"intent": "QA"}},
    {"_id": "q-families", "text": "families in the school", "metadata": {"intent": "Twitter"}},
]


@pytest.fixture
def collection_folder(tmp_path):
    """A test collection on which everything can be found."""
    folder = tmp_path / "floods"
    (folder / "qrels").mkdir(parents=True)
    for name, records in (("corpus", CORPUS), ("queries", QUERIES)):
        (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    (folder / "qrels" / "test.tsv").write_text("query-id\tcorpus-id\tscore\nq-levee\tlevee\t1\nq-families\tschool\t1\n")
    return folder


@pytest.fixture
def report():
    """What the evaluator says of one system on one set; a test changes what it is about."""

    def report(**changes):
        system = {
            "model": "DMRetriever-33M",
            "card": "DMRetriever-33M",
            "revision": "abc",
            "instructions": "on",
            "documents": "truncated",
            **changes.pop("system", {}),
        }
        intents = {"QA": 0.6, "STS": 0.8, **changes.pop("scores", {})}
        return {
            "set": "DisastIR-Test",
            "retrieval": "dense",
            "label": "DMRetriever-33M dense",
            "system": system,
            "intents": {name: {"ndcg@10": score, "queries": 5} for name, score in intents.items()},
            "average": sum(intents.values()) / len(intents),
            "took_s": 2.0,
            "digest": "d1",
            "significant": ["QA"],
            "origin": {
                "at": "2026-11-23T14:05:00+00:00",
                "command": "python -m workers.evaluation DisastIR-Test",
                "machine": "2 cores",
                "commit": "abc1234",
            },
            **changes,
        }

    return report
