from datetime import timedelta
from pathlib import Path

import pytest
from django.core.files.base import ContentFile
from django.db import connection
from django.utils import timezone

from apps.corpora.models import Corpus, Document, Passage, StoredFile
from apps.ingestion import sweeping
from tests.factories import CorpusFactory, DocumentFactory, JobItemFactory, PassageFactory

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

    def test_keeps_what_is_brought_again_while_it_looks(self):
        kept = stored(b"back in time")

        def bring_again(execute, sql, params, many, context):
            result = execute(sql, params, many, context)
            if "FOR UPDATE" in sql:
                JobItemFactory(source=kept)
            return result

        with connection.execute_wrapper(bring_again):
            assert sweeping.forget_unused_files() == 0
        assert kept.file.storage.exists(kept.file.name)

    def test_takes_the_same_bytes_again_afterwards(self):
        stored(b"back again")
        sweeping.forget_unused_files()
        kept, created = StoredFile.objects.keep(ContentFile(b"back again"))
        assert created
        assert kept.file.read() == b"back again"


class TestTakeDeletedCorporaApart:
    def test_takes_all_of_a_deleted_corpus_and_nothing_of_the_others(self, index):
        gone, kept = CorpusFactory(), CorpusFactory()
        for corpus in (gone, kept):
            PassageFactory(document__corpus=corpus)
            JobItemFactory(job__corpus=corpus, content=corpus.slug.encode())
        gone.mark_deleted()
        assert sweeping.take_deleted_corpora_apart() == 1
        assert list(Corpus.with_deleted.all()) == [kept]
        assert Passage.objects.get().corpus == kept

    def test_stops_when_its_time_is_over_and_goes_on_the_next_time(self):
        corpus = CorpusFactory()
        DocumentFactory.create_batch(3, corpus=corpus)
        corpus.mark_deleted()
        assert sweeping.take_deleted_corpora_apart(seconds=-1) == 0
        assert Document.objects.count() == 3
        assert sweeping.take_deleted_corpora_apart() == 3
        assert not Corpus.with_deleted.exists()
