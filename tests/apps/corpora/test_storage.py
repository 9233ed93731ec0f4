import threading
from pathlib import Path

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.uploadedfile import TemporaryUploadedFile

from apps.corpora.models import StoredFile
from apps.corpora.storage import WholeFileStorage


class SlowFile(ContentFile):
    """Comes in two blocks, and waits between them until it is told to go on."""

    def __init__(self, content):
        super().__init__(content)
        self.half_way, self.go_on = threading.Event(), threading.Event()

    def chunks(self, chunk_size=None):
        yield b"first half, "
        self.half_way.set()
        assert self.go_on.wait(10)
        yield b"second half"


class Broken(ContentFile):
    def chunks(self, chunk_size=None):
        yield b"first half, "
        raise OSError("No space left on device")


@pytest.fixture
def storage(tmp_path):
    return WholeFileStorage(location=tmp_path)


class TestWholeFileStorage:
    def test_shows_nothing_of_a_file_before_it_is_whole(self, storage):
        slow = SlowFile(b"")
        thread = threading.Thread(target=storage.save, args=["ab/cd/file", slow])
        thread.start()
        assert slow.half_way.wait(10)
        assert not storage.exists("ab/cd/file")
        slow.go_on.set()
        thread.join()
        assert storage.open("ab/cd/file").read() == b"first half, second half"

    def test_leaves_nothing_behind_of_what_broke_off(self, storage, tmp_path):
        with pytest.raises(OSError, match="No space left"):
            storage.save("ab/file", Broken(b""))
        assert [path for path in tmp_path.rglob("*") if path.is_file()] == []

    def test_keeps_one_file_a_name(self, storage, tmp_path):
        for _ in range(2):
            assert storage.save("file", ContentFile(b"same")) == "file"
        assert [path.name for path in tmp_path.iterdir()] == ["file"]

    def test_takes_uploads_that_were_too_large_for_memory(self, storage):
        upload = TemporaryUploadedFile("big.txt", "text/plain", 4, None)
        upload.write(b"four")
        upload.seek(0)
        storage.save("file", upload)
        assert storage.open("file").read() == b"four"


@pytest.mark.django_db
class TestKeep:
    def test_brings_lost_bytes_back_when_they_come_again(self, tmp_path):
        stored, created = StoredFile.objects.keep(ContentFile(b"Water rises."))
        Path(stored.file.path).unlink()
        again, created_again = StoredFile.objects.keep(ContentFile(b"Water rises."))
        assert (created, created_again) == (True, False)
        assert again.file.read() == b"Water rises."

    def test_takes_a_file_from_the_disk(self, tmp_path):
        (tmp_path / "a.txt").write_bytes(b"Water rises.")
        with (tmp_path / "a.txt").open("rb") as content:
            stored, _ = StoredFile.objects.keep(File(content))
        assert stored.size == 12
        assert stored.file.read() == b"Water rises."
