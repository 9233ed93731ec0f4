import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import psutil
import pytest

from dmsearch.embedded.programs import wait_until
from dmsearch.processes import Patience, Program, Supervisor

ROOT = Path(__file__).resolve().parents[2]
HURRIED = Patience(quick=0.5, quick_deaths=3, pause=0.05, goodbye=1, head_start=0.5)
SLEEP = "exec sleep 60"


def program(name: str, script: str, **options) -> Program:
    return Program(name=name, argv=("/bin/sh", "-c", script), **options)


class Console(list):
    """What is said to whoever started it."""

    @property
    def text(self) -> str:
        return "\n".join(self)


class Stage:
    """Runs a supervisor in this thread until `until` holds, as Ctrl-C would end it."""

    def __init__(self, folder: Path) -> None:
        self.logs = folder / "logs"
        self.console = Console()
        self.started_at = time.monotonic()

    def run(self, *first: Program, then=(), until, is_ready=lambda: True, sent=signal.SIGINT, patience=HURRIED) -> int:
        def tick() -> None:
            if until() and not self.was_asked_to_stop:
                self.was_asked_to_stop = True
                os.kill(os.getpid(), sent)
            assert time.monotonic() - self.started_at < 20, f"it never came about: {self.console.text}"

        self.was_asked_to_stop = False
        supervisor = Supervisor(logs=self.logs, say=self.console.append, patience=patience)
        announce = lambda: self.console.append("ready")  # noqa: E731
        return supervisor.run(first, then, is_ready=is_ready, announce=announce, tick=tick)

    def log(self, name: str) -> str:
        path = self.logs / f"{name}.log"
        return path.read_text() if path.exists() else ""


@pytest.fixture
def stage(tmp_path):
    return Stage(tmp_path)


def lives(pid: int) -> bool:
    return psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE


class TestStart:
    def test_the_later_programs_wait_until_the_first_are_ready(self, stage):
        late = program("late", f"echo here; {SLEEP}")
        began = time.monotonic()
        stage.run(
            program("web", SLEEP),
            then=[late],
            is_ready=lambda: time.monotonic() - began > 1,
            until=lambda: "here" in stage.log("late"),
            patience=Patience(goodbye=1),
        )
        assert time.monotonic() - began > 1
        assert stage.console == ["ready"]

    def test_the_later_programs_do_not_wait_for_ever(self, stage):
        late = program("late", f"echo here; {SLEEP}")
        stage.run(program("web", SLEEP), then=[late], is_ready=lambda: False, until=lambda: "here" in stage.log("late"))
        assert "ready" not in stage.console

    def test_work_that_may_wait_is_nice(self, stage):
        stage.run(
            program("embed", f"nice; {SLEEP}", nice=7), until=lambda: f"\n{os.nice(0) + 7}\n" in stage.log("embed")
        )


class TestOutput:
    def test_goes_to_the_log_and_only_warnings_and_errors_to_the_console(self, stage):
        script = f"echo INFO all is well; echo WARNING: the disk is nearly full >&2; echo done; {SLEEP}"
        stage.run(program("ingest", script), until=lambda: "done" in stage.log("ingest"))
        # Which of the two comes first is chance.
        assert sorted(stage.console) == ["ingest   | WARNING: the disk is nearly full", "ready"]
        assert "INFO all is well\nWARNING: the disk is nearly full\ndone\n" in stage.log("ingest")

    def test_of_any_bytes_is_taken(self, stage):
        stage.run(program("odd", f"printf '\\377\\000 ERROR\\n'; {SLEEP}"), until=lambda: "ERROR" in stage.log("odd"))


class TestDeath:
    def test_of_a_program_is_told_with_its_log_and_mended(self, stage):
        script = f"echo pid $$; {SLEEP}"

        def killed_and_started_again() -> bool:
            pids = [int(line.split()[1]) for line in stage.log("query").splitlines() if line.startswith("pid")]
            if len(pids) == 1 and lives(pids[0]):
                os.kill(pids[0], signal.SIGKILL)
            return len(pids) == 2

        assert stage.run(program("query", script), until=killed_and_started_again) == 0
        told = [line for line in stage.console if "killed by SIGKILL" in line]
        assert len(told) == 1
        assert told[0].startswith("query")
        assert str(stage.logs / "query.log") in told[0]

    def test_too_often_and_too_soon_gives_it_up_and_keeps_the_others(self, stage):
        broken = program("embed", "echo no such model; exit 3")
        status = stage.run(
            program("web", SLEEP, essential=True), broken, until=lambda: "given up" in stage.console.text
        )
        assert status == 0
        assert stage.log("embed").count("\nno such model") == HURRIED.quick_deaths
        assert "embed    |     no such model" in stage.console
        assert "times in a row: given up; the others go on" in stage.console.text

    def test_now_and_then_is_no_reason_to_give_it_up(self, stage):
        stage.run(
            program("query", "sleep 0.1"),
            until=lambda: stage.log("query").count("====") > 4,
            patience=Patience(quick=0.05, quick_deaths=2, pause=0.05, goodbye=1),
        )
        assert "given up" not in stage.console.text

    def test_of_what_all_depends_on_ends_all(self, stage):
        status = stage.run(
            program("web", "exit 1", essential=True), program("query", f"echo $$; {SLEEP}"), until=lambda: False
        )
        assert status == 1
        assert "without it nothing works" in stage.console.text
        assert not lives(int(stage.log("query").splitlines()[-1]))

    def test_of_a_program_with_an_end_is_no_death(self, stage):
        began = time.monotonic()
        stage.run(program("exercise", "echo loaded", once=True), until=lambda: time.monotonic() - began > 1)
        assert stage.log("exercise").count("\nloaded\n") == 1
        assert stage.console == ["ready"]

    def test_of_a_program_with_an_end_before_that_is_told(self, stage):
        stage.run(program("exercise", "exit 4", once=True), until=lambda: "given up" in stage.console.text)
        assert "exercise | ended (exit status 4)" in stage.console.text

    def test_takes_its_own_children_along(self, stage):
        script = f"sleep 61 & echo child $!; {SLEEP.removeprefix('exec ')} & wait"
        children: list[int] = []

        def parent_was_killed() -> bool:
            lines = stage.log("ingest").splitlines()
            children[:] = [int(line.split()[1]) for line in lines if line.startswith("child")]
            if len(children) == 1 and lives(children[0]):
                os.kill(psutil.Process(children[0]).ppid(), signal.SIGKILL)
            return len(children) == 2

        stage.run(program("ingest", script), until=parent_was_killed)
        assert wait_until(lambda: not any(lives(child) for child in children), seconds=5)


class TestStop:
    @pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
    def test_lets_programs_finish(self, stage, sent):
        script = "trap 'echo goodbye; exit' TERM; echo up; while :; do sleep 0.05; done"
        assert stage.run(program("web", script), until=lambda: "up" in stage.log("web"), sent=sent) == 0
        assert stage.log("web").endswith("goodbye\n")

    def test_does_not_wait_for_ever_for_a_stubborn_one(self, stage):
        script = "trap '' TERM; echo up; while :; do sleep 0.05; done"
        asked: list[float] = []

        def is_up() -> bool:
            asked.append(time.monotonic())
            return "\nup" in stage.log("web")

        stage.run(program("web", script), until=is_up)
        assert HURRIED.goodbye <= time.monotonic() - asked[-1] < HURRIED.goodbye + 3

    def test_does_not_wait_for_a_long_check(self, tmp_path):
        def look_for_long() -> None:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(60)

        supervisor = Supervisor(logs=tmp_path, say=print, patience=HURRIED)
        sleeper = program("web", SLEEP)
        began = time.monotonic()
        assert supervisor.run([sleeper], [], is_ready=lambda: True, announce=lambda: None, tick=look_for_long) == 0
        assert time.monotonic() - began < 10

    def test_gives_signals_back_as_they_were(self, stage):
        before = signal.getsignal(signal.SIGINT)
        stage.run(program("web", SLEEP), until=lambda: True)
        assert signal.getsignal(signal.SIGINT) is before

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux ties children to a parent")
    def test_children_end_with_a_supervisor_that_was_killed(self, tmp_path):
        script = f"""
            from pathlib import Path
            from dmsearch.processes import Program, Supervisor
            sleeper = Program(name="web", argv=("/bin/sh", "-c", "echo $$; exec sleep 60"))
            supervisor = Supervisor(logs=Path({str(tmp_path)!r}), say=print)
            supervisor.run([sleeper], [], is_ready=lambda: False, announce=lambda: None, tick=lambda: None)
        """
        log = tmp_path / "web.log"
        with subprocess.Popen([sys.executable, "-c", textwrap.dedent(script)], cwd=ROOT) as supervisor:
            assert wait_until(lambda: log.exists() and log.read_text().count("\n") > 1, seconds=10)
            supervisor.kill()
        pid = int(log.read_text().splitlines()[-1])
        assert wait_until(lambda: not lives(pid), seconds=5)
