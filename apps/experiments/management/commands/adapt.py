"""manage.py adapt: a better model for a corpus, made here and now, or by the process that does what pages ask for."""

from __future__ import annotations

import signal
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, close_old_connections

from apps.corpora.models import Corpus
from apps.experiments import refined
from apps.experiments.runs import Adaptation
from apps.experiments.runs_forms import StartForm
from apps.experiments.runs_process import carry_out
from apps.experiments.writing import comparison
from apps.retrievers.intents import Intent

_LOOK_S = 5.0


class Command(BaseCommand):
    help = (
        "adapt CORPUS: make training pairs of a corpus, train, compare with the old model, and keep the new one if it "
        "is better. adapt --watch: do the runs that are asked for on the page, one after the other."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("corpus", nargs="?", metavar="CORPUS", help="its short name, as in its address")
        parser.add_argument(
            "--model", default="", metavar="CARD|PATH", help="to begin from (default: the product's own)"
        )
        parser.add_argument("--name", default="", help="of the new model (default: of corpus and day)")
        parser.add_argument("--no-judgments", action="store_true", help="leave people's judgments out")
        parser.add_argument("--only-data", action="store_true", help="stop before the training")
        writer = parser.add_argument_group("questions that the language model of LLM_ENDPOINT and LLM_MODEL writes")
        writer.add_argument("--synthesize", type=int, default=0, metavar="N", help="for N passages (default: none)")
        writer.add_argument("--intents", nargs="+", choices=[*Intent], default=[], help="default: all six")
        writer.add_argument("--budget-tokens", type=int, metavar="N", help="then go on with what there is")
        writer.add_argument(
            "--judges", nargs="+", default=[], metavar="CARD", help="more than half must find what it wrote"
        )
        parser.add_argument("--watch", action="store_true", help="wait for runs and do them")

    def handle(self, **options: Any) -> None:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # what was started is then stopped
        if options["watch"]:
            self._watch()
        elif options["corpus"]:
            self._adapt(options)
        else:
            raise CommandError("Name a corpus: manage.py adapt CORPUS")

    def _adapt(self, options: dict[str, Any]) -> None:
        corpus = Corpus.objects.filter(slug=options["corpus"]).first()
        if corpus is None:
            raise CommandError(f"There is no corpus {options['corpus']!r}. `manage.py ingest` makes one.")
        form = StartForm(_fields(corpus, options))
        if options["synthesize"] and not form.can_write:
            raise CommandError("No language model is known: set LLM_ENDPOINT and LLM_MODEL.")
        if not form.is_valid():
            raise CommandError(" ".join(str(message) for messages in form.errors.values() for message in messages))
        run = form.save()
        run.mark_running()  # by us: the process that watches leaves it alone
        self.stdout.write(f"Run {run.pk}: {run}. Its log: {run.folder / 'log'}")
        try:
            carry_out(run)
        except KeyboardInterrupt:
            run.end(Adaptation.State.CANCELLED, "Stopped by hand. Retry goes on where it was.")
            raise
        run.refresh_from_db()
        if run.report:
            self.stdout.write(comparison(run.report))
        if run.state == Adaptation.State.DATA:
            files = "\n".join(str(path) for path in refined.training_files(run.out))
            self.stdout.write(f"{run.reason}\n{files}")
            return
        if run.state != Adaptation.State.DONE:
            raise CommandError(run.reason)
        self.stdout.write(f"{run.reason}\nSearch with it: manage.py index create {run.name}")

    def _watch(self) -> None:
        while True:
            try:
                Adaptation.objects.send_back_lost()
                run = Adaptation.objects.take_next()
            except OperationalError:  # the database is away: it comes back, or the status page says so
                run = None
                close_old_connections()
            if run is None:
                time.sleep(_LOOK_S)
            else:
                self.stdout.write(f"run {run.pk}: {run}")
                carry_out(run)
                self.stdout.write(f"run {run.pk}: {run.state}: {run.reason}")


def _fields(corpus: Corpus, options: dict[str, Any]) -> dict[str, Any]:
    """Return what would be filled in on the page."""
    return {
        "corpus": corpus.pk,
        "model": options["model"],
        "name": options["name"],
        "with_judgments": not options["no_judgments"],
        "only_data": options["only_data"],
        "passages_asked": options["synthesize"],
        "intents": [str(intent) for intent in options["intents"]],
        "token_budget": options["budget_tokens"],
        "judges": options["judges"],
    }
