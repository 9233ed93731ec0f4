import subprocess
import sys

from django.conf import settings


class TestApplication:
    def test_loads_before_the_first_request_what_garbage_collection_need_not_look_through(self):
        tell = (
            "import gc, sys, dmsearch.wsgi; print('apps.search.views.searching' in sys.modules, gc.get_freeze_count())"
        )
        done = subprocess.run(
            [sys.executable, "-c", tell], cwd=settings.BASE_DIR, capture_output=True, text=True, timeout=60
        )
        loaded, frozen = done.stdout.split()
        assert loaded == "True"
        assert int(frozen) > 50_000
