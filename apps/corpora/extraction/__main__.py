"""For the eyes: `python -m apps.corpora.extraction FILE [--kind KIND] [--json]` prints what came out of a file."""

import argparse
import json
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

from apps.corpora.extraction import BadRow, ExtractedDocument, ExtractionFailed, extract, guess_mapping
from apps.corpora.extraction.wire import dumps


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m apps.corpora.extraction", description=__doc__)
    parser.add_argument("file", type=Path)
    parser.add_argument("--kind", default="", help="as said at upload; tweet makes each row of a table a tweet")
    parser.add_argument("--json", action="store_true", help="one JSON object a line, as the child sends them")
    options = parser.parse_args()
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `| head` is no error
    try:
        mapping = guess_mapping(options.file, name=options.file.name)
        if mapping and not options.json:
            sys.stdout.write(f"# mapping {json.dumps(mapping.to_dict())}\n")
        for record in extract(options.file, name=options.file.name, kind=options.kind, mapping=mapping):
            sys.stdout.writelines([dumps(record) + "\n"] if options.json else _readable(record))
    except ExtractionFailed as failure:
        sys.stderr.write(f"{options.file}: {failure}\n")
        return 1
    return 0


def _readable(record: ExtractedDocument | BadRow) -> Iterator[str]:
    if isinstance(record, BadRow):
        yield f"! row {record.number}: {record.reason}\n"
        return
    facts = {"id": record.external_id, "kind": record.kind, "by": record.author, "at": record.published_at}
    said = " ".join(f"{name}={value}" for name, value in facts.items() if value)
    yield f"# {record.title}\n# {said} pages={len(record.page_starts)} {record.metadata}\n"
    levels = {heading.start: heading.level for heading in record.headings}
    pages = {start: number for number, start in enumerate(record.page_starts, start=1)}
    offset = 0
    for line in record.text.split("\n"):
        if offset in pages:
            yield f"── page {pages[offset]} ──\n"
        yield f"{'#' * levels[offset] + ' ' if offset in levels else ''}{line}\n"
        offset += len(line) + 1


if __name__ == "__main__":
    sys.exit(main())
