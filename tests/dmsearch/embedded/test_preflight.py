import os
from pathlib import Path

import pytest

from dmsearch.embedded import ServiceError, preflight
from dmsearch.embedded.accounts import Account
from dmsearch.embedded.folders import settle
from dmsearch.embedded.options import StartOptions
from dmsearch.embedded.postgres import Postgres
from tests.dmsearch.embedded.conftest import up

OLD_LAPTOP = preflight.Cpu(machine="x86_64", model="Celeron", flags=frozenset({"sse2", "sse4_2"}))
SMALL_ARM = preflight.Cpu(machine="aarch64", model="Cortex-A72", flags=frozenset({"asimd"}))
UNTOLD = preflight.Cpu(machine="arm64", model="Apple M9", flags=None)
MYSELF = Account("myself", os.geteuid(), os.getegid())
THE_WAY_OUT = r"set DATABASE_URL \(image pgvector/pgvector\)"


def program(path: Path, *lines: str) -> Path:
    path.write_text("\n".join(["#!/bin/sh", *lines]))
    path.chmod(0o755)
    return path


class TestCheckFlags:
    @pytest.mark.parametrize(("cpu", "lacking"), [(OLD_LAPTOP, "avx2"), (SMALL_ARM, "sve")])
    def test_names_what_the_cpu_lacks_and_the_way_out(self, cpu, lacking):
        with pytest.raises(ServiceError, match=rf"(?s)lacks {lacking}.*{THE_WAY_OUT}"):
            preflight.check_flags(cpu)

    def test_leaves_a_cpu_that_lists_nothing_to_the_probe(self):
        preflight.check_flags(UNTOLD)

    def test_stops_the_start_before_anything_is_written(self, empty_home):
        empty_home.path.mkdir()
        account = settle(empty_home)
        with pytest.raises(ServiceError, match=THE_WAY_OUT):
            Postgres(empty_home, cpu=OLD_LAPTOP).start(account, StartOptions())
        assert list(empty_home.servers.iterdir()) == []


class TestThisCpu:
    def test_reads_both_spellings_of_the_flags(self, tmp_path):
        intel = tmp_path / "intel"
        intel.write_text("model name\t: Xeon\nflags\t\t: fpu avx2\n\nmodel name\t: second core\nflags\t\t: fpu\n")
        arm = tmp_path / "arm"
        arm.write_text("processor\t: 0\nFeatures\t: fp sve\n")
        assert preflight.this_cpu(intel).flags == {"fpu", "avx2"}
        assert preflight.this_cpu(intel).model == "Xeon"
        assert preflight.this_cpu(arm).flags == {"fp", "sve"}

    def test_knows_no_flags_where_the_system_lists_none(self, tmp_path):
        assert preflight.this_cpu(tmp_path / "missing").flags is None


class TestProbe:
    def test_tells_an_illegal_instruction(self, tmp_path):
        postgres = program(tmp_path / "postgres", "kill -ILL $$")
        with pytest.raises(ServiceError, match=rf"(?s)instruction that this CPU does not have.*{THE_WAY_OUT}"):
            preflight.probe(postgres, tmp_path, account=MYSELF)

    def test_tells_a_wrong_distance(self, tmp_path):
        postgres = program(tmp_path / "postgres", "cat >/dev/null", "echo distance 12")
        with pytest.raises(ServiceError, match=r"(?s)a trial distance failed.*distance 12"):
            preflight.probe(postgres, tmp_path, account=MYSELF)


class TestRecord:
    def test_spares_the_next_start_the_probe(self, home, monkeypatch):
        monkeypatch.setattr(preflight, "probe", lambda *_, **__: pytest.fail("probed again"))
        assert up(home, valkey=False) == ["postgres"]

    def test_of_another_wheel_asks_for_a_new_probe_and_keeps_the_data(self, home):
        record = home.servers / "cpu-preflight.json"
        record.write_text(record.read_text().replace("18.", "17."))
        database = (home.servers / "postgres" / "global" / "pg_control").stat().st_ino
        assert up(home, valkey=False) == ["postgres"]
        assert preflight.passed_before(record, preflight.this_cpu())
        assert (home.servers / "postgres" / "global" / "pg_control").stat().st_ino == database
        assert not (home.servers / "postgres.scratch").exists()

    def test_is_good_for_the_same_wheel_and_cpu_alone(self, tmp_path):
        record = tmp_path / "record.json"
        assert not preflight.passed_before(record, OLD_LAPTOP)
        record.write_text(preflight.to_remember(OLD_LAPTOP))
        assert preflight.passed_before(record, OLD_LAPTOP)
        assert not preflight.passed_before(record, SMALL_ARM)

    def test_is_not_believed_when_it_is_cut_short(self, tmp_path):
        record = tmp_path / "record.json"
        record.write_text(preflight.to_remember(OLD_LAPTOP)[:-3])
        assert not preflight.passed_before(record, OLD_LAPTOP)
