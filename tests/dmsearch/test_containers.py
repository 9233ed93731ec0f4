"""compose.yaml starts what `manage.py run` starts, with settings that exist. No container engine is needed."""

import re
from pathlib import Path

import pytest
import yaml

from apps.pages.management.commands.run import _workers

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def services():
    return yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]


def queues_of(argv):
    return argv[argv.index("-Q") + 1] if "-Q" in argv else "beat" if "beat" in argv else None


class TestCompose:
    def test_starts_every_program_that_run_starts(self, services):
        ours = {queues_of(service["command"]) for service in services.values() if "command" in service} - {None}
        assert ours == {queues_of(program.argv) for program in _workers(Path("state"))}

    def test_pools_are_those_of_run(self, services):
        def pool(argv):
            return next((part for part in argv if part.startswith("--pool")), None)

        for program in _workers(Path("state")):
            assert pool(services[program.name]["command"]) == pool(program.argv)

    def test_sets_only_what_the_settings_read(self, services):
        known = (ROOT / ".env.example").read_text()
        unknown = [
            name for name in services["web"]["environment"] if not re.search(rf"^# {name}=", known, re.MULTILINE)
        ]
        assert unknown == []

    def test_nothing_starts_before_the_tables_are_there(self, services):
        for name in ("web", "query", "ingest", "maintenance", "embed", "training", "beat"):
            assert services[name]["depends_on"]["prepare"] == {"condition": "service_completed_successfully"}

    def test_the_gpu_is_for_workers_that_exist(self, services):
        gpu = yaml.safe_load((ROOT / "compose.gpu.yaml").read_text())["services"]
        assert set(gpu) <= set(services)


class TestDockerfile:
    def test_web_image_takes_no_ml_package(self):
        web = (ROOT / "Dockerfile").read_text().split("AS web")[1].split("FROM base")[0]
        assert "requirements/web.txt" in web
        assert "worker.txt" not in web

    def test_copies_what_is_there(self):
        for source in re.findall(r"^COPY (\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
            assert (ROOT / source).exists()
