"""Tables of records: what their columns seem to mean, and a document out of each row."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, islice

from apps.corpora.cleaning import clean, clean_line
from apps.corpora.extraction.dates import is_day_first, is_slashed, parse_date
from apps.corpora.extraction.describing import title_from_text, under_title
from apps.corpora.extraction.records import BadRow, ExtractedDocument, ExtractionFailed, Mapping, Source

Row = dict[str, str]
Numbered = tuple[int, Row] | BadRow

SAMPLE = 200
_PROSE = 8.0  # words on average: a column of sentences
_PHRASE = 4.0
_MOST_TEXT_COLUMNS = 4
_LONGEST_FACT = 1_000

# Names without their punctuation; the earlier in a list, the surer.
_TEXT = "text fulltext tweettext tweet body content contents message passage excerpt claim statement post".split()
_SURELY_TEXT = 6
_TITLE = "title headline subject heading name event eventtype eventname label".split()
_DATE = (
    "date publishedat createdat published created datetime timestamp time pubdate postedat reportdate begindate "
    "eventdate startdate updatedat day"
).split()
_ID = "id _id tweetid idstr statusid docid documentid passageid eventid recordid uuid guid key reference ref".split()
_AUTHOR = "author authorname screenname username user from creator byline organisation organization".split()
_URL = "url link href permalink weburl sourceurl".split()
_LANGUAGE = "language lang languagecode".split()


def guess(rows: Sequence[Row]) -> Mapping:
    """Return what the columns of these first rows seem to mean, by their names and what is in them."""
    columns = list(dict.fromkeys(chain.from_iterable(rows)))
    values = {column: [row[column] for row in rows if row.get(column, "").strip()] for column in columns}
    columns = [column for column in columns if values[column]]
    text = _text_columns(columns, values)
    free = [column for column in columns if column not in text]

    def named(names: list[str], fits: Callable[[list[str]], bool]) -> str:
        found = [column for column in free if _rank(column, names) is not None and fits(values[column])]
        return min(found, key=lambda column: (column.count("."), _rank(column, names)), default="")

    return Mapping(
        text=text,
        title=named(_TITLE, lambda found: _words(found) < 25),
        date=named(_DATE, _are_dates) or next((column for column in free if _are_plainly_dates(values[column])), ""),
        id=named(_ID, lambda found: len(set(found)) == len(found)),
        author=named(_AUTHOR, lambda found: _words(found) < 6),
        url=named(_URL, lambda found: found[0].startswith("http")),
        language=named(_LANGUAGE, lambda found: max(map(len, found)) <= 12),
    )


def documents(
    rows: Iterable[Numbered], source: Source, *, again: Callable[[], Iterable[Numbered]]
) -> Iterator[ExtractedDocument | BadRow]:
    """Yield a document a row, by the uploader's mapping or by a guess from the first rows.

    `again` gives the rows a second time, for what the first ones do not say.
    """
    rows = iter(rows)
    start = list(islice(rows, SAMPLE))
    sample = [each[1] for each in start if not isinstance(each, BadRow)]
    mapping = source.mapping or guess(sample)
    _check(mapping, sample)
    day_first = _is_day_first(mapping.date, sample, again)
    kind = "tweet" if source.kind == "tweet" else None
    for each in chain(start, rows):
        yield each if isinstance(each, BadRow) else _document(each, mapping, kind=kind, day_first=day_first)


def _is_day_first(column: str, sample: list[Row], again: Callable[[], Iterable[Numbered]]) -> bool:
    """Say whether the day comes first in the column's dates: in order of time, the first ones may all be of one month."""
    dates = [row.get(column, "") for row in sample]
    found = is_day_first(dates)
    if found is None and any(map(is_slashed, dates)):
        found = is_day_first(each[1].get(column, "") for each in again() if not isinstance(each, BadRow))
    return bool(found)


def _check(mapping: Mapping, sample: list[Row]) -> None:
    present = set(chain.from_iterable(sample))
    missing = [column for column in mapping.text if column not in present]
    if sample and mapping.text and len(missing) == len(mapping.text):
        raise ExtractionFailed(
            f"This table has no column “{missing[0]}”. Its columns are: {', '.join(sorted(present)[:30])}."
        )


def _document(
    numbered: tuple[int, Row], mapping: Mapping, *, kind: str | None, day_first: bool
) -> ExtractedDocument | BadRow:
    number, row = numbered
    if mapping.text:
        text = "\n\n".join(filter(None, (clean(row.get(column, "")) for column in mapping.text)))
    else:
        text = "\n".join(f"{clean_line(name)}: {clean_line(value)}" for name, value in row.items() if value.strip())
    if not text:
        return BadRow(number, f"there is no text in {' or '.join(f'“{column}”' for column in mapping.text)}")
    title = clean_line(row.get(mapping.title, ""))
    text, headings = under_title(title, text) if kind != "tweet" else (text, ())
    known = mapping.columns()
    facts = {name: value.strip()[:_LONGEST_FACT] for name, value in row.items() if name not in known and value.strip()}
    if mapping.url and row.get(mapping.url):
        facts["url"] = row[mapping.url].strip()
    return ExtractedDocument(
        title=title or title_from_text(text),
        text=text,
        headings=headings,
        external_id=row.get(mapping.id, "").strip() or None,
        kind=kind,
        author=row.get(mapping.author, ""),
        published_at=parse_date(row.get(mapping.date), day_first=day_first),
        language=row.get(mapping.language, ""),
        metadata={**facts, "row": number},
    )


def _text_columns(columns: list[str], values: dict[str, list[str]]) -> tuple[str, ...]:
    """Return the column called text, else all columns of sentences, else the one of the longest phrases."""
    ranks = {column: _rank(column, _TEXT) for column in columns}
    called = [
        column
        for column, rank in ranks.items()
        if rank is not None and (rank < _SURELY_TEXT or _words(values[column]) > 1)
    ]
    if called:
        return (min(called, key=lambda column: (column.count("."), _rank(column, _TEXT))),)
    prose = [column for column in columns if _words(values[column]) >= _PROSE]
    if prose:
        return tuple(prose[:_MOST_TEXT_COLUMNS])
    phrases = [column for column in columns if _words(values[column]) >= _PHRASE and _are_phrases(values[column])]
    return (max(phrases, key=lambda column: _words(values[column])),) if phrases else ()


def _rank(column: str, names: list[str]) -> int | None:
    """Return where the column's name, or the last part of a nested one, stands in `names`."""
    for name in (column, column.rsplit(".", 1)[-1]):
        plain = re.sub(r"[\W_]+", "", name.lower()) if name != "_id" else name
        if plain in names:
            return names.index(plain)
    return None


def _words(values: list[str]) -> float:
    return sum(len(value.split()) for value in values) / len(values)


def _are_phrases(values: list[str]) -> bool:
    """Say whether the values differ, as texts do and labels do not."""
    return len(set(values)) * 2 > len(values) and not _are_dates(values)


def _are_dates(values: list[str]) -> bool:
    return sum(parse_date(value) is not None for value in values) >= 0.7 * len(values)


def _are_plainly_dates(values: list[str]) -> bool:
    """Say whether nearly all values are dates and no bare numbers, which could be anything."""
    return len(values) > 1 and _are_dates(values) and not any(value.strip().isdigit() for value in values)
