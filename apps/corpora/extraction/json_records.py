"""JSON: lines of records, arrays of records, the envelopes they are sent in, and tweets among all of these."""

import json
from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from apps.corpora.extraction import rows, tweets
from apps.corpora.extraction.charsets import charset_of_file, decode
from apps.corpora.extraction.formats import Format, format_of
from apps.corpora.extraction.records import BadRow, ExtractedDocument, ExtractionFailed, Mapping, Source

_DEEPEST = 4
_TOO_DEEP = "it is nested too deeply to be read"
_TOO_LONG = "it holds a number of too many digits to be read"  # the only other ValueError that Python's reader has

# NaN, which pandas writes where a table has nothing, is nothing.
_DECODER = json.JSONDecoder(parse_constant=lambda _: None)

Record = dict[str, Any]
NumberedRecord = tuple[int, Record] | BadRow


def read(source: Source) -> Iterator[ExtractedDocument | BadRow]:
    records = _records(source)
    start = list(islice(records, rows.SAMPLE))
    if _are_tweets(start):
        yield from tweets.documents(chain(start, records))
    else:
        whole = map(_flat_row, chain(start, records))
        yield from rows.documents(whole, source, again=lambda: map(_flat_row, _records(source)))


def guess_mapping(source: Source) -> Mapping | None:
    start = list(islice(_records(source), rows.SAMPLE))
    if _are_tweets(start):
        return None
    return rows.guess([_flat(each[1]) for each in start if not isinstance(each, BadRow)])


def _are_tweets(start: list[NumberedRecord]) -> bool:
    found = [tweets.is_tweet(each[1]) for each in start if not isinstance(each, BadRow)]
    return sum(found) * 2 > len(found)


def _records(source: Source) -> Iterator[NumberedRecord]:
    if format_of(source.path, name=source.name) is Format.JSON_LINES:
        yield from _line_records(source)
    else:
        yield from _whole_records(decode(source.path.read_bytes()).lstrip("\ufeff"))


def _line_records(source: Source) -> Iterator[NumberedRecord]:
    with source.path.open(encoding=charset_of_file(source.path), errors="western") as file:
        for number, line in enumerate(file, start=1):
            if not line.strip():
                continue
            try:
                value = _DECODER.decode(line)
            except json.JSONDecodeError as error:
                yield BadRow(number, f"it is not JSON: {error.msg} at character {error.pos + 1}")
            except ValueError:
                yield BadRow(number, _TOO_LONG)
            except RecursionError:
                yield BadRow(number, _TOO_DEEP)
            else:
                for record in tweets.unpacked(value):
                    yield _checked(number, record)


def _whole_records(text: str) -> Iterator[NumberedRecord]:
    try:
        if text.lstrip().startswith("["):
            yield from _array_records(text)
            return
        value = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise ExtractionFailed(f"This is not valid JSON: {error.msg} in line {error.lineno}.") from error
    except ValueError as error:
        raise ExtractionFailed(f"This JSON cannot be read: {_TOO_LONG}.") from error
    except RecursionError as error:
        raise ExtractionFailed(f"This JSON cannot be read: {_TOO_DEEP}.") from error
    for number, record in enumerate(_out_of_envelope(value), start=1):
        yield _checked(number, record)


def _array_records(text: str) -> Iterator[NumberedRecord]:
    """Yield the elements one by one: a long array never stands in memory as objects."""
    number = 0
    position = _skip_space(text, text.index("[") + 1)
    while position < len(text) and text[position] != "]":
        number += 1
        try:
            value, position = _DECODER.raw_decode(text, position)
        except json.JSONDecodeError as error:
            if number == 1:
                raise
            yield BadRow(number, f"it is not JSON ({error.msg}), and nothing after it could be read")
            return
        except ValueError:
            yield BadRow(number, f"{_TOO_LONG}, and neither could anything after it")
            return
        for record in tweets.unpacked(value):
            yield _checked(number, record)
        position = _skip_space(text, position, ",")
    if position >= len(text):
        yield BadRow(number + 1, "the file ends in the middle of the list: it was cut short")


def _skip_space(text: str, position: int, also: str = "") -> int:
    while position < len(text) and (text[position].isspace() or text[position] in also):
        position += 1
    return position


def _checked(number: int, record: Any) -> NumberedRecord:
    return (number, record) if isinstance(record, dict) else BadRow(number, "it is no object with named fields")


def _out_of_envelope(value: Record) -> Iterator[Any]:
    """Yield the records of the one list of objects in `value`, or `value` itself where it has none."""
    lists = [each for each in value.values() if isinstance(each, list) and each and isinstance(each[0], dict)]
    if tweets.is_envelope(value):
        yield from tweets.unpacked(value)
    elif len(lists) == 1 and not tweets.is_tweet(value):
        for each in lists[0]:
            is_feature = isinstance(each, dict) and isinstance(each.get("properties"), dict)
            yield {**each["properties"], "geometry": each.get("geometry")} if is_feature else each
    else:
        yield value


def _flat_row(record: NumberedRecord) -> rows.Numbered:
    return record if isinstance(record, BadRow) else (record[0], _flat(record[1]))


def _flat(record: Record, prefix: str = "", depth: int = 1) -> rows.Row:
    """Return the record with nested fields named like paths ("user.name") and every value as text."""
    flat: rows.Row = {}
    for name, value in record.items():
        path = f"{prefix}{name}"
        if isinstance(value, dict) and depth < _DEEPEST:
            flat.update(_flat(value, f"{path}.", depth + 1))
        elif isinstance(value, list) and all(isinstance(each, str | int | float) for each in value):
            flat[path] = ", ".join(map(str, value))
        elif isinstance(value, dict | list):
            flat[path] = json.dumps(value, ensure_ascii=False)
        elif value is not None:
            flat[path] = str(value)
    return flat
