"""manage.py export_judgments: what people judged, as a test collection."""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import User
from apps.feedback.collection import collect
from apps.feedback.exporting import FORMATS, zip_folder
from apps.feedback.forms import read_queries
from apps.feedback.models import Judgment, JudgmentQuerySet


class Command(BaseCommand):
    help = "Export judgments with the rights of --user, or of an admin: who can run this reads the database anyway."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("out", type=Path, metavar="OUT", help="a new folder, or a file that ends with .zip")
        parser.add_argument("--format", default="beir", choices=list(FORMATS))
        parser.add_argument(
            "--combine",
            default="majority",
            choices=["majority", "mean"],
            help="one grade of several judges': the majority's, the lower one of a tie (default), or the mean, halves up",
        )
        parser.add_argument(
            "--passages",
            default="corpora",
            choices=["corpora", "judged"],
            help="all passages of the corpora judged in (default), or the judged ones only, which is an easier search",
        )
        parser.add_argument("--queries", type=Path, metavar="FILE", help="only these queries, one a line")
        parser.add_argument("--corpus", metavar="CORPUS", help="only judgments of passages of this corpus")
        parser.add_argument("--user", metavar="NAME", help="export with the rights of this person")

    def handle(self, *, out: Path, **options: Any) -> None:
        if out.exists():
            raise CommandError(f"{out} is there already. Nothing was written; name another place.")
        judgments = Judgment.objects.readable_by(_user(options["user"]))
        if options["corpus"]:
            judgments = judgments.filter(passage__corpus__slug=options["corpus"])
        if options["queries"]:
            judgments = _only(judgments, options["queries"])
        collection = collect(judgments, combine=options["combine"], extent=options["passages"])
        if not collection.qrels:
            raise CommandError("No judgment matches. Nothing was written.")
        write = FORMATS[options["format"]]
        if out.suffix == ".zip":
            with tempfile.TemporaryDirectory() as scratch:
                write(collection, Path(scratch))
                zip_folder(Path(scratch), out)
        else:
            write(collection, out)
        self.stdout.write(
            f"{out}: {len(collection.queries)} queries, {len(collection.qrels)} graded passages "
            f"from {len(collection.given)} judgments by {collection.judges} judges ({collection.combination})."
        )


def _only(judgments: JudgmentQuerySet, path: Path) -> JudgmentQuerySet:
    """Keep the judgments of the queries in a file; a line that names an intent means it alone."""
    try:
        wanted = read_queries(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError) as failure:
        raise CommandError(f"{path} cannot be read: {failure}") from failure
    of_any = [query.text for query in wanted if query.intent is None]
    found = judgments.filter(query__text__in=of_any)
    for query in wanted:
        if query.intent is not None:
            found |= judgments.filter(query__text=query.text, query__intent=str(query.intent))
    return found


def _user(name: str | None) -> User:
    if name is None:
        return User(role=User.Role.ADMIN)
    try:
        return User.objects.get(username=name, is_active=True)
    except User.DoesNotExist:
        raise CommandError(f"There is no active user called {name!r}.") from None
