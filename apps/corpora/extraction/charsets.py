"""From bytes to characters: which character set a file is in, whatever it says about itself."""

import codecs
import re
from pathlib import Path

_BOMS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16: its mark begins with UTF-16's
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_BLOCK = 1 << 20
_SAMPLE = 1 << 16

# What people really upload: a free choice among ninety sets finds Baltic in four French words.
_LIKELY = [
    "cp1252", "cp1250", "cp1251", "cp1253", "cp1254", "cp1255", "cp1256", "cp874", "koi8_r",
    "shift_jis", "euc_jp", "gb18030", "big5", "euc_kr", "utf_16_le", "utf_16_be",
]  # fmt: skip
_WESTERN = frozenset("éèêëàâäáãåæçñîïíôöóõøœùûüúßÉÈÊÀÂÄÅÇÑÎÔÖØÜ€£°«»“”‘’–—…•")

_ASCII = re.compile("[\x00-\x7f]+")
_ESCAPED = re.compile("[\udc80-\udcff]")
_FOREIGN_BYTE = re.compile(rb"[\x80-\xff]")


def _as_western(error: UnicodeError) -> tuple[str, int]:
    """Read the bytes that are no UTF-8 as Windows-1252: files are pasted together out of both."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    return error.object[error.start : error.end].decode("cp1252", "replace"), error.end


codecs.register_error("western", _as_western)


def decode(data: bytes) -> str:
    return data.decode(charset_of(data), "western")


def charset_of_file(path: Path) -> str:
    """Return the character set of a whole file without holding it in memory; use it with errors="western"."""
    with path.open("rb") as file:
        start = file.read(_SAMPLE)
        file.seek(0)
        if _bom(start) or _looks_like_utf16(start):
            return charset_of(start)
        sample, broken, whole = bytearray(), 0, 0
        while block := file.read(_BLOCK):
            if not block.isascii():
                wrong, right = _utf8_balance(block)
                broken, whole = broken + wrong, whole + right
                if wrong and len(sample) < _SAMPLE:
                    sample += _around_first_foreign_byte(block)
    return charset_of(bytes(sample)) if broken > whole else "utf-8"


def charset_of(data: bytes) -> str:
    bom = _bom(data)
    if bom:
        return bom
    if _looks_like_utf16(data):
        return "utf-16-le" if data[1::2].count(0) > data[::2].count(0) else "utf-16-be"
    if data.isascii():
        return "utf-8"
    broken, whole = _utf8_balance(data)
    return _guess(_around_first_foreign_byte(data)) if broken > whole else "utf-8"


def _bom(data: bytes) -> str:
    return next((name for mark, name in _BOMS.items() if data.startswith(mark)), "")


def _looks_like_utf16(data: bytes) -> bool:
    """Say whether every other byte is NUL, as in Western text without a byte order mark."""
    head = data[:4096]
    even, odd = head[::2].count(0), head[1::2].count(0)
    return len(head) >= 4 and max(even, odd) * 2.5 > len(head) / 2 and min(even, odd) * 20 < len(head)


def _utf8_balance(data: bytes) -> tuple[int, int]:
    """Return how many bytes are broken UTF-8, and how many characters beyond ASCII are whole."""
    foreign = _ASCII.sub("", data.decode("utf-8", "surrogateescape"))
    broken = len(_ESCAPED.findall(foreign))
    return broken, len(foreign) - broken


def _around_first_foreign_byte(data: bytes) -> bytes:
    first = _FOREIGN_BYTE.search(data)
    start = max(0, first.start() - 200) if first else 0
    return data[start : start + _SAMPLE]


def _guess(data: bytes) -> str:
    """Return the likeliest of the sets in use; Western where the accents look it, or nothing better shows."""
    letters = [character for character in data.decode("cp1252", "replace") if not character.isspace()]
    foreign = [character for character in letters if not character.isascii()]
    usual = sum(character in _WESTERN for character in foreign)
    if usual >= 0.75 * len(foreign) and len(foreign) <= 0.3 * len(letters):
        return "cp1252"
    from charset_normalizer import from_bytes  # 30 ms to import: most files are UTF-8

    best = from_bytes(data, cp_isolation=_LIKELY).best()
    return best.encoding if best else "cp1252"
