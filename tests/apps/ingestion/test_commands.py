import io
import json

import pytest
from django.core.management import CommandError, call_command

from apps.corpora.models import Corpus, Document
from apps.ingestion import exercise, jobs, reading
from apps.ingestion.management.commands import ingest
from apps.ingestion.models import JobItem
from tests.factories import CorpusFactory, DocumentFactory, JobFactory, JobItemFactory, UserFactory

pytestmark = pytest.mark.django_db

State = JobItem.State


@pytest.fixture(autouse=True)
def asked(monkeypatch):
    keys = []
    monkeypatch.setattr(jobs, "request_ingest", lambda item_ids: keys.extend(item_ids))
    return keys


@pytest.fixture
def folder(tmp_path):
    """Two reports, one of them in a folder of its own, and what no upload should bring along."""
    (tmp_path / "in" / "day 1").mkdir(parents=True)
    (tmp_path / "in" / "a.txt").write_text("The levee failed at dawn.")
    (tmp_path / "in" / "day 1" / "b.txt").write_text("Boats are on their way.")
    (tmp_path / "in" / ".DS_Store").write_text("hidden")
    (tmp_path / "in" / "link.txt").symlink_to("/etc/hostname")
    return tmp_path / "in"


def run(*args, **options):
    out = io.StringIO()
    call_command("ingest", *map(str, args), stdout=out, **options)
    return out.getvalue()


class TestIngest:
    def test_reads_folders_in_this_process_and_sums_up(self, folder, index):
        outcome = json.loads(run(folder, corpus="floods", create=True, here=True, json=True))
        assert {key: outcome[key] for key in ("files", "documents", "passages", "duplicates", "failed", "embedded")} == {
            "files": 2, "documents": 2, "passages": 2, "duplicates": 0, "failed": [], "embedded": 0,
        }  # fmt: skip
        assert set(JobItem.objects.values_list("name", flat=True)) == {"in/a.txt", "in/day 1/b.txt"}

    def test_asks_the_workers_when_they_are_to_read(self, folder, asked, django_capture_on_commit_callbacks):
        CorpusFactory(slug="floods")
        with django_capture_on_commit_callbacks(execute=True):
            words = run(folder, corpus="floods")
        assert len(asked) == 2
        assert "2 files wait to be read" in words

    def test_fails_with_the_names_and_reasons_of_what_failed(self, folder, index, capsys):
        (folder / "empty.pdf").write_bytes(b"")
        out = io.StringIO()
        with pytest.raises(SystemExit) as end:
            call_command("ingest", str(folder), corpus="floods", create=True, here=True, stdout=out)
        assert end.value.code == 1
        assert "FAILED in/empty.pdf: This file is empty" in out.getvalue()
        assert Document.objects.count() == 2

    def test_makes_no_corpus_unasked(self, folder):
        CorpusFactory(slug="reports")
        with pytest.raises(CommandError, match=r"there are: reports.*--create"):
            run(folder, corpus="floods")

    def test_makes_a_private_one_when_asked(self, folder):
        run(folder, corpus="cholera-2026", create=True, private=True, kind="guidance")
        corpus = Corpus.objects.get()
        assert (corpus.name, corpus.private, corpus.kind) == ("Cholera 2026", True, "guidance")

    def test_says_which_path_is_not_there(self, tmp_path):
        with pytest.raises(CommandError, match="nowhere"):
            run(tmp_path / "nowhere", corpus="floods", create=True)

    def test_takes_the_columns_it_is_told(self, tmp_path, index):
        (tmp_path / "log.csv").write_text("a,b\nBridge closed now,Road dry\nFerry sails again,Sea calm")
        run(tmp_path / "log.csv", corpus="floods", create=True, here=True, text_column="b", title_column="a")
        assert set(Document.objects.values_list("title", "passages__text")) == {
            ("Bridge closed now", "Bridge closed now\n\nRoad dry"),
            ("Ferry sails again", "Ferry sails again\n\nSea calm"),
        }

    def test_stops_waiting_when_told_and_lets_the_workers_go_on(self, folder, monkeypatch, capsys):
        def interrupt(_seconds):
            raise KeyboardInterrupt

        monkeypatch.setattr(ingest.time, "sleep", interrupt)
        run(folder, corpus="floods", create=True, wait=True)
        assert "the workers go on" in capsys.readouterr().err
        assert JobItem.objects.waiting().count() == 2

    def test_says_when_nobody_listens(self, folder, services, monkeypatch, capsys):
        """Waits until it has said so; a worker that comes up then ends the wait."""
        monkeypatch.setattr(ingest, "_PATIENCE_S", 0)
        monkeypatch.setattr(ingest, "_LOOK_EVERY_S", 0.01)
        said = ingest._why_nothing_moves

        def say_and_work(seen):
            notice = said(seen)
            for item in JobItem.objects.waiting():
                reading.ingest(item.pk)
            JobItem.objects.update(passages=0)  # nothing is left to be embedded
            return notice

        monkeypatch.setattr(ingest, "_why_nothing_moves", say_and_work)
        run(folder, corpus="floods", create=True, wait=True)
        assert "Nothing is listening on the queue 'ingest'" in capsys.readouterr().err


class TestLoadExercise:
    @pytest.fixture
    def edition(self, tmp_path):
        (tmp_path / "guidance").mkdir()
        (tmp_path / "guidance" / "1.md").write_text("# Sandbags\n\nFill them half.")
        (tmp_path / "claims.jsonl").write_text('{"id": "1", "text": "The dam has failed."}\n')
        return tmp_path

    def load(self, edition):
        return [exercise.load(shelf, folder=edition) for shelf in exercise.SHELVES]

    def test_fills_public_corpora_by_kind(self, edition, index):
        self.load(edition)
        assert set(Document.objects.values_list("corpus__slug", "kind", "corpus__private")) == {
            ("exercise-guidance", "guidance", False),
            ("exercise-claims", "claim", False),
        }

    def test_changes_nothing_the_second_time(self, edition, index, django_assert_max_num_queries):
        self.load(edition)
        with django_assert_max_num_queries(8):
            assert self.load(edition) == [None] * len(exercise.SHELVES)

    def test_brings_in_what_changed_and_takes_out_what_is_gone(self, edition, index):
        self.load(edition)
        (edition / "guidance" / "1.md").write_text("# Sandbags\n\nFill them to two thirds.")
        self.load(edition)
        document = Document.objects.get(corpus__slug="exercise-guidance")
        assert "two thirds" in document.full_text.text

    def test_leaves_alone_what_people_added(self, edition, index):
        self.load(edition)
        own = DocumentFactory(corpus=Corpus.objects.get(slug="exercise-guidance"), file_name="our own notes.md")
        self.load(edition)
        assert Document.objects.filter(pk=own.pk).exists()

    def test_leaves_alone_what_people_added_under_a_name_like_its_own(self, edition, index):
        self.load(edition)
        job = JobFactory(corpus=Corpus.objects.get(slug="exercise-guidance"), created_by=UserFactory())
        reading.ingest(JobItemFactory(job=job, name="guidance/ours.md", content=b"Our pumps stand ready.").pk)
        self.load(edition)
        assert Document.objects.filter(file_name="guidance/ours.md").exists()

    def test_does_not_come_back_by_itself_once_an_organisation_removed_it(self, index, monkeypatch):
        loaded = []
        monkeypatch.setattr(exercise, "load", lambda shelf: loaded.append(shelf.slug))
        call_command("load_exercise", unless_removed=True, stdout=io.StringIO())
        assert len(loaded) == len(exercise.SHELVES)  # nothing is here yet
        loaded.clear()
        CorpusFactory(slug="our-reports")
        CorpusFactory(slug="exercise-guidance")
        call_command("load_exercise", unless_removed=True, stdout=io.StringIO())
        assert loaded == ["exercise-guidance"]
        call_command("load_exercise", stdout=io.StringIO())
        assert len(loaded) == 1 + len(exercise.SHELVES)

    def test_is_loaded_whole_though_somebody_makes_a_corpus_meanwhile(self, db, monkeypatch):
        loaded = []

        def load(shelf):
            loaded.append(shelf.slug)
            CorpusFactory(slug=f"ours-{len(loaded)}")

        monkeypatch.setattr(exercise, "load", load)
        call_command("load_exercise", unless_removed=True, stdout=io.StringIO())
        assert loaded == [shelf.slug for shelf in exercise.SHELVES]

    def test_goes_on_where_it_was_stopped(self, edition, index):
        self.load(edition)
        JobItem.objects.update(state=State.WORKING)
        self.load(edition)
        assert Document.objects.count() == 2
        assert JobItem.objects.filter(state=State.DONE).count() == 2

    def test_has_its_files_in_the_tree(self):
        counts = {shelf.slug: len(list(exercise.FOLDER.glob(shelf.files))) for shelf in exercise.SHELVES}
        assert counts["exercise-reports"] >= 40
        assert counts["exercise-guidance"] >= 40
        assert counts["exercise-tweets"] == counts["exercise-claims"] == counts["exercise-statements"] == 1
