from datetime import UTC, datetime

import pytest

from apps.corpora.models import Kind
from apps.indexing.jobs import request_embedding
from apps.search import encoding
from tests.factories import CorpusFactory, DocumentFactory, PassageFactory, UserFactory


@pytest.fixture
def manager(db):
    return UserFactory()


@pytest.fixture
def signed_in(client, manager):
    client.force_login(manager)
    return client


@pytest.fixture
def put(db):
    """Put a document of the given passages into a corpus."""

    def put(corpus, *texts, published=None, **facts):
        moment = datetime.fromisoformat(published).replace(tzinfo=UTC) if published else None
        document = DocumentFactory(corpus=corpus, published_at=moment, **facts)
        return [PassageFactory(document=document, position=n, text=text) for n, text in enumerate(texts)]

    return put


@pytest.fixture
def library(index, put, run_jobs):
    """Three corpora that everybody reads, with their vectors by the hashing stand-in."""
    reports = CorpusFactory(slug="reports", name="Situation reports", kind=Kind.REPORT)
    guidance = CorpusFactory(slug="guidance", name="Guidance", kind=Kind.GUIDANCE)
    tweets = CorpusFactory(slug="tweets", name="Tweets", kind=Kind.TWEET)
    put(
        reports,
        "The levee at Crake Hollow failed at dawn. Forty families were moved to the school.",
        "Shelters in Aldermoot are full.",
        title="Sitrep 7",
        external_id="sitrep-7",
        published="2026-04-11",
    )
    put(reports, "Power came back to Lowquay at noon.", title="Sitrep 9", published="2026-04-13")
    put(guidance, "Boil tap water for one minute before you drink it.", title="Boil water notice")
    put(tweets, "Water at my door in Lowquay, need a boat", title="tweet", author="@dez", published="2026-04-11")
    request_embedding(index_id=index.pk)
    return {"reports": reports, "guidance": guidance, "tweets": tweets}


@pytest.fixture
def encoder_away(monkeypatch):
    def fail(*_args, **_kwargs):
        raise encoding.EncoderUnavailable("the encoder did not answer in 1.5 s")

    monkeypatch.setattr("apps.search.retrieving.encode_query", fail)
