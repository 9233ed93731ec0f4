"""After the soak: is everything there, once, and was every failure told?"""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg

from apps.operations.soak.browser import Browser
from apps.operations.soak.load import CORPUS, ROWS, Tally, search, word_of
from apps.operations.soak.product import Product

#: Files of which a row is searched for in the end.
SEARCHED = 40

# Vectors owed, files open: nothing may be left of either.
_OPEN = """
SELECT (SELECT count(*) FROM indexing_pendingvector WHERE reason = ''),
       (SELECT count(*) FROM ingestion_jobitem WHERE state IN ('WAITING', 'WORKING'))
"""
_SEND_BACK = """
WITH files AS (
    UPDATE ingestion_jobitem SET state = 'WAITING', attempts = 0, waiting_since = now()
    WHERE state = 'QUARANTINED' RETURNING id
), vectors AS (
    UPDATE indexing_pendingvector SET reason = '', attempts = 0, leased_until = NULL WHERE reason <> '' RETURNING id
)
SELECT (SELECT count(*) FROM files) + (SELECT count(*) FROM vectors)
"""
_ROWS = """
SELECT d.external_id, count(DISTINCT d.id), count(p.id), count(DISTINCT p.position)
FROM corpora_document d JOIN corpora_corpus c ON c.id = d.corpus_id LEFT JOIN corpora_passage p ON p.document_id = d.id
WHERE c.slug = %s GROUP BY 1
"""
_WITHOUT_VECTOR = """
SELECT count(*) FROM corpora_passage p CROSS JOIN indexing_vectorindex i
WHERE i.status = 'LIVE' AND NOT EXISTS (
    SELECT 1 FROM indexing_passagevector v WHERE v.passage_id = p.id AND v.index_id = i.id)
"""
_DOUBLED_VECTORS = (
    "SELECT count(*) FROM (SELECT 1 FROM indexing_passagevector GROUP BY index_id, passage_id HAVING count(*) > 1) d"
)
_ORPHANS = "SELECT count(*) FROM indexing_passagevector v LEFT JOIN corpora_passage p ON p.id = v.passage_id WHERE p.id IS NULL"
_UNTOLD_ITEMS = "SELECT count(*) FROM ingestion_jobitem WHERE state IN ('FAILED', 'QUARANTINED') AND reason = ''"


def wait_until_quiet(product: Product, *, patience_s: float) -> float | None:
    """Wait until nothing is open; return the seconds it took, or None when it did not happen in time.

    What was set aside because its workers were killed three times is sent back once, as *Retry all failed* does.
    """
    started, sent_back = time.monotonic(), False
    while time.monotonic() - started < patience_s:
        try:
            if product.ask(_OPEN)[0] == (0, 0):
                if sent_back or not product.ask(_SEND_BACK)[0][0]:
                    return time.monotonic() - started
                sent_back = True
        except psycopg.OperationalError:
            pass  # it was killed last and is on its way up; in the end it answers or time runs out
        time.sleep(1)
    return None


def faults(product: Product, tally: Tally) -> Iterator[str]:
    """Yield what is missing, doubled, left open or was not told."""
    wanted = {word_of(number, row) for number in tally.accepted for row in range(ROWS)}
    found = {row[0]: row[1:] for row in product.ask(_ROWS, CORPUS)}
    yield from _some("missing", sorted(wanted - found.keys()))
    yield from _some("doubled", sorted(word for word, (documents, *_) in found.items() if documents > 1))
    yield from _some("without a passage", sorted(word for word, (_, passages, _) in found.items() if passages == 0))
    yield from _some(
        "with a passage twice", sorted(word for word, (_, passages, places) in found.items() if passages > places)
    )
    for what, sql in {
        "passages without a vector": _WITHOUT_VECTOR,
        "vectors written twice": _DOUBLED_VECTORS,
        "vectors without a passage": _ORPHANS,
        "files that failed without a reason": _UNTOLD_ITEMS,
    }.items():
        if count := product.ask(sql)[0][0]:
            yield f"{count:,} {what}"
    owed, items = product.ask(_OPEN)[0]
    if owed or items:
        yield f"left open: {owed:,} vectors owed, {items:,} files"
    yield from tally.untold


def overlooked(browser: Browser, tally: Tally, *, patience_s: float) -> Iterator[str]:
    """Yield what people would still miss now that all is quiet: answers by meaning, and rows of the files taken."""
    until = time.monotonic() + patience_s
    while (mode := search(browser, "water at the gauge").kind) != "hybrid":
        if time.monotonic() > until:
            yield f"searches are not answered by meaning again: {mode}"
            return
        time.sleep(0.5)
    step = max(1, len(tally.accepted) // SEARCHED)
    for number in tally.accepted[::step]:
        wanted = word_of(number, number % ROWS)
        if untold := search(browser, wanted, wanted=wanted).untold:
            yield f"in the end: {untold}"


def _some(what: str, words: list[str]) -> Iterator[str]:
    if words:
        yield f"{len(words):,} rows {what}: {', '.join(words[:5])}"
