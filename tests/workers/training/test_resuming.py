import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("torch")

from tests.workers.training.conftest import curve, losses, recipe
from workers.training.stages import run_stage

pytestmark = pytest.mark.torch
ENVIRONMENT = {"OMP_NUM_THREADS": "1", "DMSEARCH_ALLOCATOR": "given", "CUDA_VISIBLE_DEVICES": ""}


def start(recipe, stage, *, environment=None):
    """Start the command as a person would; the recipe as TOML, which takes JSON's values as they are."""
    path = Path(f"{recipe.output}.toml")
    path.write_text(toml(recipe.model_dump(mode="json", exclude_none=True, exclude_defaults=True)))
    return subprocess.Popen(
        [sys.executable, "-m", "workers.training", stage, "--recipe", str(path)],
        env={**os.environ, **ENVIRONMENT, **(environment or {})},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def toml(fields):
    plain = {key: value for key, value in fields.items() if not isinstance(value, dict)}
    lines = [f"{key} = {json.dumps(value)}" for key, value in plain.items()]
    for table in (key for key in fields if key not in plain):
        lines += [f"[{table}]", *(f"{key} = {json.dumps(value)}" for key, value in fields[table].items())]
    return "\n".join(lines)


class TestResuming:
    def test_after_a_kill_gives_the_curve_of_a_run_that_was_not_killed(self, bert, examples, collection, tmp_path):
        stage = {"data": [examples], "learning_rate": 3e-3, "batch": 2, "epochs": 8, "group": 3, "temperature": 0.1}
        tables = {
            "model": {"dropout": True},  # chance takes part, and must be the same chance
            "stage3": {**stage, "checkpoint_every": 5},
            "development": {"sets": [str(collection)], "every": 20},
        }
        whole = recipe(bert, tmp_path / "whole", **tables)
        killed = recipe(bert, tmp_path / "killed", **tables)
        process = start(killed, "stage3")
        folder = tmp_path / "killed" / "stage3"
        wait_until(lambda: (folder / "curve.jsonl").exists() and len(curve(folder)) > 12, process)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        written = len(curve(folder))
        assert written < 64
        assert not (folder / "model").exists()
        run_stage("stage3", killed)
        run_stage("stage3", whole)
        assert [line["step"] for line in curve(folder)] == list(range(1, 65))
        assert losses(folder) == pytest.approx(losses(tmp_path / "whole" / "stage3"), abs=1e-5)

    def test_refuses_to_go_on_with_another_recipe(self, bert, examples, tmp_path):
        stage = {"data": [examples], "learning_rate": 1e-3, "batch": 8, "group": 3}
        run_stage("stage3", recipe(bert, tmp_path, stage3=stage))
        with pytest.raises(ValueError, match="was begun with"):
            run_stage("stage3", recipe(bert, tmp_path, stage3={**stage, "batch": 4}))

    @pytest.mark.parametrize("changed", ["replay", "development sets"])
    def test_refuses_to_go_on_with_other_files_to_replay_or_to_choose_by(
        self, bert, examples, collection, tmp_path, changed
    ):
        replayed = tmp_path / "again.txt"
        replayed.write_text(Path(examples.replace("*", "QA_first")).read_text())
        stage = {"data": [examples], "learning_rate": 1e-3, "batch": 8, "group": 3, "steps": 1}
        stage |= {"replay": [str(replayed)], "replay_share": 0.5}
        trained = recipe(bert, tmp_path, stage3=stage, development={"sets": [str(collection)]})
        run_stage("stage3", trained)
        run_stage("stage3", trained)
        file = replayed if changed == "replay" else collection / "qrels" / "test.tsv"
        file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
        with pytest.raises(ValueError, match=f"was begun with other .*{changed}"):
            run_stage("stage3", trained)

    def test_knows_files_of_one_name_apart(self, bert, examples, tmp_path):
        files = [tmp_path / folder / "mined" / "level-1.jsonl" for folder in ("first", "second")]
        for file, name in zip(files, ("QA_first", "FC_second"), strict=True):
            file.parent.mkdir(parents=True)
            file.write_text(Path(examples.replace("*", name)).read_text())
        stage = {"data": [str(tmp_path / "*" / "mined" / "*.jsonl")], "learning_rate": 1e-3, "batch": 8, "group": 3}
        run_stage("stage3", recipe(bert, tmp_path / "out", stage3={**stage, "steps": 1}))
        settings = json.loads((tmp_path / "out" / "stage3" / "settings.json").read_text())
        assert list(settings["data"][0]) == [str(file) for file in files]


class TestTwoProcesses:
    def test_give_the_loss_of_one(self, bert, examples, tmp_path):
        stage = {"data": [examples], "learning_rate": 3e-3, "epochs": 2, "temperature": 0.1}
        one = recipe(bert, tmp_path / "one", stage2={**stage, "batch": 8})
        two = recipe(bert, tmp_path / "two", stage2={**stage, "batch": 4})
        with socket.create_server(("127.0.0.1", 0)) as found:
            port = str(found.getsockname()[1])
        together = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port, "ACCELERATE_USE_CPU": "1"}
        ranks = [
            start(two, "stage2", environment={**together, "RANK": rank, "LOCAL_RANK": rank}) for rank in ("0", "1")
        ]
        try:
            said = [process.communicate()[1] for process in ranks]
        finally:
            for process in ranks:
                process.kill()
        assert [process.returncode for process in ranks] == [0, 0], said
        run_stage("stage2", one)
        assert losses(tmp_path / "two" / "stage2") == pytest.approx(losses(tmp_path / "one" / "stage2"), abs=1e-4)


def wait_until(condition, process, *, seconds=250):
    ends_at = time.monotonic() + seconds
    while not condition():
        assert process.poll() is None, process.communicate()[1]
        assert time.monotonic() < ends_at, "it did not happen"
        time.sleep(0.01)
