import subprocess
import sys

import pytest

from workers.training import environment


class TestFastAllocator:
    def test_is_tcmalloc_where_it_is_installed_beside_what_is_preloaded(self, monkeypatch):
        monkeypatch.setattr(environment, "find_library", {"tcmalloc": "libtcmalloc.so.4"}.get)
        assert environment.fast_allocator("libother.so")["LD_PRELOAD"] == "libtcmalloc.so.4:libother.so"

    def test_is_a_glibc_that_keeps_its_memory_elsewhere(self, monkeypatch):
        monkeypatch.setattr(environment, "find_library", lambda _: None)
        changed = environment.fast_allocator("")
        assert "LD_PRELOAD" not in changed
        assert changed["MALLOC_MMAP_MAX_"] == "0"

    def test_is_left_alone_where_somebody_chose_one(self):
        assert environment.fast_allocator("/usr/lib/libjemalloc.so.2").keys() == {"DMSEARCH_ALLOCATOR"}

    @pytest.mark.skipif(sys.platform != "linux", reason="the environment is only changed on Linux")
    def test_starts_the_process_again_once_with_its_arguments(self):
        code = (
            "import os, sys\nfrom workers.training.environment import use_fast_allocator\n"
            "use_fast_allocator()\nprint(os.environ['DMSEARCH_ALLOCATOR'] != '', sys.argv[1:])"
        )
        said = subprocess.run(
            [sys.executable, "-c", code, "one", "two"], capture_output=True, text=True, env={"PATH": "/bin"}, check=True
        )
        assert said.stdout.strip() == "True ['one', 'two']"
