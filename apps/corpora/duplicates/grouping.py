"""Groups of documents that say the same, kept up to date in the database as documents come and go."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from itertools import combinations

from django.db import connection, transaction
from django.db.models import Value
from django.db.models.functions import Left

from apps.corpora.duplicates.normalising import LONGEST, Normalised, normalise
from apps.corpora.duplicates.signatures import Marks, marks_of
from apps.corpora.duplicates.similarity import says_the_same
from apps.corpora.models import Document, DocumentText, DuplicateGroup, Signature

# One at a time: two that run side by side would not see each other's documents.
_LOCK = 7_261_450_113
# Of the documents that share one key, and of all that share any.
OF_A_KEY = 20
COMPARED = 40
# A group of more different texts is not taken apart again when a member goes: they are a campaign.
_MOST_COMPARED = 300

_MEETING = """
SELECT mine.document_id, met.document_id
FROM unnest(%s::bigint[], %s::bigint[]) AS mine (document_id, key)
CROSS JOIN LATERAL (
    SELECT k.document_id FROM corpora_signaturekey k
    WHERE k.key = mine.key AND k.document_id <> mine.document_id
    ORDER BY k.document_id DESC LIMIT %s
) met
"""
_ENTER = """
INSERT INTO corpora_signaturekey (key, document_id)
SELECT s.key, s.document_id FROM unnest(%s::bigint[], %s::bigint[]) AS s (document_id, key) ON CONFLICT DO NOTHING
"""


def compare(document_ids: Iterable[int]) -> None:
    """Put documents that were not compared yet into the groups of what says the same; safe to run twice."""
    texts = _texts(_not_compared(document_ids))
    marks = {pk: mark for pk, text in texts.items() if (mark := marks_of(text))}
    if not marks:
        return
    with transaction.atomic():
        _wait_for_others()
        still_new = _not_compared(marks)  # another may have compared them while this one waited
        marks = {pk: mark for pk, mark in marks.items() if pk in still_new}
        leaders = _enter(marks)
        same_words = [(leader, pk) for pk, leader in leaders.items() if leader != pk]
        leading = {pk: marks[pk] for pk, leader in leaders.items() if leader == pk}
        _join([*same_words, *_alike(_meetings(leading), texts)])


def _not_compared(document_ids: Iterable[int]) -> set[int]:
    wanted = set(document_ids)
    return wanted - set(Signature.objects.filter(document__in=wanted).values_list("pk", flat=True))


def _wait_for_others() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [_LOCK])


def _texts(document_ids: Collection[int]) -> dict[int, Normalised]:
    rows = DocumentText.objects.filter(pk__in=document_ids).annotate(start=Left("text", Value(LONGEST)))
    return {pk: normalise(start) for pk, start in rows.values_list("pk", "start")}


def _enter(marks: Mapping[int, Marks]) -> dict[int, int]:
    """Store the signatures; return for each document the first with its words, most often itself."""
    keys = {mark.text_key for mark in marks.values()}
    first = dict(Signature.objects.filter(text_key__in=keys, leads=True).values_list("text_key", "pk"))
    leaders = {pk: first.setdefault(marks[pk].text_key, pk) for pk in sorted(marks)}
    Signature.objects.bulk_create(
        Signature(document_id=pk, text_key=mark.text_key, keys=list(mark.keys), leads=leaders[pk] == pk)
        for pk, mark in marks.items()
    )
    with connection.cursor() as cursor:
        cursor.execute(_ENTER, _columns({pk: mark for pk, mark in marks.items() if leaders[pk] == pk}))
    return leaders


def _columns(marks: Mapping[int, Marks]) -> list[list[int]]:
    pairs = [(pk, key) for pk, mark in marks.items() for key in mark.keys]
    return [[pk for pk, _ in pairs], [key for _, key in pairs]]


def _meetings(marks: Mapping[int, Marks]) -> list[tuple[int, int]]:
    """Return the pairs that share keys, each document with those that share most of its own."""
    with connection.cursor() as cursor:
        cursor.execute(_MEETING, [*_columns(marks), OF_A_KEY])
        met: dict[int, Counter[int]] = defaultdict(Counter)
        for mine, other in cursor.fetchall():
            met[mine][other] += 1
    pairs = {(min(mine, other), max(mine, other)) for mine in met for other, _ in met[mine].most_common(COMPARED)}
    return sorted(pairs)


def _alike(pairs: Sequence[tuple[int, int]], texts: Mapping[int, Normalised]) -> list[tuple[int, int]]:
    missing = {pk for pair in pairs for pk in pair} - set(texts)
    known = {**texts, **_texts(missing)}  # without those deleted this moment
    there = [(one, other) for one, other in pairs if one in known and other in known]
    return [(one, other) for one, other in there if says_the_same(known[one], known[other])]


def _join(pairs: Iterable[tuple[int, int]]) -> None:
    """Give the documents of each connected set one group: theirs, or the oldest of theirs, or a new one."""
    for members in connected(pairs):
        groups = sorted(
            Document.objects.filter(pk__in=members, duplicates__isnull=False)
            .values_list("duplicates", flat=True)
            .distinct()
        )
        kept = groups[0] if groups else DuplicateGroup.objects.create().pk
        Document.objects.filter(pk__in=members, duplicates__isnull=True).update(duplicates=kept)
        Document.objects.filter(duplicates__in=groups[1:]).update(duplicates=kept)
        DuplicateGroup.objects.filter(pk__in=groups[1:]).delete()


def connected(pairs: Iterable[tuple[int, int]]) -> list[set[int]]:
    """Return the sets that the pairs tie together."""
    leader: dict[int, int] = {}

    def find(item: int) -> int:
        while leader.setdefault(item, item) != item:
            leader[item] = item = leader[leader[item]]
        return item

    for one, other in pairs:
        leader[find(other)] = find(one)
    sets: dict[int, set[int]] = defaultdict(set)
    for item in leader:
        sets[find(item)].add(item)
    return list(sets.values())


def tend(*, at_most: int = 50) -> int:
    """Look at groups that lost a member: whether the others still hang together; return how many groups."""
    stale = list(DuplicateGroup.objects.filter(is_stale=True).values_list("pk", flat=True)[:at_most])
    for group in stale:
        with transaction.atomic():
            _wait_for_others()
            _tend(group)
    return len(stale)


def _tend(group: int) -> None:
    members = list(Document.objects.filter(duplicates=group).values_list("pk", "signature__text_key"))
    of_text: dict[int | None, list[int]] = defaultdict(list)
    for pk, text_key in members:
        of_text[text_key].append(pk)
    if len(of_text) <= _MOST_COMPARED:
        first = {pks[0]: pks for pks in of_text.values()}
        texts = _texts(first)
        same = [pair for pair in combinations(first, 2) if says_the_same(texts[pair[0]], texts[pair[1]])]
        _, *split_off = sorted(connected([*((pk, pk) for pk in first), *same]), key=len, reverse=True) or [set()]
        for leaders in split_off:
            _split_off([pk for leader in leaders for pk in first[leader]])
    if Document.objects.filter(duplicates=group).count() > 1:
        DuplicateGroup.objects.filter(pk=group).update(is_stale=False)
    else:
        DuplicateGroup.objects.filter(pk=group).delete()  # which its last member leaves by itself


def _split_off(members: Sequence[int]) -> None:
    """Give a part that nothing ties to the rest a group of its own; none where it is one document."""
    new = DuplicateGroup.objects.create() if len(members) > 1 else None
    Document.objects.filter(pk__in=members).update(duplicates=new)
