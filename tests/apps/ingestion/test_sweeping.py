from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.utils import timezone

from apps.corpora.models import StoredFile
from apps.ingestion import sweeping
from tests.factories import DocumentFactory, JobItemFactory

pytestmark = pytest.mark.django_db


def stored(content, *, hours_ago=2):
    kept, _ = StoredFile.objects.keep(ContentFile(content))
    StoredFile.objects.filter(pk=kept.pk).update(created_at=timezone.now() - timedelta(hours=hours_ago))
    return kept


class TestForgetUnusedFiles:
    def test_deletes_row_and_bytes_of_what_nothing_needs(self):
        unused = stored(b"nobody's")
        path = Path(unused.file.path)
        assert sweeping.forget_unused_files() == 1
        assert not path.exists()
        assert not StoredFile.objects.exists()

    def test_keeps_what_a_document_or_an_item_needs(self):
        DocumentFactory(source=stored(b"a document's"))
        JobItemFactory(source=stored(b"an item's"))
        assert sweeping.forget_unused_files() == 0

    def test_keeps_what_came_just_now(self):
        stored(b"on its way", hours_ago=0)
        assert sweeping.forget_unused_files() == 0

    def test_takes_the_same_bytes_again_afterwards(self):
        stored(b"back again")
        sweeping.forget_unused_files()
        kept, created = StoredFile.objects.keep(ContentFile(b"back again"))
        assert created
        assert kept.file.read() == b"back again"
