import sys
from collections.abc import Iterable
from json import dumps
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from apps.retrievers.checkpoints import CheckpointMissing
from apps.retrievers.describe import describe
from apps.retrievers.downloads import DownloadFailed, download
from apps.retrievers.encoder_process import run_encoders, run_gate
from apps.retrievers.family import FAMILY, UnknownRetriever, get_card
from apps.retrievers.naming import known_by, named_retriever
from apps.retrievers.own import own_cards


class Command(BaseCommand):
    help = "The retrievers: list and show them, download, check and export one, prove that int8 keeps its rankings."
    requires_system_checks = []  # it must help to mend the very settings that the checks refuse

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        listing = actions.add_parser("list", help="every model, and which ones are on this machine")
        listing.add_argument("--json", action="store_true")
        for name, text in (
            ("show", "what is known of one model: prompts, pooling, licence, published scores"),
            ("download", "fetch its checkpoint from the hub"),
            ("check", "load it, prove that it attends and pools as it should, and time it"),
        ):
            action = actions.add_parser(name, help=text)
            action.add_argument("name", help="as in `models list`, or a checkpoint's folder")
            action.add_argument("--json", action="store_true")
        export = actions.add_parser("export", help="write it as a sentence-transformers folder with its prompts")
        export.add_argument("name", help="as in `models list`, or a checkpoint's folder")
        export.add_argument("folder")
        export.add_argument("--scores", help="evaluation report (JSON) whose scores the model card shows")
        export.add_argument("--json", action="store_true")
        gate = actions.add_parser(
            "gate", help="measure whether int8 may be used: NDCG@10 and speed beside bf16 or fp32"
        )
        gate.add_argument("name", help="as in `models list`, or a checkpoint's folder")
        gate.add_argument("--sets", nargs="+", required=True, metavar="FOLDER", help="test collections (BEIR folders)")
        gate.add_argument("--json", action="store_true")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        try:
            getattr(self, f"_{action}")(**options)
        except (UnknownRetriever, CheckpointMissing, DownloadFailed) as failure:
            raise CommandError(str(failure)) from failure

    def _list(self, *, json: bool, **_: Any) -> None:
        described = [describe(card, folder=settings.RETRIEVER_FOLDER) for card in (*FAMILY.values(), *own_cards())]
        heading = ("NAME", "CLASS", "MILLIONS", "DIM", "POOLING", "INTENTS", "LICENCE", "HERE")
        self._write(described, [_COLUMNS.format(*row) for row in (heading, *map(_row, described))], json=json)

    def _show(self, *, name: str, json: bool, **_: Any) -> None:
        card, folder = named_retriever(name)
        facts = describe(card, folder=folder or settings.RETRIEVER_FOLDER)
        if folder:
            facts = {"folder": str(folder), "known_by": known_by(folder, card), **facts}
        self._write(facts, [f"{key:23} {value}" for key, value in _flat(facts)], json=json)

    def _download(self, *, name: str, json: bool, **_: Any) -> None:
        card = get_card(name)
        folder = download(card)
        self._write({"name": card.name, "path": str(folder)}, [f"{card.name} is in {folder}"], json=json)

    def _check(self, *, name: str, json: bool, **_: Any) -> None:
        self._in_worker("check", name, *(["--json"] if json else []))

    def _export(self, *, name: str, folder: str, scores: str | None, json: bool, **_: Any) -> None:
        options = [*(["--scores", str(Path(scores).resolve())] if scores else []), *(["--json"] if json else [])]
        self._in_worker("export", name, str(Path(folder).resolve()), *options)

    def _gate(self, *, name: str, sets: list[str], json: bool, **_: Any) -> None:
        folders = [str(Path(folder).resolve()) for folder in sets]
        _end_as(run_gate(_resolved(name), "--sets", *folders, *(["--json"] if json else [])))

    def _in_worker(self, action: str, name: str, *options: str) -> None:
        _end_as(run_encoders(action, _resolved(name), *options))

    def _write(self, facts: Any, lines: Iterable[str], *, json: bool) -> None:
        self.stdout.write(dumps(facts, ensure_ascii=False, indent=2) if json else "\n".join(lines))


def _resolved(name: str) -> str:
    """Return what the child process is to call the model: it does not start where we were started."""
    card, folder = named_retriever(name)
    return str(folder.resolve()) if folder else card.name


def _end_as(status: int) -> None:
    if status:
        sys.exit(status)


_COLUMNS = "{:31} {:7} {:>8} {:>5}  {:7} {:7} {:13} {}"


def _row(facts: dict[str, Any]) -> tuple[object, ...]:
    here = "yes" if facts["checkpoint"] else "no" if facts["released"] else "not released"
    intents = "six" if facts["knows_intents"] else "–"
    about = (facts["name"], facts["size_class"], facts["parameters"], facts["dim"], facts["pooling"])
    return (*about, intents, facts["licence"], here)


def _flat(facts: dict[str, Any], prefix: str = "") -> Iterable[tuple[str, object]]:
    for key, value in facts.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value
