"""The example searches of the page and the README, answered by the packaged model."""

import json
from pathlib import Path

import pytest
from django.core.management import call_command

import apps.corpora
from apps.corpora.models import Document
from apps.indexing import services as indexing
from apps.retrievers.intents import Intent
from apps.search import encoding
from apps.search.outcome import Asked
from apps.search.services import search
from tests.factories import UserFactory

pytestmark = pytest.mark.torch

EXAMPLES = json.loads((Path(apps.corpora.__file__).parent / "exercise" / "queries.json").read_text())


@pytest.fixture
def exercise(db, settings, run_jobs, django_capture_on_commit_callbacks):
    """The exercise corpus, embedded as a worker would."""
    settings.RETRIEVER, settings.ENCODER_BACKEND = "all-MiniLM-L6-v2", "torch"
    encoding.connection().flushdb()
    with django_capture_on_commit_callbacks(execute=True):
        indexing.ensure_index()
    with django_capture_on_commit_callbacks(execute=True):
        call_command("load_exercise")


def names(hits):
    files = dict(Document.objects.filter(pk__in=[hit.document_id for hit in hits]).values_list("pk", "file_name"))
    return {hit.external_id or Path(files[hit.document_id]).name for hit in hits}


def answered(example, user, *, within):
    """Say whether one of the expected documents is among the first hits, read as the intent it is meant as."""
    asked = Asked(query=example["text"], intent=Intent(example["intent"]), limit=within, of_one_document=1)
    return bool(set(example["expects"]) & names(search(asked, user=user).hits))


class TestExampleSearches:
    def test_give_answers_worth_reading_in_every_intent(self, exercise):
        user = UserFactory()
        shown = [example for example in EXAMPLES if example.get("shown")]
        assert {example["intent"] for example in shown} == set(Intent)
        assert [example["text"] for example in shown if not answered(example, user, within=5)] == []
        missed = [example["text"] for example in EXAMPLES if not answered(example, user, within=10)]
        assert missed == []
