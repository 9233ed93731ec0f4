"""How a passage is cited: who said it, where, when, on which page. Pure."""

from __future__ import annotations

from datetime import UTC, datetime, time


def citation(
    *, title: str, author: str = "", source: str = "", published_at: datetime | None = None, page: int | None = None,
    url: str = "",
) -> str:  # fmt: skip
    """Return "Author. “Title”. Source, 11 Apr 2026, p. 3. URL", without what is not known."""
    where = ", ".join(part for part in (source, _when(published_at), f"p. {page}" if page else "") if part)
    parts = [author.rstrip("."), f"“{title}”", where]
    return ". ".join(part for part in parts if part) + "." + (f" {url}" if url else "")


def _when(moment: datetime | None) -> str:
    """A day alone is kept as its midnight and has no time to show."""
    if moment is None:
        return ""
    utc = moment.astimezone(UTC)
    day = f"{utc.day} {utc:%b %Y}"
    return day if utc.time() == time() else f"{day} {utc:%H:%M}Z"
