"""manage.py index: everything an admin does with indexes, at a terminal."""

from __future__ import annotations

import json
import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from apps.indexing import certifying, describing, estimating, making, services, switching
from apps.indexing.measured import Certificate, EncodingRate, Measurement
from apps.indexing.models import VectorIndex
from apps.indexing.pace import pace

# How long to wait for a worker to measure something, in seconds.
PATIENCE_S = 300.0
_LOOK_EVERY_S = 1.0

_ON_ONE = {
    "show": "all there is to say of it",
    "build": "go on with it and follow how far it is, until it is complete",
    "pause": "embed no more for it; it can go on later",
    "resume": "go on with a paused or a retired one, without waiting",
    "certify": "measure recall@10 against exact search, latency, size and quality",
    "activate": "let it answer searches; the one that does stands by",
    "retire": "keep it up no more; its vectors stay",
    "cancel": "give up one that is being built; what was embedded is deleted",
    "drop": "delete it with its vectors",
    "retry": "try again what could not be embedded",
}


class Command(BaseCommand):
    help = "Make, build, prove, switch and drop vector indexes, side by side with the one that answers searches."

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        for name, about in {"list": "all indexes", "rollback": "let the one that stands by answer again"}.items():
            actions.add_parser(name, help=about).add_argument("--json", action="store_true")
        for name, about in {"estimate": "time and disk that it would take", "create": "make one, paused"}.items():
            self._add_plan(actions.add_parser(name, help=about))
        for name, about in _ON_ONE.items():
            one = actions.add_parser(name, help=about)
            one.add_argument("id", type=int)
            one.add_argument("--json", action="store_true")
        change = actions.add_parser("set", help="change how it is searched")
        change.add_argument("id", type=int)
        change.add_argument("--ef-search", type=int)
        change.add_argument("--shadow", type=float, metavar="SHARE", help="0 to 1 of the searches run on it too")
        change.add_argument("--recall-floor", type=float)
        change.add_argument(
            "--dense-share",
            nargs="+",
            metavar="INTENT=SHARE",
            help="how much meaning counts beside words, 0 to 1, for these intents; the others as usual",
        )
        change.add_argument("--exact-below-floor", choices=["yes", "no"])
        change.add_argument("--json", action="store_true")

    def _add_plan(self, parser: ArgumentParser) -> None:
        parser.add_argument("model", nargs="?", default="", help="a card's name or a checkpoint's folder")
        parser.add_argument("--revision", default="", help="refuse weights of another one")
        parser.add_argument("--precision", default="", choices=["", *VectorIndex.Precision.values])
        parser.add_argument("--m", type=int, default=16)
        parser.add_argument("--ef-construction", type=int, default=64)
        parser.add_argument("--json", action="store_true")

    def handle(self, *, action: str, **options: Any) -> None:
        try:
            outcome = getattr(self, f"_{action}")(**options)
        except (making.NotMade, switching.NotPossible) as refusal:
            raise CommandError(str(refusal)) from refusal
        self._tell(outcome, as_json=options["json"])

    def _tell(self, outcome: VectorIndex | dict[str, Any] | list[VectorIndex] | None, *, as_json: bool) -> None:
        if outcome is None:
            return
        many = outcome if isinstance(outcome, list) else [outcome]
        if as_json:
            shown = [describing.as_json(each) if isinstance(each, VectorIndex) else each for each in many]
            self.stdout.write(json.dumps(shown if isinstance(outcome, list) else shown[0], indent=2))
            return
        for each in many:
            self.stdout.write(describing.as_line(each) if isinstance(each, VectorIndex) else json.dumps(each, indent=2))

    def _list(self, **_: Any) -> list[VectorIndex]:
        return list(VectorIndex.objects.order_by("pk"))

    def _show(self, *, id: int, **_: Any) -> VectorIndex:
        return _index(id)

    def _estimate(self, **options: Any) -> dict[str, Any] | None:
        wanted = _plan(**options)
        making.revision_of(wanted)
        rate = self._measured(estimating.rate_of(wanted))
        if rate.state == Measurement.FAILED:
            raise CommandError(f"The embedding worker could not measure {wanted.card.name}: {rate.reason}")
        found = estimating.estimate(wanted)
        if options["json"]:
            return describing.estimate_json(found)
        self.stdout.writelines(f"{line}\n" for line in describing.estimate_lines(found))
        return None

    def _create(self, *, revision: str, **options: Any) -> VectorIndex:
        index = making.make(_plan(**options), revision=revision, paused=True)
        if not options["json"]:
            self.stdout.write(f"Made, and paused: `manage.py index build {index.pk}` begins.")
        return index

    def _build(self, *, id: int, **options: Any) -> VectorIndex:
        index = _index(id)
        if not index.is_growing:
            switching.resume(index)
        last = ""
        while index.status == VectorIndex.Status.BUILDING:
            line = index.trouble or describing.progress_line(pace(index))
            if line != last and not options["json"]:
                self.stderr.write(line)
            last = line
            time.sleep(_LOOK_EVERY_S)
            index = _index(id)
        return index

    def _pause(self, *, id: int, **_: Any) -> VectorIndex:
        index = _index(id)
        switching.pause(index)
        return index

    def _resume(self, *, id: int, **_: Any) -> VectorIndex:
        index = _index(id)
        switching.resume(index)
        return index

    def _certify(self, *, id: int, **_: Any) -> dict[str, Any]:
        proof = self._measured(certifying.request(_index(id)))
        if proof.state == Measurement.FAILED:
            raise CommandError(f"Not certified: {proof.reason}")
        return certifying.as_json(proof)

    def _activate(self, *, id: int, **_: Any) -> VectorIndex:
        index = _index(id)
        switching.activate(index)
        return index

    def _rollback(self, **_: Any) -> VectorIndex:
        return switching.roll_back()

    def _retire(self, *, id: int, **_: Any) -> VectorIndex:
        index = _index(id)
        switching.retire(index)
        return index

    def _drop(self, *, id: int, **_: Any) -> dict[str, Any]:
        switching.drop(_index(id))
        return {"dropped": id}

    def _cancel(self, *, id: int, **_: Any) -> dict[str, Any]:
        index = _index(id)
        if index.status not in (VectorIndex.Status.BUILDING, VectorIndex.Status.PAUSED):
            raise CommandError(f"Index {id} is not being built: it is {index.get_status_display().lower()}.")
        switching.drop(index)
        return {"cancelled": id}

    def _retry(self, *, id: int, **_: Any) -> dict[str, Any]:
        return {"tried_again": services.retry_set_aside(_index(id))}

    def _set(self, *, id: int, **options: Any) -> VectorIndex:
        index = _index(id)
        exact = options["exact_below_floor"]
        changes = {
            "ef_search": options["ef_search"],
            "shadow_share": options["shadow"],
            "recall_floor": options["recall_floor"],
            "exact_below_floor": None if exact is None else exact == "yes",
            "dense_shares": None if options["dense_share"] is None else _shares(options["dense_share"]),
        }
        switching.change(index, **{name: value for name, value in changes.items() if value is not None})
        return index

    def _measured(self, row: Any) -> Any:
        """Wait until a worker has measured `row`, an EncodingRate or a Certificate."""
        kind: type[EncodingRate | Certificate] = type(row)
        until = time.monotonic() + PATIENCE_S
        while row.state == Measurement.WAITING:
            if time.monotonic() > until:
                raise CommandError("No embedding worker has answered. `manage.py doctor` tells whether one runs.")
            time.sleep(_LOOK_EVERY_S / 4)
            row = kind._default_manager.get(pk=row.pk)
        return row


def _index(pk: int) -> VectorIndex:
    found = VectorIndex.objects.filter(pk=pk).first()
    if found is None:
        raise CommandError(f"There is no index {pk}. `manage.py index list` has all.")
    return found


def _plan(*, model: str, precision: str, m: int, ef_construction: int, **_: Any) -> estimating.Plan:
    return making.plan(model, precision=precision, m=m, ef_construction=ef_construction)


def _shares(words: list[str]) -> dict[str, float]:
    """Read "QA=0.7 NLI=1"; `usual` alone takes all back."""
    if words == ["usual"]:
        return {}
    try:
        return {intent: float(share) for intent, share in (word.split("=") for word in words)}
    except ValueError as wrong:
        raise CommandError("Shares look like this: --dense-share QA=0.7 NLI=1, or --dense-share usual.") from wrong
