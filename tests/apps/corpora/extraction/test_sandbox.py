"""The child process itself: what it gives, what it may not do, and what is said when it dies."""

import json
import resource
import sys
import time

import pytest

from apps.corpora.extraction import ExtractedDocument, ExtractionFailed, Limits, extract, guess_mapping, sandbox
from apps.corpora.extraction.records import MiB


@pytest.fixture
def file(tmp_path):
    def write(data: bytes | str):
        path = tmp_path / "stored-under-its-hash"
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    return write


@pytest.fixture
def child_that(monkeypatch):
    """Have the child run these words instead of ours."""

    def runs(code: str) -> None:
        monkeypatch.setattr(sandbox, "_START", code)

    return runs


def fails(path, name="a.txt", **limits) -> str:
    with pytest.raises(ExtractionFailed) as failure:
        list(extract(path, name=name, limits=Limits(**limits)))
    return str(failure.value)


class TestExtract:
    def test_brings_every_field_across(self, file):
        tweet = {
            "id_str": "7",
            "full_text": "Café ☕ 水\u0000",
            "created_at": "Wed Oct 10 20:19:24 +0000 2018",
            "lang": "en",
        }
        (document,) = extract(file(json.dumps(tweet)), name="a.json")
        assert isinstance(document, ExtractedDocument)
        assert (document.text, document.external_id, document.kind) == ("Café ☕ 水", "7", "tweet")
        assert document.published_at.isoformat() == "2018-10-10T20:19:24+00:00"

    def test_takes_the_mapping_as_a_dict(self, file):
        (document,) = extract(file("a,b\nx,y\n"), name="a.csv", mapping={"text": ["b"]})
        assert document.text == "y"

    def test_guesses_a_mapping(self, file):
        assert guess_mapping(file("id,text\n1,Water.\n"), name="a.csv").text == ("text",)

    def test_cleans_and_shortens_what_goes_into_columns(self, file):
        record = {"id": "x" * 400, "title": "t\x00 " * 400, "text": "Water.", "place\x00": "a\x00b"}
        (document,) = extract(file(json.dumps([record])), name="a.json")
        assert len(document.external_id) <= 200
        assert len(document.title) <= 500
        assert "\x00" not in json.dumps(document.metadata)

    def test_streams_a_long_table_in_constant_memory(self, file):
        path = file(
            "id,text\n" + "".join(f"{n},Water has reached house number {n} in the street.\n" for n in range(10_000))
        )
        records = extract(path, name="a.csv")
        next(records)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        assert sum(1 for _ in records) == 9_999
        assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 20_000  # kB

    def test_ends_the_child_when_nobody_reads_on(self, file, monkeypatch):
        started = []
        popen = sandbox.subprocess.Popen
        monkeypatch.setattr(sandbox.subprocess, "Popen", lambda *a, **k: started.append(popen(*a, **k)) or started[0])
        records = extract(file("id,text\n" + "1,Water in the street.\n" * 50_000), name="a.csv")
        next(records)
        records.close()
        assert started[0].poll() is not None

    def test_begins_in_well_under_a_second(self, file):
        path = file("Water came.")
        list(extract(path, name="a.txt"))
        began = time.perf_counter()
        list(extract(path, name="a.txt"))
        assert time.perf_counter() - began < 1


class TestLimits:
    def test_of_time_end_the_reading(self, file, child_that):
        child_that("import time; time.sleep(30)")
        began = time.perf_counter()
        assert "took longer than 0.3 seconds" in fails(file("x"), wall_seconds=0.3)
        assert time.perf_counter() - began < 5

    def test_of_time_do_not_count_what_the_caller_does(self, file):
        path = file("id,text\n" + "1,Water in the street.\n" * 2_000)
        records = extract(path, name="a.csv", limits=Limits(wall_seconds=2))
        next(records)
        time.sleep(2.2)
        assert sum(1 for _ in records) == 1_999

    def test_of_computing_end_the_reading(self, file, child_that):
        child_that(
            f"import sys; sys.path.insert(0, {str(sandbox._ROOT)!r}); from apps.corpora.extraction import child; "
            "from apps.corpora.extraction.records import Limits; child._confine(Limits(cpu_seconds=1)); sum(iter(int, 1))"
        )
        assert "more than 1 seconds of computing" in fails(file("x"), cpu_seconds=1)

    @pytest.mark.skipif(sys.platform != "linux", reason="only Linux keeps a process to its address space")
    def test_of_memory_end_the_reading(self, file):
        path = file('{"a": "' + "x" * 20_000_000 + '"}')
        assert "needs more than the 64 MB of memory" in fails(path, name="a.json", memory_bytes=64 * MiB)

    def test_of_text_end_the_reading(self, file):
        assert "more than 1,000 characters" in fails(file("water " * 1000), document_characters=1000)
        table = "id,text\n" + "1,Water in the street.\n" * 100
        assert "more than 500 characters" in fails(file(table), name="a.csv", total_characters=500)


class TestTheChild:
    @pytest.mark.parametrize(
        ("code", "words"),
        [
            ("import os; os.abort()", "damaged, or was made to break its readers"),
            ("raise ValueError('secret detail')", "damaged, or was made to break its readers"),
            ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "for want of memory"),
            ("raise SystemExit(3)", "of memory it may have"),
            ("pass", "damaged"),
        ],
    )
    def test_that_dies_is_explained(self, file, child_that, code, words):
        child_that(code)
        reason = fails(file("x"))
        assert words in reason
        assert "secret detail" not in reason

    def test_keeps_what_it_gave_before_it_died(self, file, child_that):
        child_that("""print('{"is": "BadRow", "number": 1, "reason": "x"}', flush=True); import os; os.abort()""")
        records = extract(file("x"), name="a.txt")
        assert next(records).number == 1
        with pytest.raises(ExtractionFailed):
            next(records)

    @pytest.mark.parametrize(
        "deed",
        [
            "import socket; socket.create_connection(('127.0.0.1', 9), timeout=1)",
            "import socket; socket.getaddrinfo('example.org', 80)",
            "import subprocess; subprocess.run(['true'])",
            "import os; os.system('true')",
        ],
    )
    def test_may_use_no_network_and_start_no_program(self, file, child_that, caplog, deed):
        child_that(
            f"import sys; sys.path.insert(0, {str(sandbox._ROOT)!r}); from apps.corpora.extraction import child; "
            f"from apps.corpora.extraction.records import Limits; child._confine(Limits()); {deed}"
        )
        fails(file("x"))
        assert "is not for the readers of files" in caplog.text

    def test_sees_nothing_of_our_environment(self, file, child_that, monkeypatch):
        monkeypatch.setenv("SECRET_KEY", "hush")
        child_that("""import json, os; print(json.dumps({"failed": " ".join(sorted(os.environ))}))""")
        assert "SECRET_KEY" not in fails(file("x"))

    def test_imports_neither_django_nor_a_parser_that_it_does_not_need(self, file, child_that):
        child_that(
            f"import sys, json; sys.path.insert(0, {str(sandbox._ROOT)!r}); import apps.corpora.extraction.child; "
            "print(json.dumps({'failed': ' '.join(sys.modules)}))"
        )
        loaded = set(fails(file("x")).split())
        assert loaded.isdisjoint(
            {"django", "lxml", "pypdfium2", "docx", "pptx", "openpyxl", "trafilatura", "ftfy", "numpy"}
        )
