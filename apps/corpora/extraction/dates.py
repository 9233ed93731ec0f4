"""Dates as people and programs write them. Ambiguous ones are left alone rather than guessed."""

import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta, timezone
from email.utils import parsedate_to_datetime

_MONTHS = {
    name: number
    for number, names in enumerate(
        [
            "january jan janvier janv enero",
            "february feb février fevrier févr febrero",
            "march mar mars marzo",
            "april apr avril avr abril",
            "may mai mayo",
            "june jun juin junio",
            "july jul juillet juil julio",
            "august aug août aout agosto",
            "september sept sep septembre septiembre",
            "october oct octobre octubre",
            "november nov novembre noviembre",
            "december dec décembre decembre déc diciembre",
        ],
        start=1,
    )
    for name in names.split()
}
_MONTH = r"(?P<month>" + "|".join(sorted(_MONTHS, key=len, reverse=True)) + r")\.?"
_DAY = r"(?P<day>[0-3]?\d)(?:st|nd|rd|th|er)?"
_YEAR = r"(?P<year>(?:19|20)\d\d)"
_WRITTEN = [
    re.compile(pattern, re.IGNORECASE)
    for pattern in (
        rf"\b{_DAY}[ _-]?(?:of |de )?{_MONTH},?[ _-]?(?:de )?{_YEAR}\b",  # 12 September 2014, 05_août_2014
        rf"\b{_MONTH} {_DAY}(?:,? +|, ?){_YEAR}\b",  # Dec 3rd 2014, October 28, 2019
        r"\b(?P<year>(?:19|20)\d\d)-(?P<month>[01]\d)-(?P<day>[0-3]\d)\b",  # 2014-09-12
    )
]
_SLASHED = re.compile(
    r"(?P<first>\d{1,2})(?P<mark>[/.])(?P<second>\d{1,2})(?P=mark)(?P<year>(?:19|20)\d\d)"
    r"(?:[ T]+(?P<time>\d{1,2}:\d\d(?::\d\d)?)(?: ?(?P<half>[AP]M))?)?",
    re.IGNORECASE,
)
_TWITTER = "%a %b %d %H:%M:%S %z %Y"
_EARLIEST, _LATEST = 1900, 2100

# The National Weather Service's "1151 AM CDT MON AUG 29 2005"; hours from UTC.
_ZONES = {
    "UTC": 0, "GMT": 0, "Z": 0, "AST": -4, "ADT": -3, "EST": -5, "EDT": -4, "CST": -6, "CDT": -5, "MST": -7,
    "MDT": -6, "PST": -8, "PDT": -7, "AKST": -9, "AKDT": -8, "HST": -10, "SST": -11, "CHST": 10,
}  # fmt: skip
_BULLETIN = re.compile(
    r"\b(?P<hour>\d{1,2})(?P<minute>\d\d) (?P<half>[AP]M) (?P<zone>[A-Z]{1,4}) \w{3} "
    r"(?P<month>[A-Z]{3}) (?P<day>\d{1,2}) (?P<year>\d{4})\b",
    re.IGNORECASE,
)


def parse_date(value: object, *, day_first: bool = False) -> datetime | None:
    """Return the moment that a field holds (in UTC where it names no zone), or None where it holds none.

    `day_first` decides what 03/07/1996 means; 25/12/1996 says so itself, and between dots the day comes first.
    """
    if isinstance(value, datetime):
        return _aware(value)
    text = str(value if value is not None else "").strip()
    if not text or len(text) > 64:
        return None
    return _from_program(text) or _from_slashes(text, day_first=day_first) or find_date(text)


def find_date(text: str) -> datetime | None:
    """Return the first date written out in `text`, at midnight UTC unless a bulletin says the minute."""
    bulletin = _BULLETIN.search(text)
    if bulletin:
        return _from_bulletin(bulletin)
    matches = [match for pattern in _WRITTEN for match in pattern.finditer(text)]
    for match in sorted(matches, key=lambda match: match.start()):
        month = match["month"].lower()
        found = _date(int(match["year"]), _MONTHS.get(month) or int(month), int(match["day"]))
        if found:
            return found
    return None


def is_slashed(value: str) -> bool:
    """Tell whether it is a date whose day and month only their order tells apart."""
    match = _SLASHED.match(value.strip())
    return match is not None and match["mark"] == "/"


def is_day_first(values: Iterable[str]) -> bool | None:
    """Return whether the day comes first in the first slashed date that can be read in one way only; None without one."""
    for value in values:
        match = _SLASHED.match(value.strip())
        if match and match["mark"] == "/" and (int(match["first"]) > 12 or int(match["second"]) > 12):
            return int(match["first"]) > 12
    return None


def _from_program(text: str) -> datetime | None:
    for pattern, parse in _WRITTEN_BY_PROGRAMS:
        if pattern.match(text):
            try:
                return _aware(parse(text))
            except (ValueError, IndexError, TypeError, OverflowError):
                return None  # it only looked like one: what people write is tried next
    return None


def _from_epoch(text: str) -> datetime:
    seconds = float(text) if len(text.split(".")[0]) == 10 else float(text) / 1000
    return datetime.fromtimestamp(seconds, UTC)


_WRITTEN_BY_PROGRAMS: list[tuple[re.Pattern[str], Callable[[str], datetime]]] = [
    (re.compile(r"\d{10}(?:\d{3})?(?:\.\d+)?$"), _from_epoch),
    (re.compile(r"\d{4}-?\d\d-?\d\d"), datetime.fromisoformat),
    (re.compile(r"\w{3} \w{3} \d\d [\d:]{8} [+-]\d{4} \d{4}$"), lambda text: datetime.strptime(text, _TWITTER)),
    (re.compile(r".*\d\d:\d\d"), parsedate_to_datetime),
]


def _from_slashes(text: str, *, day_first: bool) -> datetime | None:
    match = _SLASHED.fullmatch(text)
    if not match:
        return None
    first, second, year = int(match["first"]), int(match["second"]), int(match["year"])
    day_first = day_first or match["mark"] == "."
    day, month = (first, second) if first > 12 or (day_first and second <= 12) else (second, first)
    found = _date(year, month, day)
    if not found or not match["time"]:
        return found
    hour, minute, *second_of = (int(part) for part in match["time"].split(":"))
    hour = hour % 12 + 12 * (match["half"].upper() == "PM") if match["half"] else hour
    return found + timedelta(hours=hour, minutes=minute, seconds=second_of[0] if second_of else 0)


def _from_bulletin(match: re.Match[str]) -> datetime | None:
    day = _date(int(match["year"]), _MONTHS.get(match["month"].lower(), 0), int(match["day"]))
    if not day or not _EARLIEST <= day.year <= _LATEST:
        return None
    if int(match["hour"]) > 12 or int(match["minute"]) > 59:
        return day
    hour = int(match["hour"]) % 12 + 12 * (match["half"].upper() == "PM")
    local = timezone(timedelta(hours=_ZONES.get(match["zone"].upper(), 0)))
    return day.replace(hour=hour, minute=int(match["minute"]), tzinfo=local).astimezone(UTC)


def _date(year: int, month: int, day: int) -> datetime | None:
    try:
        return datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None


def _aware(moment: datetime) -> datetime | None:
    if not _EARLIEST <= moment.year <= _LATEST:
        return None
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
