"""The soak from start to verdict."""

from __future__ import annotations

import random
import statistics
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import KW_ONLY, dataclass, field
from functools import partial
from typing import Any

import psycopg

from apps.operations.soak import audit, product
from apps.operations.soak.browser import Browser, Hung, Told
from apps.operations.soak.kills import Killer
from apps.operations.soak.load import CORPUS, ROWS, Tally, note_what_is_readable, search_until, upload_until

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    minutes: float
    seed: int
    retriever: str
    searchers: int = 2
    upload_every_s: float = 3.0
    kill_every_s: float = 10.0
    #: How long the work of a silent worker stays its own, and how often somebody looks for such: as people run it.
    lease_s: float = 30.0
    #: For what is open when the killing ends.
    patience_s: float = 300.0


def soak(plan: Plan, *, say: Say) -> dict[str, Any]:
    """Run the plan; return the report, whose "faults" are empty when all is well. ProductFailed when it ends by itself."""
    with product.running(retriever=plan.retriever, lease_s=plan.lease_s) as running:
        say(f"the product runs at {running.url}, its state in {running.home.path}")
        killer = Killer(running, random.Random(plan.seed), plan.kill_every_s)  # noqa: S311 - repeatable on purpose
        return _Soak(plan, product=running, killer=killer, say=say).run()


@dataclass(frozen=True)
class _Soak:
    plan: Plan
    _: KW_ONLY
    product: product.Product
    killer: Killer
    say: Say
    tally: Tally = field(default_factory=Tally)

    def run(self) -> dict[str, Any]:
        corpus = {"name": CORPUS, "description": "", "kind": "tweet"}
        self._browser().post("/corpora/new", corpus, form="/corpora/new")
        with self._threads():
            self._watch()
        self.say("the killing is over: waiting for what is open")
        quiet_after_s = audit.wait_until_quiet(self.product, patience_s=self.plan.patience_s)
        return self._report(quiet_after_s)

    @contextmanager
    def _threads(self) -> Iterator[None]:
        stop = threading.Event()
        jobs = [
            partial(upload_until, stop, self._browser(), self.tally, pause_s=self.plan.upload_every_s),
            partial(self.killer.until, stop),
            *(
                partial(search_until, stop, self._browser(), self.tally, seed=seed)
                for seed in range(self.plan.searchers)
            ),
        ]
        threads = [threading.Thread(target=self._guarded, args=[job]) for job in jobs]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            stop.set()
            for thread in threads:
                thread.join()

    def _guarded(self, job: Callable[[], None]) -> None:
        """A thread that dies would leave a soak of nothing: it is a fault."""
        try:
            job()
        except Exception as failure:
            self.tally.untold.append(f"the soak itself broke: {type(failure).__name__}: {failure}")
            raise

    def _watch(self) -> None:
        until = time.monotonic() + self.plan.minutes * 60
        next_word = time.monotonic()
        while not self._is_over(until):
            if self.product.process.poll() is not None:
                raise product.ProductFailed(f"The product ended by itself. Its last words:\n{self.product.log[-2000:]}")
            with suppress(psycopg.OperationalError):  # killed a moment ago: the next round asks again
                note_what_is_readable(self.tally, self.product.ask)
            if time.monotonic() >= next_word:
                next_word += 30
                self._tell(left_s=max(0.0, until - time.monotonic()))
            time.sleep(1)

    def _is_over(self, until: float) -> bool:
        """On a machine with much else to do no file may be in when time is up: losing none would prove nothing."""
        now = time.monotonic()
        return now > until and (bool(self.tally.accepted) or now > until + self.plan.patience_s)

    def _tell(self, *, left_s: float) -> None:
        tally = self.tally
        self.say(
            f"{left_s / 60:4.1f} min left: {len(tally.accepted):,} files taken, {sum(tally.searches.values()):,} "
            f"searches, {sum(self.killer.kills.values())} kills, {len(tally.untold)} untold failures"
        )

    def _browser(self) -> Browser:
        """Return a browser that is logged in; the web may just have been killed."""
        browser = Browser(self.product.url)
        for _ in range(60):
            with suppress(Told, Hung):  # try again: that is what a person does
                browser.log_in("admin", self.product.password)
                if browser.get("/search.json", q="ready").status == 200:
                    return browser
            time.sleep(1)
        raise product.ProductFailed(f"Nobody could log in. Last words:\n{self.product.log[-2000:]}")

    def _report(self, quiet_after_s: float | None) -> dict[str, Any]:
        plan, tally = self.plan, self.tally
        took = sorted(tally.took_ms) or [0.0]
        found = list(audit.faults(self.product, tally))
        if quiet_after_s is None:
            found.append(f"not everything was finished {plan.patience_s:g} s after the last kill")
        else:
            found += audit.overlooked(self._browser(), tally, patience_s=plan.lease_s)
        return {
            "minutes": plan.minutes,
            "seed": plan.seed,
            "retriever": plan.retriever,
            "lease_s": plan.lease_s,
            "kills": dict(self.killer.kills),
            "uploads": {
                "files": len(tally.accepted),
                "rows": len(tally.accepted) * ROWS,
                "broken_files": tally.broken,
                "not_taken_and_told": dict(tally.uploads_told),
            },
            "searches": {
                "outcomes": dict(tally.searches),
                "p50_ms": round(statistics.median(took), 1),
                "p95_ms": round(took[int(len(took) * 0.95)], 1),
            },
            "quiet_after_s": quiet_after_s and round(quiet_after_s, 1),
            "faults": found,
            "logs": str(self.product.keep_logs()) if found else "",
        }
