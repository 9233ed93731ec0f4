"""Keep programs running in the foreground: the engine of `manage.py run`. No Django in it.

Call it from the main thread: children end with the thread that started them, and only the main one
ends when the process does.
"""

import os
import re
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from logging import Logger
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType
from typing import IO

from dmsearch.embedded.lifetime import ends_with_parent

Say = Callable[[str], None]

_WORTH_SHOWING = re.compile(r"\b(WARNING|ERROR|CRITICAL|FATAL)\b")
_SHOWN_CHARACTERS = 240
_LOG_BYTES = 5_000_000
_TAIL_LINES = 8


@dataclass(frozen=True, kw_only=True, slots=True)
class Program:
    name: str
    argv: tuple[str, ...]
    #: Added to its niceness: work that may wait for the work people wait for.
    nice: int = 0
    #: Without it there is no point in the others.
    essential: bool = False
    #: It ends when its work is done.
    once: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Patience:
    """All in seconds, but for `quick_deaths`."""

    #: A life shorter than this counts as a quick death.
    quick: float = 30
    #: So many of them in a row, and the program is given up.
    quick_deaths: int = 5
    #: Before the first restart; doubled at each quick death.
    pause: float = 1
    #: From the polite signal to the firm one when all is stopped; half as long again, and all is killed.
    goodbye: float = 4
    #: How long the later programs wait for the first ones to be ready.
    head_start: float = 15


class Child:
    """One program, its process of the moment, and its log."""

    def __init__(self, program: Program, *, logs: Path, say: Say, patience: Patience) -> None:
        self.program = program
        self.log = logs / f"{program.name}.log"
        self.given_up = False
        self._say: Say = lambda text: say(f"{program.name:<9}| {text}")
        self._patience = patience
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._logger = Logger(program.name)  # not of the logging tree: it is for this file alone
        self._logger.addHandler(RotatingFileHandler(self.log, maxBytes=_LOG_BYTES, backupCount=2, encoding="utf-8"))
        self._started_at = 0.0
        self._quick_deaths = 0
        self._due: float | None = None

    @property
    def is_running(self) -> bool:
        return self._process is not None

    def start(self) -> None:
        self._due = None
        self._logger.info("==== %s: %s", time.strftime("%Y-%m-%d %H:%M:%S"), " ".join(self.program.argv))
        self._process = subprocess.Popen(
            self.program.argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            start_new_session=True,  # Ctrl-C is for us, and its whole group can be ended
            preexec_fn=self._in_child(),
        )
        self._started_at = time.monotonic()
        assert self._process.stdout is not None  # noqa: S101 - it is a pipe
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,), daemon=True)
        self._reader.start()

    def attend(self) -> None:
        """Notice its death; start it again, later each time, until that is pointless."""
        if self._process is not None:
            if (status := self._process.poll()) is not None:
                self._bury()
                self._plan(status, lived=time.monotonic() - self._started_at)
        elif self._due is not None and time.monotonic() >= self._due:
            self.start()

    def send(self, sent: signal.Signals) -> None:
        """Send `sent` to it; SIGKILL goes to all that it has started as well."""
        if self._process is None:
            return
        with suppress(ProcessLookupError):
            if sent is signal.SIGKILL:
                os.killpg(self._process.pid, sent)
            else:
                self._process.send_signal(sent)

    def has_ended(self) -> bool:
        if self._process is not None and self._process.poll() is not None:
            self._bury()
        return self._process is None

    def close(self) -> None:
        for handler in self._logger.handlers:
            handler.close()

    def _in_child(self) -> Callable[[], None]:
        tie = ends_with_parent(signal.SIGTERM)

        def prepare() -> None:
            tie()
            os.nice(self.program.nice)

        return prepare

    def _read(self, output: IO[bytes]) -> None:
        with output:
            for raw in output:
                line = raw.decode(errors="replace").rstrip()
                self._logger.info(line)
                self._tail.append(line)
                if _WORTH_SHOWING.search(line):
                    self._say(line[:_SHOWN_CHARACTERS])

    def _bury(self) -> None:
        self.send(signal.SIGKILL)  # what it left behind, such as a pool's workers
        if self._reader is not None:
            self._reader.join(timeout=1)
        self._process = None

    def _plan(self, status: int, *, lived: float) -> None:
        if self.program.once and status == 0:
            return
        if lived >= self._patience.quick:
            self._quick_deaths = 0
        self._quick_deaths += 1
        ended = f"ended ({_in_words(status)}) after {lived:.0f} s"
        if self.program.once or self._quick_deaths >= self._patience.quick_deaths:
            self._give_up(ended)
            return
        pause = self._patience.pause * 2 ** (self._quick_deaths - 1)
        self._due = time.monotonic() + pause
        self._say(f"{ended}; starts again in {pause:.0f} s. Its log: {self.log}")

    def _give_up(self, ended: str) -> None:
        self.given_up = True
        often = "" if self.program.once else f", {self._quick_deaths} times in a row"
        consequence = "without it nothing works, so all stops" if self.program.essential else "the others go on"
        for line in self._tail:
            self._say(f"    {line}")
        self._say(f"{ended}{often}: given up; {consequence}. Mend what {self.log} says, then start again.")


class Supervisor:
    def __init__(self, *, logs: Path, say: Say, patience: Patience | None = None) -> None:
        logs.mkdir(parents=True, exist_ok=True)
        self._logs = logs
        self._say = say
        self._patience = patience or Patience()
        self._children: list[Child] = []
        self._signals = 0
        self._may_interrupt = False

    def run(
        self,
        first: Sequence[Program],
        then: Sequence[Program],
        *,
        is_ready: Callable[[], bool],
        announce: Callable[[], None],
        tick: Callable[[], None],
    ) -> int:
        """Keep all programs running until a signal comes, or an essential one is given up.

        `then` wait until `is_ready`, so as not to slow down what people wait for. `tick` is called
        at each round, five times a second. Returns an exit status.
        """
        with self._signals_counted():
            try:
                self._start(first)
                self._run_until_stopped(then, is_ready=is_ready, announce=announce, tick=tick)
            finally:
                self._stop()
        return 1 if self._is_pointless() else 0

    def _run_until_stopped(
        self,
        waiting: Sequence[Program],
        *,
        is_ready: Callable[[], bool],
        announce: Callable[[], None],
        tick: Callable[[], None],
    ) -> None:
        started_at, ready = time.monotonic(), False
        while not self._signals and not self._is_pointless():
            if not ready and is_ready():
                ready = True
                announce()
            if waiting and (ready or time.monotonic() - started_at > self._patience.head_start):
                self._start(waiting)
                waiting = ()
            for child in self._children:
                child.attend()
            self._interruptibly(tick)
            time.sleep(0.2)

    def _interruptibly(self, tick: Callable[[], None]) -> None:
        """Call `tick`, which may take long; a signal cuts it short."""
        self._may_interrupt = True
        try:
            tick()
        except KeyboardInterrupt:
            return
        finally:
            self._may_interrupt = False

    def _start(self, programs: Sequence[Program]) -> None:
        for program in programs:
            child = Child(program, logs=self._logs, say=self._say, patience=self._patience)
            self._children.append(child)
            child.start()

    def _is_pointless(self) -> bool:
        return any(child.given_up and child.program.essential for child in self._children)

    def _stop(self) -> None:
        """End all: politely, then firmly, then by force; a second signal cuts the waiting short.

        Firmly means SIGQUIT: Celery gives its unfinished messages back, which it cannot when killed.
        """
        asked = self._signals
        farewells = [(0.0, signal.SIGTERM), (self._patience.goodbye, signal.SIGQUIT)]
        farewells.append((self._patience.goodbye * 1.5, signal.SIGKILL))
        started_at = time.monotonic()
        while self._still_there():
            waited = time.monotonic() - started_at
            if farewells and (waited >= farewells[0][0] or self._signals > asked):
                asked = self._signals
                self._send(farewells.pop(0)[1])
            time.sleep(0.05)
        for child in self._children:
            child.close()

    def _still_there(self) -> list[Child]:
        return [child for child in self._children if not child.has_ended()]

    def _send(self, sent: signal.Signals) -> None:
        for child in self._still_there():
            if sent is signal.SIGKILL:
                self._say(f"{child.program.name:<9}| does not stop; killed")
            child.send(sent)

    @contextmanager
    def _signals_counted(self) -> Iterator[None]:
        def count(_number: int, _frame: FrameType | None) -> None:
            self._signals += 1
            if self._may_interrupt:
                raise KeyboardInterrupt

        watched = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        before = {each: signal.signal(each, count) for each in watched}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)


def _in_words(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
