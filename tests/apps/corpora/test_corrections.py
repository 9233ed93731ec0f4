import io
import json

import pytest
from django.core.files.base import ContentFile
from django.core.management import call_command

from apps.corpora.corrections import correct, undo
from apps.corpora.models import Correction, Document, Passage
from apps.ingestion import reading, services
from tests.factories import CorpusFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def corpus(index):
    return CorpusFactory()


@pytest.fixture
def analyst():
    return UserFactory(analyst=True, username="anna")


def upload(corpus, rows):
    content = "\n".join(json.dumps(row) for row in rows)
    job = services.open_job(corpus)
    item = services.add(job, ContentFile(content.encode()), name="rows.jsonl")
    reading.ingest(item.pk)
    item.refresh_from_db()
    assert item.state == "DONE", item.reason
    return item


ROWS = [
    {"id": "1", "text": "Flooding in Calgary: the river rose again last night", "lang": "en"},
    {"id": "2", "text": "A quake shook the hills at noon and roofs fell in", "lang": "en"},
]


class TestIngestion:
    def test_describes_documents_and_copies_it_to_their_passages(self, corpus):
        upload(corpus, ROWS)
        flood = Document.objects.get(external_id="1")
        assert (flood.hazards, flood.places, flood.language) == (["flood"], ["Calgary, Canada", "Canada"], "en")
        assert flood.origins["language"] == {"how": "field"}
        assert flood.origins["places"] == {"how": "text"}
        passage = flood.passages.get()
        assert [getattr(passage, name) for name in Passage.COPIES] == [getattr(flood, name) for name in Passage.COPIES]


class TestACorrection:
    def test_reaches_the_passages_and_says_by_whom(self, corpus, analyst):
        upload(corpus, ROWS)
        found = Document.objects.filter(external_id="1")
        correct(found, {"event": {"event": "Spring flood"}, "hazards": {"hazards": ["river-flood"]}}, by=analyst)
        document = found.get()
        assert (document.event, document.hazards) == ("Spring flood", ["river-flood"])
        assert document.origins["event"]["how"] == "person"
        assert document.origins["event"]["by"] == "anna"
        assert Passage.objects.get(document=document).event == "Spring flood"
        assert Document.objects.get(external_id="2").event == ""

    def test_survives_when_the_file_is_read_again(self, corpus, analyst):
        item = upload(corpus, ROWS)
        correct(Document.objects.filter(external_id="1"), {"event": {"event": "Spring flood"}}, by=analyst)
        services.correct_mapping(item, {**item.mapping, "text": ["text", "lang"]})  # other columns: other texts
        reading.ingest(item.pk)
        document = Document.objects.get(external_id="1")
        assert document.event == "Spring flood"
        assert document.origins["event"]["by"] == "anna"
        assert document.passages.get().event == "Spring flood"

    def test_is_not_taken_for_a_row_of_the_same_number_in_another_file(self, corpus, analyst):
        upload(corpus, ROWS)
        correct(Document.objects.filter(external_id="1"), {"event": {"event": "Spring flood"}}, by=analyst)
        upload(corpus, [{"id": "1", "text": "Another table altogether, about a landslide"}])
        assert Document.objects.filter(event="Spring flood").count() == 1

    def test_survives_the_finders(self, corpus, analyst):
        upload(corpus, ROWS)
        correct(Document.objects.filter(external_id="1"), {"hazards": {"hazards": ["dam-failure"]}}, by=analyst)
        call_command("find_metadata", "--all", stdout=io.StringIO())
        assert Document.objects.get(external_id="1").hazards == ["dam-failure"]

    def test_of_many_is_undone_in_one_go(self, corpus, analyst):
        upload(corpus, ROWS)
        before = list(Document.objects.order_by("pk").values("event", "origins", "hazards"))
        act = correct(corpus.documents.all(), {"event": {"event": "Exercise"}}, by=analyst)
        assert set(Passage.objects.values_list("event", flat=True)) == {"Exercise"}
        assert undo(Correction.objects.filter(act=act)) == 2
        assert list(Document.objects.order_by("pk").values("event", "origins", "hazards")) == before
        assert set(Passage.objects.values_list("event", flat=True)) == {""}
        assert not Correction.objects.exists()

    def test_leaves_a_later_one_alone_when_it_is_undone(self, corpus, analyst):
        upload(corpus, ROWS)
        first = correct(corpus.documents.all(), {"event": {"event": "Exercise"}}, by=analyst)
        correct(Document.objects.filter(external_id="1"), {"event": {"event": "Spring flood"}}, by=analyst)
        undo(Correction.objects.filter(act=first))
        assert list(Document.objects.order_by("external_id").values_list("event", flat=True)) == ["Spring flood", ""]

    def test_to_what_is_there_already_changes_nothing(self, corpus, analyst):
        upload(corpus, ROWS)
        correct(corpus.documents.all(), {"language": {"language": "en"}}, by=analyst)
        assert not Correction.objects.exists()


class TestFindMetadata:
    def test_fills_documents_that_came_before_the_finders(self, corpus):
        upload(corpus, ROWS)
        blank = {"hazards": [], "places": [], "latitude": None, "longitude": None}
        Document.objects.update(**blank, origins={}, finder_version=0)
        Passage.objects.update(**blank)
        told = io.StringIO()
        call_command("find_metadata", stdout=told)
        assert "2 documents looked at" in told.getvalue()
        assert Passage.objects.get(document__external_id="1").hazards == ["flood"]
        call_command("find_metadata", stdout=told)
        assert "0 documents looked at" in told.getvalue()
