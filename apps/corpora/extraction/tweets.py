"""Tweets as API v1.1 and v2 of Twitter send them, one a line, in arrays, or in envelopes with their users.

Collections are written by many programs: a field beside the text that is not what it should be is passed over.
"""

import html
from collections.abc import Iterable, Iterator
from typing import Any

from apps.corpora.cleaning import clean
from apps.corpora.extraction.dates import parse_date
from apps.corpora.extraction.describing import title_from_text
from apps.corpora.extraction.records import BadRow, ExtractedDocument

Record = dict[str, Any]

_INCLUDES = "__includes__"  # where a v2 tweet carries the users and tweets that came beside it


def is_tweet(record: Record) -> bool:
    text = record.get("full_text", record.get("text"))
    if not isinstance(text, str) or not ("id_str" in record or "id" in record):
        return False
    version_1 = isinstance(record.get("user"), dict) and "created_at" in record
    version_2 = not {"author_id", "edit_history_tweet_ids", "public_metrics", "conversation_id"}.isdisjoint(record)
    return version_1 or version_2 or "full_text" in record


def is_envelope(value: Any) -> bool:
    if not isinstance(value, dict):
        return False
    inside = value.get("data", value.get("statuses"))
    first = inside[0] if isinstance(inside, list) and inside else inside
    return isinstance(first, dict) and is_tweet(first)


def unpacked(value: Any) -> Iterator[Any]:
    """Yield the tweets in an envelope, or the elements of a list, or `value` itself."""
    if isinstance(value, list):
        yield from value
    elif is_envelope(value):
        inside = value.get("data", value.get("statuses"))
        includes = _by_id(_record(value.get("includes")))
        for tweet in inside if isinstance(inside, list) else [inside]:
            yield {**tweet, _INCLUDES: includes} if isinstance(tweet, dict) else tweet
    else:
        yield value


def documents(records: Iterable[tuple[int, Record] | BadRow]) -> Iterator[ExtractedDocument | BadRow]:
    for each in records:
        if isinstance(each, BadRow):
            yield each
        elif not is_tweet(each[1]):
            yield BadRow(each[0], "it is no tweet: it has no text or no id")
        else:
            yield _document(*each)


def _document(number: int, tweet: Record) -> ExtractedDocument | BadRow:
    text = clean(html.unescape(_text(tweet)))
    name = tweet.get("id_str") or tweet.get("id")
    if not text or not name:
        return BadRow(number, f"the tweet has no {'id' if text else 'text'}")
    author = _author(tweet)
    handle = author.get("screen_name") or author.get("username") or ""
    return ExtractedDocument(
        title=f"@{handle}" if handle else title_from_text(text),
        text=text,
        external_id=str(name),
        kind="tweet",
        author=f"@{handle}" if handle else str(author.get("name") or tweet.get("author_id") or ""),
        published_at=parse_date(tweet.get("created_at")),
        language=str(tweet.get("lang") or ""),
        metadata={name: value for name, value in _facts(tweet, author).items() if value not in (None, "", [], {})},
    )


def _text(tweet: Record) -> str:
    """Return the whole text: of an extended tweet, a long note, or of what was retweeted, which is cut in the retweet."""
    original = tweet.get("retweeted_status")
    if isinstance(original, dict) and is_tweet(original):
        return f"RT @{_record(original.get('user')).get('screen_name', '')}: {_text(original)}"
    extended, note = tweet.get("extended_tweet"), tweet.get("note_tweet")
    if isinstance(extended, dict) and extended.get("full_text"):
        return str(extended["full_text"])
    if isinstance(note, dict) and note.get("text"):
        return str(note["text"])
    text = str(tweet.get("full_text") or tweet.get("text") or "")
    retweeted = _included(tweet, "tweets", _referenced(tweet, "retweeted"))
    if retweeted.get("text") and text.startswith("RT @") and ":" in text:
        return f"{text.partition(':')[0]}: {_text(retweeted)}"
    return text


def _author(tweet: Record) -> Record:
    """Return who wrote `tweet`: `user` in v1.1, `author` in v2 as twarc flattens it, else from what came beside."""
    beside = _included(tweet, "users", tweet.get("author_id"))
    return next((each for each in (tweet.get("user"), tweet.get("author")) if isinstance(each, dict)), beside)


def _facts(tweet: Record, author: Record) -> Record:
    counts = _record(tweet.get("public_metrics"))
    entities = _record(_record(tweet.get("extended_tweet")).get("entities") or tweet.get("entities"))
    original, place = _record(tweet.get("retweeted_status")), _record(tweet.get("place"))
    geo = _record(tweet.get("geo"))  # v2; in v1.1 the same in another order, and out of use
    return {
        "author_name": author.get("name"),
        "retweet_of": original.get("id_str") or _referenced(tweet, "retweeted"),
        "retweet_of_author": _record(original.get("user")).get("screen_name"),
        "reply_to": tweet.get("in_reply_to_status_id_str") or _referenced(tweet, "replied_to"),
        "reply_to_author": tweet.get("in_reply_to_screen_name") or _reply_author(tweet),
        "quote_of": tweet.get("quoted_status_id_str") or _referenced(tweet, "quoted"),
        "urls": _named(entities.get("urls"), "expanded_url", "url"),
        "hashtags": _named(entities.get("hashtags"), "text", "tag"),
        "retweet_count": tweet.get("retweet_count", counts.get("retweet_count")),
        "like_count": tweet.get("favorite_count", counts.get("like_count")),
        "reply_count": tweet.get("reply_count", counts.get("reply_count")),
        "quote_count": tweet.get("quote_count", counts.get("quote_count")),
        "place": place.get("full_name") or geo.get("full_name"),
        "coordinates": _point(tweet.get("coordinates")) or _point(geo.get("coordinates")),
        "event": tweet.get("event"),  # as collections of tweets add it
    }


def _point(point: Any) -> Any:
    """Return longitude and latitude of a GeoJSON point."""
    return point.get("coordinates") if isinstance(point, dict) else None


def _reply_author(tweet: Record) -> str | None:
    return _included(tweet, "users", tweet.get("in_reply_to_user_id")).get("username")


def _referenced(tweet: Record, how: str) -> str | None:
    found = _records(tweet.get("referenced_tweets"))
    return next((str(each.get("id")) for each in found if each.get("type") == how), None)


def _included(tweet: Record, what: str, key: Any) -> Record:
    return _record(_record(_record(tweet.get(_INCLUDES)).get(what)).get(str(key)))


def _by_id(includes: Record) -> dict[str, dict[str, Record]]:
    return {what: {str(each.get("id")): each for each in _records(includes.get(what))} for what in ("users", "tweets")}


def _named(entities: Any, *names: str) -> list[Any]:
    """Return what each of a list of entities is called: by the first of `names` that it has, or by itself."""
    found = entities if isinstance(entities, list) else []
    called = [
        next(filter(None, map(each.get, names)), None) if isinstance(each, dict) else each
        for each in found
        if isinstance(each, dict | str)
    ]
    return [name for name in called if name]


def _record(value: Any) -> Record:
    return value if isinstance(value, dict) else {}


def _records(value: Any) -> list[Record]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
