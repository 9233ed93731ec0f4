import pytest

from apps.feedback.models import Judgment, Query
from apps.indexing.jobs import request_embedding
from apps.retrievers.intents import Intent
from tests.factories import CorpusFactory, DocumentFactory, PassageFactory, UserFactory

LEVEE = "Which levee failed?"


@pytest.fixture
def analyst(db):
    return UserFactory(analyst=True, username="ana")


@pytest.fixture
def signed_in(client, analyst):
    client.force_login(analyst)
    return client


@pytest.fixture
def passage(db):
    """One that everybody may read."""
    corpus = CorpusFactory(slug="reports", name="Situation reports")
    return PassageFactory(document=DocumentFactory(corpus=corpus, title="Sitrep 7"))


@pytest.fixture
def secret(db):
    """One of a private corpus that nobody belongs to."""
    corpus = CorpusFactory(slug="secret", name="Secret", private=True)
    return PassageFactory(document=DocumentFactory(corpus=corpus, title="Levee plan"), text="The levee is weak.")


@pytest.fixture
def judge(db):
    """Record a grade."""

    def judge(who, grade, passage, *, text=LEVEE, intent=Intent.QA):
        Judgment.objects.record(who, Query.objects.of(text, intent), passage=passage, grade=grade)

    return judge


@pytest.fixture
def library(index, run_jobs, passage, secret):
    """Passages with vectors by the stand-in, most of them sharing words with the query."""
    texts = [f"Levee bulletin number {n}." for n in range(8)] + ["Shelters are full.", "Power came back at noon."]
    for text in texts:
        PassageFactory(document=DocumentFactory(corpus=passage.corpus), text=text)
    request_embedding(index_id=index.pk)
    return passage.corpus
