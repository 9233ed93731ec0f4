"""The child process: reads one stranger's file under limits and writes what it finds to standard output.

Started by `sandbox` only. It has an empty environment, no network and no way to start a program: whatever
a parser is tricked into stays here and ends with it.
"""

import json
import os
import resource
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from apps.corpora.cleaning import clean_line, clean_values, shorten
from apps.corpora.extraction import archives, reading
from apps.corpora.extraction.records import ExtractedDocument, ExtractionFailed, Limits, Mapping, Source
from apps.corpora.extraction.wire import Record, dumps

OUT_OF_MEMORY = 3  # exit status

_TITLE = 500
_NAME = 200
_REFUSED_EVENTS = frozenset(
    {"socket.connect", "socket.bind", "socket.getaddrinfo", "subprocess.Popen", "os.system", "os.exec", "os.fork"}
)


def main() -> None:
    request: dict[str, Any] = json.loads(sys.argv[1])
    limits = Limits(**request.pop("limits"))
    _confine(limits)
    try:
        for record in _answer(request, limits):
            _send(dumps(record))
        _send('{"done": true}')
    except ExtractionFailed as failure:
        _send(json.dumps({"failed": str(failure)}))
    except MemoryError:
        sys.exit(OUT_OF_MEMORY)
    sys.stdout.flush()


def _answer(request: dict[str, Any], limits: Limits) -> Iterator[Record]:
    if request["task"] == "unpack":
        yield from archives.unpack(Path(request["path"]), into=Path(request["into"]), limits=limits)
        return
    if request["task"] == "picture":
        from apps.corpora.extraction.picturing import picture

        yield picture(Path(request["path"]), request["number"], into=Path(request["into"]))
        return
    mapping = request["mapping"]
    source = Source(
        path=Path(request["path"]),
        name=request["name"],
        kind=request["kind"],
        mapping=Mapping.from_dict(mapping) if mapping is not None else None,
        limits=limits,
    )
    if request["task"] == "guess_mapping":
        guess = reading.guess_mapping(source)
        yield from [guess] if guess else []
        return
    total = 0
    for record in reading.read(source):
        if isinstance(record, ExtractedDocument):
            total += len(record.text)
            if total > limits.total_characters:
                raise ExtractionFailed(
                    f"This file holds more than {limits.total_characters:,} characters of text. "
                    "Split it and upload the parts."
                )
            yield _fit_to_store(record)
        else:
            yield record


def _fit_to_store(document: ExtractedDocument) -> ExtractedDocument:
    """Return `document` with every field beside the text clean too, and no longer than the columns they go to."""
    return replace(
        document,
        title=shorten(clean_line(document.title), _TITLE),
        external_id=clean_line(document.external_id)[:_NAME] if document.external_id else None,
        author=shorten(clean_line(document.author), _NAME),
        language=clean_line(document.language)[:10],
        metadata=clean_values(document.metadata),
    )


def _send(line: str) -> None:
    sys.stdout.buffer.write(line.encode("utf-8", "replace") + b"\n")


def _confine(limits: Limits) -> None:
    """Give this process its limits, from which there is no way back."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (limits.member_bytes, limits.member_bytes))
    # The soft limit's signal tells the parent why; the hard one cannot be caught.
    resource.setrlimit(resource.RLIMIT_CPU, (limits.cpu_seconds, limits.cpu_seconds + 5))
    if sys.platform == "linux":  # elsewhere it is refused or has no effect
        resource.setrlimit(resource.RLIMIT_AS, (limits.memory_bytes, limits.memory_bytes))
    os.umask(0o077)
    sys.addaudithook(_refuse)


def _refuse(event: str, _arguments: tuple[Any, ...]) -> None:
    if event in _REFUSED_EVENTS:
        raise PermissionError(f"{event} is not for the readers of files")


if __name__ == "__main__":
    main()
