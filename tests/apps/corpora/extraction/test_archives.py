"""Zips as strangers pack them; each is opened in a real child process."""

import io
import stat
import struct
import zipfile

import pytest

from apps.corpora.extraction import ExtractionFailed, Limits, RefusedMember, UnpackedFile, unpack

MEGABYTE = 1024 * 1024


@pytest.fixture
def unpacked(tmp_path):
    def unpack_bytes(data: bytes, **limits) -> dict[str, str]:
        """Return what became of each member: its content, or the reason against it."""
        path, into = tmp_path / "a.zip", tmp_path / "into"
        path.write_bytes(data)
        into.mkdir()
        found = {}
        for each in unpack(path, into, limits=Limits(**limits)):
            if isinstance(each, UnpackedFile):
                assert each.path.parent == into
                found[each.name] = each.path.read_bytes().decode()
            else:
                assert isinstance(each, RefusedMember)
                found[each.name] = f"refused: {each.reason}"
        assert {path.name for path in tmp_path.iterdir()} == {"a.zip", "into"}
        return found

    return unpack_bytes


def zip_of(members: dict[str, bytes | str], *, compression=zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return buffer.getvalue()


class TestUnpack:
    def test_keeps_names_with_their_folders(self, unpacked):
        assert unpacked(zip_of({"a.txt": "A", "reports/été.txt": "B"})) == {"a.txt": "A", "reports/été.txt": "B"}

    def test_passes_over_what_a_mac_adds(self, unpacked):
        junk = {
            "__MACOSX/._a.txt": "x",
            ".DS_Store": "x",
            "reports/.DS_Store": "x",
            "reports/._b.txt": "x",
            "reports/": "",
        }
        assert unpacked(zip_of({**junk, "a.txt": "A"})) == {"a.txt": "A"}

    def test_reads_names_of_old_programs(self, unpacked):
        for raw, name in ((b"caf\x82.txt", "café.txt"), ("déjà.txt".encode(), "déjà.txt")):
            placeholder = b"x" * (len(raw) - 4) + b".txt"
            data = zip_of({placeholder.decode(): "A"}).replace(placeholder, raw)
            (found,) = zipfile.ZipFile(io.BytesIO(data)).namelist()
            assert found != name or raw == b"caf\x82.txt"
            from apps.corpora.extraction.archives import _name

            assert _name(zipfile.ZipFile(io.BytesIO(data)).infolist()[0]) == name

    def test_of_nothing_gives_nothing(self, unpacked):
        assert unpacked(zip_of({})) == {}

    def test_refuses_what_is_no_zip(self, unpacked):
        with pytest.raises(ExtractionFailed, match="damaged"):
            unpacked(b"PK\x03\x04 and then nothing")


class TestBadMembers:
    @pytest.mark.parametrize(
        ("name", "reason"),
        [
            ("../../etc/passwd", "leads out of the zip"),
            ("a/../../b.txt", "leads out of the zip"),
            ("..\\..\\b.txt", "leads out of the zip"),
            ("/etc/passwd", "absolute"),
            ("C:\\windows\\b.txt", "absolute"),
        ],
    )
    def test_with_dangerous_names_are_refused_and_the_others_go_on(self, unpacked, name, reason):
        member = zipfile.ZipInfo("x")
        member.filename = name
        found = unpacked(zip_of({member: "bad", "good.txt": "good"}))
        assert found["good.txt"] == "good"
        assert reason in found[name.replace("\\", "/") if name not in found else name]

    def test_that_are_links_are_refused(self, unpacked):
        link = zipfile.ZipInfo("link.txt")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        assert "a link" in unpacked(zip_of({link: "/etc/passwd"}))["link.txt"]

    def test_that_blow_up_are_refused(self, unpacked):
        found = unpacked(zip_of({"bomb.txt": b"0" * 20 * MEGABYTE, "good.txt": "good"}))
        assert "as a zip bomb does" in found["bomb.txt"]
        assert found["good.txt"] == "good"

    def test_that_lie_about_their_size_are_refused_while_they_are_unpacked(self, unpacked):
        data = zip_of({"bomb.txt": b"0" * 20 * MEGABYTE, "good.txt": "good"})
        size = struct.pack("<I", 20 * MEGABYTE)
        assert "refused" in unpacked(data.replace(size, struct.pack("<I", 10)))["bomb.txt"]

    def test_too_large_alone_or_together_are_refused(self, unpacked):
        letters = bytes(range(256)) * 40
        data = zip_of({"a.bin": letters, "b.bin": letters}, compression=zipfile.ZIP_STORED)
        found = unpacked(data.replace(b"\x80", b"\x20"), member_bytes=5000)
        assert all("unpacks to more than" in reason for reason in found.values())

    def test_beyond_what_one_zip_may_hold_are_refused(self, unpacked):
        found = unpacked(zip_of({f"{n}.txt": "x" * 1000 for n in range(5)}), unpacked_bytes=2500)
        assert [reason.startswith("refused") for reason in found.values()] == [False, False, True, True, True]

    def test_that_are_zips_are_refused(self, unpacked):
        found = unpacked(zip_of({"inner.zip": zip_of({"a.txt": "A"})}))
        assert "a zip inside the zip" in found["inner.zip"]

    def test_that_are_locked_are_refused(self, unpacked):
        data = bytearray(zip_of({"a.txt": "A", "b.txt": "B"}))
        for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
            data[data.index(mark) + offset] |= 1  # the encryption bit of the first member
        found = unpacked(bytes(data))
        assert "protected by a password" in found["a.txt"]
        assert found["b.txt"] == "B"

    def test_with_damaged_content_are_refused(self, unpacked):
        data = zip_of({"a.txt": "AAAA", "b.txt": "B"}, compression=zipfile.ZIP_STORED).replace(b"AAAA", b"AXAA")
        found = unpacked(data)
        assert "damaged" in found["a.txt"]
        assert found["b.txt"] == "B"

    def test_too_many_stop_the_zip(self, unpacked):
        with pytest.raises(ExtractionFailed, match="more than 3 files"):
            unpacked(zip_of({f"{n}.txt": "x" for n in range(4)}), members=3)
