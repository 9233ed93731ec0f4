"""manage.py search: what the search page finds, at a terminal."""

from __future__ import annotations

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.http import QueryDict

from apps.accounts.models import User
from apps.corpora.models import Kind
from apps.retrievers.intents import Intent
from apps.search import services
from apps.search.forms import SearchForm
from apps.search.results import as_json, as_lines
from apps.search.retrieving import DEPTH


class Command(BaseCommand):
    help = "Search the corpora, with the rights of --user, or of an admin: who can run this reads the database anyway."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("text")
        parser.add_argument("--intent", default="auto", choices=["auto", *map(str, Intent)])
        parser.add_argument("--corpus", action="append", default=[], metavar="SLUG", help="may be given again")
        parser.add_argument("--kind", action="append", default=[], choices=list(Kind.values), help="may be given again")
        parser.add_argument("--limit", type=int, default=10, help="passages to show, 10 if not given, at most 100")
        parser.add_argument("--user", metavar="NAME", help="search with the rights of this person")
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, *, text: str, limit: int, **options: Any) -> None:
        if not 1 <= limit <= DEPTH:
            raise CommandError(f"--limit takes a number from 1 to {DEPTH}.")
        user = self._user(options["user"])
        form = SearchForm(_as_query(text, **options), corpora=services.readable_corpora(user))
        if not form.is_valid():
            raise CommandError(" ".join(str(error) for errors in form.errors.values() for error in errors))
        if not form.cleaned_data["q"]:
            raise CommandError("Say what to search for: the text is empty.")
        outcome = services.search(form.asked(of_one_document=None, limit=limit), user=user)
        if options["json"]:
            self.stdout.write(json.dumps(as_json(outcome), ensure_ascii=False, indent=2))
        else:
            self.stdout.writelines(f"{line}\n" for line in as_lines(outcome))

    def _user(self, name: str | None) -> User:
        if name is None:
            return User(role=User.Role.ADMIN)
        try:
            return User.objects.get(username=name, is_active=True)
        except User.DoesNotExist:
            raise CommandError(f"There is no active user called {name!r}.") from None


def _as_query(text: str, *, intent: str, corpus: list[str], kind: list[str], **_: Any) -> QueryDict:
    query = QueryDict(mutable=True)
    query["q"] = text
    query["intent"] = "" if intent == "auto" else intent
    query.setlist("corpus", corpus)
    query.setlist("kind", kind)
    return query
