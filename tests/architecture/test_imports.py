import importlib
import pkgutil
import subprocess
import sys

import apps

LOAD_THE_WEB = """
import sys
for name in ("torch", "transformers", "sentence_transformers", "openvino", "onnxruntime"):
    sys.modules[name] = None  # any import of it now raises
import django
django.setup()
import dmsearch.urls
loaded = sorted(name for name in sys.modules if name == "workers" or name.startswith("workers."))
assert not loaded, loaded
"""


def job_names():
    """The task names that each app's `jobs.py` asks for: its capital strings with a dot."""
    for app in pkgutil.iter_modules(apps.__path__):
        try:
            jobs = importlib.import_module(f"apps.{app.name}.jobs")
        except ModuleNotFoundError:
            continue
        yield from (
            value for name, value in vars(jobs).items() if name.isupper() and isinstance(value, str) and "." in value
        )


class TestTheWeb:
    def test_loads_no_model_library_and_no_worker(self):
        done = subprocess.run([sys.executable, "-c", LOAD_THE_WEB], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


class TestJobs:
    def test_whatever_the_web_asks_for_somebody_does(self):
        from workers.app import app

        app.loader.import_default_modules()
        asked = set(job_names())
        assert {"indexing.embed_pending", "search.encode_query"} <= asked
        assert asked <= set(app.tasks)

    def test_the_clock_asks_for_tasks_that_exist(self):
        from workers.app import app

        app.loader.import_default_modules()
        assert {entry["task"] for entry in app.conf.beat_schedule.values()} <= set(app.tasks)
