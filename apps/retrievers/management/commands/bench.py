import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from apps.retrievers.encoder_process import run_encoders


class Command(BaseCommand):
    help = "Measure this machine. encode: passages and queries a second, by backend."

    def add_arguments(self, parser: CommandParser) -> None:
        self.actions = parser.add_subparsers(dest="action", required=True)
        encode = self.actions.add_parser("encode", help="each backend against SentenceTransformer.encode")
        encode.add_argument("name", nargs="?", default="", help="a model (default: the product's)")
        encode.add_argument("--backends", default="", metavar="NAMES", help="comma-separated (default: all)")
        encode.add_argument("--rounds", type=int, default=5)
        encode.add_argument("--random-weights", action="store_true", help="time the shape of a model not here")
        encode.add_argument("--one-core", action="store_true", help="count processor seconds: for a machine in use")
        encode.add_argument("--json", action="store_true")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _encode(self, *, name: str, backends: str, rounds: int, **options: Any) -> None:
        flags = [f"--{flag.replace('_', '-')}" for flag in ("json", "random_weights", "one_core") if options[flag]]
        chosen = ["--backends", *backends.split(",")] if backends else []
        status = run_encoders("bench", *([name] if name else []), "--rounds", str(rounds), *flags, *chosen)
        if status:
            sys.exit(status)
