import json

import pytest

from apps.corpora.chunking import Chunk
from apps.retrievers.intents import Intent
from workers.encoders.hashing import HashingEncoder
from workers.evaluation.collection import Collection
from workers.records import Passage, Qrel, Query
from workers.vector_store import VectorStore


@pytest.fixture
def write(tmp_path):
    """Write a file under the test's folder: text as it is, a list of records as JSON lines."""

    def write(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, str):
            content = "".join(json.dumps(record) + "\n" for record in content)
        path.write_text(content)
        return path

    return write


@pytest.fixture
def floods():
    """Three questions on four passages; the last question is itself a passage of the corpus."""
    return Collection.build(
        "floods",
        passages=[
            Passage(id="levee", title="Sacramento", text="the levee failed at dawn"),
            Passage(id="shelter", text="shelters opened for families in the school"),
            Passage(id="boats", text="boats carried families from the roofs"),
            Passage(id="twin", text="which levee failed first"),
        ],
        queries=[
            Query(id="q-levee", text="levee failed", intent=Intent.QA),
            Query(id="q-families", text="families", intent=Intent.TWITTER),
            Query(id="q-twin", text="which levee failed first", intent=Intent.STS, exclude="twin"),
        ],
        judgments=[
            Qrel(query_id="q-levee", passage_id="levee", grade=3),
            Qrel(query_id="q-families", passage_id="shelter", grade=1),
            Qrel(query_id="q-families", passage_id="boats", grade=1),
            Qrel(query_id="q-twin", passage_id="levee", grade=2),
        ],
    )


class CountingEncoder(HashingEncoder):
    """Remembers what it was asked to encode."""

    def __init__(self):
        super().__init__()
        self.encoded = []

    def encode(self, texts):
        self.encoded += texts
        return super().encode(texts)


@pytest.fixture
def encoder():
    return CountingEncoder()


@pytest.fixture
def store(tmp_path, encoder):
    return VectorStore(tmp_path / "embeddings", encoder)


@pytest.fixture
def split_at():
    """Return a splitter that cuts documents at a mark."""

    def split_at(mark):
        def split(document):
            parts = document.text.split(mark)
            return [
                Chunk(text=part, start=0, end=len(part), page=None, heading="", tokens=len(part.split()))
                for part in parts
                if part
            ]

        return split

    return split_at
