"""manage.py bench search, for real and small: its own database, web server and query worker."""

import json
import subprocess
import sys

import psycopg
import pytest
from django.conf import settings

pytestmark = pytest.mark.flow


@pytest.fixture
def bench(services):
    def bench(*options):
        argv = [sys.executable, "manage.py", "bench", "search", *options]
        return subprocess.run(argv, cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=240)

    return bench


class TestBenchSearch:
    def test_measures_whole_requests_and_leaves_nothing_behind(self, bench):
        done = bench("--passages", "300", "--requests", "3", "--json")
        assert done.returncode == 0, done.stderr
        new, cached = json.loads(done.stdout)["figures"]
        assert (new["passages"], new["cached"], cached["cached"]) == (300, False, True)
        for figures in (new, cached):
            assert figures["p95"]["whole"] >= figures["p50"]["whole"] >= figures["p50"]["sql"] > 0
        database = settings.HOME.database_settings()
        with psycopg.connect(host=database["HOST"], user=database["USER"], dbname="postgres") as connection:
            names = {name for (name,) in connection.execute("SELECT datname FROM pg_database")}
        assert "dmsearch_bench" not in names

    def test_refuses_sizes_that_are_none(self, bench):
        assert "whole numbers with commas" in bench("--passages", "many").stderr
