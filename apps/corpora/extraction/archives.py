"""Zips of files: safe names, no bombs, no links; what is refused is named, what is good goes on."""

import lzma
import re
import stat
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from apps.corpora.extraction.formats import is_archive
from apps.corpora.extraction.records import ExtractionFailed, Limits, MiB, RefusedMember, UnpackedFile

_JUNK = re.compile(r"(?:^|/)(?:__MACOSX/.*|\.DS_Store|\._[^/]*|Thumbs\.db|desktop\.ini)$", re.IGNORECASE)
_DRIVE = re.compile(r"^[A-Za-z]:")
_UTF8_NAME = 0x800
_BLOCK = 1 << 18
# What zipfile and its decompressors raise on damaged members; a method they do not know is a NotImplementedError.
_UNREADABLE = (
    zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, NotImplementedError
)  # fmt: skip


class _Refused(Exception):
    """The message says why this member is left out."""


def unpack(path: Path, *, into: Path, limits: Limits) -> Iterator[UnpackedFile | RefusedMember]:
    try:
        archive = zipfile.ZipFile(path)
    except zipfile.BadZipFile as error:
        raise ExtractionFailed("This zip is damaged: its table of contents cannot be read. Pack it anew.") from error
    with archive:
        members = [each for each in archive.infolist() if not each.is_dir() and not _JUNK.search(_name(each))]
        if len(members) > limits.members:
            raise ExtractionFailed(f"This zip holds more than {limits.members:,} files. Split it and upload the parts.")
        left = limits.unpacked_bytes
        for number, member in enumerate(members):
            target = into / f"{number:06d}"
            try:
                left -= _unpack_member(archive, member, target, limits=replace(limits, unpacked_bytes=left))
            except _Refused as refusal:
                target.unlink(missing_ok=True)
                yield RefusedMember(_name(member), str(refusal))
            else:
                yield UnpackedFile(_name(member), target)


def _name(member: zipfile.ZipInfo) -> str:
    """Return the member's name; old Windows and macOS zips hold UTF-8 or Latin-1 without saying so."""
    if member.flag_bits & _UTF8_NAME:
        return member.filename
    raw = member.filename.encode("cp437", "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return member.filename


def _unpack_member(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, *, limits: Limits) -> int:
    """Write the member to `target` and return its size in bytes."""
    _check(member, limits)
    size = 0
    try:
        with archive.open(member) as packed, target.open("wb") as unpacked:
            while block := packed.read(_BLOCK):
                size += len(block)
                # What the member says of its own size may be a lie: count what really comes.
                _check_size(size, member.compress_size, limits)
                unpacked.write(block)
    except _UNREADABLE as error:
        raise _Refused(f"it is damaged or packed in a way we do not read ({error})") from error
    if is_archive(target, name=member.filename):
        raise _Refused("it is a zip inside the zip: unpack it and upload its files")
    return size


def _check(member: zipfile.ZipInfo, limits: Limits) -> None:
    name = _name(member).replace("\\", "/")
    if name.startswith("/") or _DRIVE.match(name):
        raise _Refused("its name is an absolute path, which a zip of documents never needs")
    if ".." in PurePosixPath(name).parts:
        raise _Refused("its name leads out of the zip with “..”")
    if stat.S_ISLNK(member.external_attr >> 16):
        raise _Refused("it is a link to another file, not a file")
    if member.flag_bits & 0x1:
        raise _Refused("it is protected by a password: unpack the zip and upload the file itself")
    _check_size(member.file_size, member.compress_size, limits)


def _check_size(size: int, packed: int, limits: Limits) -> None:
    if size > limits.member_bytes:
        raise _Refused(f"it unpacks to more than {limits.member_bytes // MiB:,} MB")
    if size > MiB and size > limits.ratio * max(packed, 1):
        raise _Refused(f"it unpacks to more than {limits.ratio} times its packed size, as a zip bomb does")
    if size > limits.unpacked_bytes:
        raise _Refused("the zip unpacks to more than one upload may hold: split it")
