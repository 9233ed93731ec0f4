"""compose.yaml starts what `manage.py run` starts, with settings that exist. No container engine is needed."""

import json
import re
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
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

    def test_hands_on_every_setting_that_the_images_do_not_make_themselves(self, services):
        known = set(re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
        of_images = {"HOST", "PORT", "DMSEARCH_HOME", "MEDIA_ROOT", "STATIC_ROOT", "DEBUG"}
        assert known - of_images - set(services["web"]["environment"]) == set()

    def test_sets_by_default_what_the_settings_would(self, services):
        """An empty number would keep the product from starting."""
        given = {
            name: re.sub(r"\$\{\w+(?::-(.*?)|:\?.*?)?\}", r"\1", value)
            for name, value in services["web"]["environment"].items()
        }
        chosen = {"SECRET_KEY": "x" * 50, "DATABASE_URL": "postgres://nowhere/x", "REDIS_URL": "redis://nowhere"}
        names = "SECURE_HSTS_SECONDS UPLOAD_MAX_BYTES QUERY_TIMEOUT_S EMBED_LEASE_S READ_LEASE_S TEND_EVERY_S INDEX_BUILD_MEMORY_MB"
        code = f"from dmsearch import settings; print([getattr(settings, name) for name in {names.split()}])"

        def settings_with(environment):
            process = subprocess.run(
                [sys.executable, "-c", code], env=environment, cwd=ROOT, capture_output=True, text=True, check=True
            )
            return process.stdout

        assert settings_with({**given, **chosen}) == settings_with(chosen)

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

    @pytest.mark.parametrize("allowed", ["search.example.org, www.example.org", ".example.org", "*", "localhost"])
    def test_asks_after_its_health_by_a_name_that_it_answers_to(self, client, settings, allowed):
        hosts = []

        class Answer(BaseHTTPRequestHandler):
            def do_GET(self):
                hosts.append(self.headers["Host"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_):
                """Say nothing."""

        (command,) = re.findall(r"^HEALTHCHECK .*CMD (\[.+\])$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        with HTTPServer(("127.0.0.1", 0), Answer) as server:
            threading.Thread(target=server.handle_request, daemon=True).start()
            code = json.loads(command)[-1].replace(":8000/", f":{server.server_port}/")
            subprocess.run([sys.executable, "-c", code], env={"ALLOWED_HOSTS": allowed}, check=True, timeout=60)
        settings.ALLOWED_HOSTS = [name.strip() for name in allowed.split(",")]
        assert client.get("/healthz", headers={"host": hosts[0]}).status_code == 200

    def test_copies_what_is_there(self):
        for source in re.findall(r"^COPY (\S+) ", (ROOT / "Dockerfile").read_text(), re.MULTILINE):
            assert (ROOT / source).exists()
