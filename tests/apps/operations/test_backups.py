"""Backups that were really restored, into the test database, by PostgreSQL's own programs."""

import json
import shutil
from dataclasses import replace
from io import BytesIO, StringIO
from pathlib import Path

import psycopg
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.urls import reverse

from apps.corpora.models import Document, Passage, StoredFile
from apps.indexing.models import PassageVector
from apps.operations.backups import postgres, restoring
from apps.operations.backups.checking import faults
from apps.operations.backups.errors import BackupFailed
from apps.operations.backups.manifest import sha256_of
from apps.retrievers.declared import declaration
from apps.retrievers.family import PACKAGED
from apps.retrievers.own import own_card
from tests.factories import DocumentFactory, PassageFactory, UserFactory

REPORT = b"The levee at Crake Hollow failed at dawn."


@pytest.fixture
def place(tmp_path):
    return tmp_path / "backups"


@pytest.fixture
def library(transactional_db):
    """A document with its file and a passage."""
    stored, _ = StoredFile.objects.keep(ContentFile(REPORT))
    return PassageFactory(document=DocumentFactory(title="Levee report", source=stored)).document


def backup(place, **options):
    out = StringIO()
    call_command("backup", str(place), json=True, stdout=out, **options)
    return json.loads(out.getvalue())


def quiet(_text):
    """Progress that nobody reads."""


class TestBackup:
    def test_brings_back_what_was_deleted_since(self, library, place, settings):
        made = backup(place)
        Document.objects.all().delete()
        Path(settings.MEDIA_ROOT, library.source.file.name).unlink()

        restoring.restore(Path(made["folder"]), say=quiet)

        assert Document.objects.get().title == "Levee report"
        assert Document.objects.get().source.file.read() == REPORT
        assert Passage.objects.get().words  # the generated column is generated again

    def test_takes_away_what_came_since(self, library, place):
        made = backup(place)
        DocumentFactory(title="Later")
        restoring.restore(Path(made["folder"]), say=quiet)
        assert list(Document.objects.values_list("title", flat=True)) == ["Levee report"]

    def test_brings_vectors_and_their_graph_back(self, library, index, place):
        PassageVector.objects.create(index_id=index.pk, passage=Passage.objects.get(), embedding=[1.0] + [0.0] * 383)
        made = backup(place)
        PassageVector.objects.all().delete()
        restoring.restore(Path(made["folder"]), say=quiet)
        assert PassageVector.objects.filter(index_id=index.pk).count() == made["rows"]["indexing.PassageVector"] == 1

    def test_is_restored_from_where_nothing_can_be_written(self, library, place):
        made = Path(backup(place)["folder"])
        Document.objects.all().delete()
        folders = [place, *(path for path in place.rglob("*") if path.is_dir())]
        for folder in folders:
            folder.chmod(0o555)
        # Whoever is root could write all the same: a folder's own time tells of a file made and deleted.
        before = {folder: folder.stat().st_mtime_ns for folder in folders}
        try:
            restoring.restore(made, say=quiet)
            assert {folder: folder.stat().st_mtime_ns for folder in folders} == before
        finally:
            for folder in folders:
                folder.chmod(0o755)
        assert Document.objects.get().title == "Levee report"

    def test_is_restored_by_servers_older_than_what_reads_it(self, library, place, monkeypatch):
        """Up to 16 they refuse a setting that pg_restore writes since 17."""
        dump = Path(backup(place)["folder"], "database.dump")

        def lines_for(version):
            sql = BytesIO()
            monkeypatch.setattr(postgres, "server_version", lambda: version)
            postgres.write_sql(dump, to=sql)
            return [
                line for line in sql.getvalue().splitlines() if not line.startswith(b"\\")
            ]  # a word of its own each time

        old, new = lines_for(160_004), lines_for(170_000)
        setting = b"SET transaction_timeout = 0;"
        assert setting in new
        assert old == [line for line in new if line != setting]

    def test_keeps_a_file_once_for_all_backups(self, library, place):
        first = Path(backup(place)["folder"])
        first.rename(first.with_name("20200101T000000Z"))  # both within a second
        assert backup(place)["files"] == 1
        assert len([path for path in (place / "files").rglob("*") if path.is_file()]) == 1

    def test_forgets_old_ones_and_their_files(self, library, place):
        old = Path(backup(place)["folder"])
        old.rename(old.with_name("20200101T000000Z"))
        Document.objects.all().delete()
        StoredFile.objects.all().delete()
        made = backup(place, keep=1)
        assert made["deleted"] == [str(old.with_name("20200101T000000Z"))]
        assert not [path for path in (place / "files").rglob("*") if path.is_file()]

    def test_holds_a_file_that_came_while_the_dump_was_begun(self, library, place, monkeypatch):
        def dump_after_an_upload(to):
            DocumentFactory(source=StoredFile.objects.keep(ContentFile(b"The dam holds."))[0])
            dump(to)

        dump = postgres.dump
        monkeypatch.setattr(postgres, "dump", dump_after_an_upload)
        made = backup(place)
        assert made["files"] == 2
        assert not list(faults(Path(made["folder"])))

    def test_never_goes_beside_the_uploaded_files_themselves(self, library, settings):
        with pytest.raises(CommandError, match="uploaded files themselves"):
            call_command("backup", str(Path(settings.MEDIA_ROOT).parent), keep=1)
        assert Path(settings.MEDIA_ROOT, library.source.file.name).exists()

    def test_is_told_on_the_status_page(self, library, place, client):
        client.force_login(UserFactory(admin=True))
        assert "none was ever made" in client.get(reverse("status")).text
        backup(place)
        assert "made within the last hour" in client.get(reverse("status")).text

    def test_is_not_made_while_another_one_is(self, library, place):
        """It would take away what the other has not ended."""
        unfinished = place / "20200101T000000Z.partial"
        unfinished.mkdir(parents=True)
        with psycopg.connect(**connection.get_connection_params()) as other:
            other.execute("SELECT pg_advisory_lock(hashtext('dmsearch.backup'))")
            with pytest.raises(CommandError, match="Another backup"):
                backup(place, keep=1)
            other.execute("SELECT pg_advisory_unlock_all()")
        assert unfinished.exists()
        backup(place, keep=1)
        assert not unfinished.exists()

    def test_needs_a_folder_it_can_write_to(self, library, tmp_path):
        (tmp_path / "file").write_text("")
        with pytest.raises(CommandError, match="Cannot write"):
            call_command("backup", str(tmp_path / "file"))


class TestAModelTrainedHere:
    @pytest.fixture
    def ours(self, library, tmp_path, monkeypatch):
        """Its folder, as a run leaves it; another run writes its own just now."""
        monkeypatch.setenv("DMSEARCH_HOME", str(tmp_path / "home"))
        folder = tmp_path / "home" / "models" / "ours"
        (folder / "1_Pooling").mkdir(parents=True)
        (folder / "1_Pooling" / "config.json").write_text("{}")
        settings = json.dumps({"card": declaration(replace(PACKAGED, name="ours"))})
        (folder / "config_sentence_transformers.json").write_text(settings)
        (folder / "model.safetensors").write_bytes(b"weights")
        shutil.copytree(folder, folder.with_name(".theirs.part"))
        return folder

    def test_comes_back_whole_on_a_machine_that_never_had_it(self, ours, place):
        made = backup(place)
        shutil.rmtree(ours.parent)
        restoring.restore(Path(made["folder"]), say=quiet)
        assert made["models"] == ["ours"]
        assert own_card("ours")
        assert (ours / "model.safetensors").read_bytes() == b"weights"
        assert (ours / "1_Pooling" / "config.json").read_text() == "{}"
        assert [path.name for path in ours.parent.iterdir()] == ["ours"]

    def test_that_is_there_with_other_content_stays_and_is_told(self, ours, place):
        made = backup(place)
        (ours / "model.safetensors").write_bytes(b"weights of another run")
        told = []
        restoring.restore(Path(made["folder"]), say=told.append)
        assert (ours / "model.safetensors").read_bytes() == b"weights of another run"
        assert any("a model ours is in" in line for line in told)

    def test_that_is_there_as_it_was_is_not_spoken_of(self, ours, place):
        told = []
        restoring.restore(Path(backup(place)["folder"]), say=told.append)
        assert not any("ours" in line for line in told)

    def test_that_was_damaged_in_the_backup_is_found_out(self, ours, place):
        made = Path(backup(place)["folder"])
        sha256 = sha256_of(ours / "model.safetensors")
        (place / "files" / sha256[:2] / sha256[2:4] / sha256).write_bytes(b"weight")
        (fault,) = faults(made)
        assert "ours/model.safetensors is not what was copied" in fault

    def test_is_kept_once_and_as_long_as_a_backup_has_it(self, ours, place):
        old = Path(backup(place)["folder"])
        old.rename(old.with_name("20200101T000000Z"))
        backup(place, keep=1)
        assert not list(faults(next(place.glob("*Z"))))
        next(place.glob("*Z")).rename(place / "20200101T000000Z")
        shutil.rmtree(ours)
        backup(place, keep=1)
        assert len([path for path in (place / "files").rglob("*") if path.is_file()]) == 1  # the uploaded one

    def test_is_in_no_backup_of_an_earlier_version_which_can_be_restored_all_the_same(self, library, place):
        made = Path(backup(place)["folder"])
        manifest = json.loads((made / "manifest.json").read_text())
        del manifest["models"], manifest["models_sha256"]
        (made / "manifest.json").write_text(json.dumps(manifest))
        (made / "models.tsv").unlink()
        Document.objects.all().delete()
        restoring.restore(made, say=quiet)
        assert Document.objects.exists()


class TestADamagedBackup:
    @pytest.fixture
    def made(self, library, place):
        return Path(backup(place)["folder"])

    def test_is_found_out(self, made, place, library):
        (place / "files" / library.source.file.name).write_bytes(b"something else")
        with pytest.raises(CommandError, match="1 faults"):
            call_command("backup", str(made), check=True, stdout=StringIO())

    def test_changes_nothing(self, made):
        dump = made / "database.dump"
        dump.write_bytes(dump.read_bytes()[:-100])
        DocumentFactory(title="Later")
        with pytest.raises(BackupFailed, match=r"nothing was changed: database\.dump"):
            restoring.restore(made, say=quiet)
        assert Document.objects.filter(title="Later").exists()

    def test_whose_database_fails_half_way_changes_nothing(self, made, monkeypatch):
        """The dump is whole, but the server refuses something in it."""
        monkeypatch.setattr(
            "apps.operations.backups.postgres._EMPTY", "DROP TABLE corpora_passage CASCADE; SELECT 1/0;"
        )
        with pytest.raises(BackupFailed, match="division by zero"):
            restoring.restore(made, say=quiet)
        assert Passage.objects.exists()

    def test_whose_reader_dies_half_way_changes_nothing(self, made, monkeypatch, tmp_path):
        """Half of the tables were made anew by then."""
        dying = tmp_path / "pg_restore"
        whole = postgres.program("pg_restore")
        dying.write_text(
            f'#!/bin/sh\n"{whole}" "$@" | sed "/^CREATE TABLE public.corpora_passage /q"\necho gone >&2; exit 9\n'
        )
        dying.chmod(0o755)
        program = postgres.program
        monkeypatch.setattr(postgres, "program", lambda name: str(dying) if name == "pg_restore" else program(name))
        monkeypatch.setattr(restoring, "faults", lambda _folder: iter(()))  # found whole before
        DocumentFactory(title="Later")
        with pytest.raises(BackupFailed, match="pg_restore failed: gone"):
            restoring.restore(made, say=quiet)
        assert Document.objects.filter(title="Later").exists()
        assert Passage.objects.exists()

    def test_with_a_list_cut_short_is_told(self, made):
        listed = made / "files.tsv"
        listed.write_bytes(listed.read_bytes()[:-10])
        assert list(faults(made)) == ["files.tsv is not what was written: its SHA-256 differs"]

    @pytest.mark.parametrize("name", ["../../elsewhere", "/etc/elsewhere"])
    def test_never_writes_outside_the_folder_of_files(self, made, name):
        """Whoever can change the list can change its hash too."""
        listed, manifest = made / "files.tsv", json.loads((made / "manifest.json").read_text())
        listed.write_text(f"{'0' * 64}\t1\t{name}\n")
        manifest["files_sha256"] = sha256_of(listed)
        (made / "manifest.json").write_text(json.dumps(manifest))
        with pytest.raises(BackupFailed, match="not to be trusted"):
            restoring.restore(made, say=quiet)

    def test_cut_short_is_no_backup(self, place):
        with pytest.raises(CommandError, match="holds no manifest"):
            call_command("backup", str(place), check=True)

    def test_of_a_newer_version_is_refused(self, made):
        path = made / "manifest.json"
        manifest = json.loads(path.read_text())
        manifest["migrations"]["corpora"] = "9999_from_the_future"
        path.write_text(json.dumps(manifest))
        with pytest.raises(BackupFailed, match="newer version"):
            restoring.restore(made, say=quiet)


class TestRestoreCommand:
    def test_asks_before_it_replaces_documents(self, library, place, settings, tmp_path, monkeypatch):
        made = backup(place)
        settings.STATE_DIR = tmp_path  # its lock; the servers of the test are up already
        monkeypatch.setattr("dmsearch.embedded.up", lambda *_, **__: [])
        monkeypatch.setattr("dmsearch.embedded.down", lambda *_, **__: [])
        with pytest.raises(CommandError, match="--replace"):
            call_command("restore", made["folder"])
        out = StringIO()
        call_command("restore", made["folder"], replace=True, stdout=out)
        assert "Restored what was there" in out.getvalue()
