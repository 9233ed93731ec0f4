import io
import random
import zipfile

import pytest

from apps.corpora.extraction.formats import Format, format_of, is_archive
from apps.corpora.extraction.records import ExtractionFailed


@pytest.fixture
def kind(tmp_path):
    def format_of_bytes(data: bytes | str, name: str) -> Format:
        path = tmp_path / "file"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return format_of(path, name=name)

    return format_of_bytes


def zip_of(*names: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), "content")
    return buffer.getvalue()


class TestFormatOf:
    @pytest.mark.parametrize(
        ("data", "name", "expected"),
        [
            (b"%PDF-1.7\n", "a.docx", Format.PDF),
            (b"\n\n junk %PDF-1.4\n", "a", Format.PDF),
            (zip_of("[Content_Types].xml", "word/document.xml"), "a.zip", Format.DOCX),
            (zip_of("docProps/app.xml", "xl/workbook.xml", "[Content_Types].xml"), "a", Format.XLSX),
            (zip_of("[Content_Types].xml", "ppt/presentation.xml"), "a.pdf", Format.PPTX),
            (zip_of("a.txt"), "a.docx", Format.ZIP),
            (zip_of(), "a.zip", Format.ZIP),
            ("<!DOCTYPE html><p>x</p>", "a.txt", Format.HTML),
            ("<p>x</p>", "a.htm", Format.HTML),
            ("From: a@x\nTo: b@x\nDate: Tue\nSubject: c\n\nx", "a.txt", Format.EMAIL),
            ('{"a": 1}\n{"a": 2}\n', "a.txt", Format.JSON_LINES),
            ('{"a": 1}', "a.jsonl", Format.JSON_LINES),
            ('[{"a": 1}]', "a.txt", Format.JSON),
            ("[Draft] The river rose.", "a.txt", Format.TEXT),
            ("a,b,c\n" + "1,2,3\n" * 8, "a.txt", Format.CSV),
            ("a\tb\n1\t2\n", "a.tsv", Format.CSV),
            ("Dear all,\n\nThe river rose, and fell.\n", "a.csv", Format.TEXT),
            ("text\n<html> is a word here\n", "a.csv", Format.CSV),
            ("# One\n\nx\n\n## Two\n", "README", Format.MARKDOWN),
            ("x", "a.md", Format.MARKDOWN),
            ("Note: the river rose.\nThen it fell, and rose.", "a.dat", Format.TEXT),
            ("décès".encode("utf-16"), "a.txt", Format.TEXT),
        ],
    )
    def test_goes_by_the_bytes_before_the_name(self, kind, data, name, expected):
        assert kind(data, name) is expected

    @pytest.mark.parametrize(
        ("data", "name", "reason"),
        [
            (b"", "a.txt", "is empty"),
            (b"\xff\xd8\xff\xe0" + b"x" * 50, "photo.pdf", "picture"),
            (b"{\\rtf1 hello}", "a.doc", "Save it as DOCX"),
            (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600, "a.doc", "old Office version"),
            (
                b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\0" * 600 + "EncryptedPackage".encode("utf-16-le"),
                "a.docx",
                "protected by a password",
            ),
            (b"\x1f\x8b\x08" + b"x" * 50, "a.tar.gz", "gzip"),
            (b"MZ\x90\x00" + b"\0" * 50, "a.pdf", "program"),
            (zip_of("[Content_Types].xml", "word/document.xml")[:-30], "a.docx", "cut short"),
            (zip_of("mimetype")[:30] + b"mimetypeapplication/vnd.oasis.opendocument.text", "a.odt", "OpenDocument"),
            ("<?xml version='1.0'?><alert/>", "a.xml", "XML"),
            (random.Random(7).randbytes(5000), "a.pdf", "calls itself PDF, but it is not one"),
        ],
    )
    def test_refuses_with_a_reason_a_person_understands(self, kind, data, name, reason):
        with pytest.raises(ExtractionFailed, match=reason):
            kind(data, name)


class TestIsArchive:
    @pytest.mark.parametrize(
        ("data", "expected"),
        [
            (zip_of("a.txt", "b/c.pdf"), True),
            (zip_of("[Content_Types].xml", "word/document.xml"), False),
            (b"%PDF-1.7", False),
            (zip_of("a.txt")[:-10], False),
            (b"", False),
        ],
    )
    def test_is_true_of_zips_of_files_only(self, tmp_path, data, expected):
        path = tmp_path / "file"
        path.write_bytes(data)
        assert is_archive(path, name="a.zip") is expected
