"""What differs between root and ordinary users. Most of it can be tried by root alone."""

import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from dmsearch import embedded
from dmsearch.embedded import binaries, folders, postgres
from dmsearch.embedded.accounts import Account
from dmsearch.embedded.postgres import Postgres
from dmsearch.embedded.valkey import Valkey
from tests.dmsearch.embedded.conftest import up

pytestmark = pytest.mark.servers

ROOT = Path(__file__).resolve().parents[3]
NOBODY = Account("nobody", pwd.getpwnam("nobody").pw_uid, pwd.getpwnam("nobody").pw_gid)
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

# What the libraries import at their first use is imported before the change: an ordinary user may not
# be able to reach this Python.
AS_NOBODY = f"""
import os, sys
from dmsearch import embedded
embedded.status(embedded.Home("/nowhere"))
import decimal, secrets, uuid
os.setgroups([]); os.setgid({NOBODY.gid}); os.setuid({NOBODY.uid})
home = embedded.Home(sys.argv[1])
assert embedded.up(home, durable=False) == ["postgres", "valkey"]
assert all(server.reachable for server in embedded.status(home))
assert embedded.down(home) == ["postgres", "valkey"]
"""


class TestCanReach:
    def test_asks_every_folder_on_the_way(self, tmp_path):
        stranger = Account("stranger", 54321, 54321)
        inner = tmp_path / "open" / "closed" / "inner"
        inner.mkdir(parents=True)
        for folder in (tmp_path, *tmp_path.parents):
            if str(folder).startswith(tempfile.gettempdir()) and folder != Path(tempfile.gettempdir()):
                folder.chmod(0o755)
        (tmp_path / "open" / "closed").chmod(0o700)
        assert stranger.can_reach(tmp_path / "open")
        assert not stranger.can_reach(inner)

    def test_needs_no_leave_for_ones_own(self, tmp_path):
        assert Account("me", os.geteuid(), os.getegid()).can_reach(tmp_path)


@as_root
class TestAsRoot:
    def test_the_servers_run_as_an_unprivileged_account(self, running):
        for server in (Postgres(running), Valkey(running)):
            assert psutil.Process(server.pid()).uids().effective != 0

    def test_a_state_folder_in_a_closed_home_is_given_shelter_elsewhere(self, empty_home, monkeypatch):
        above = empty_home.path.parent
        monkeypatch.setattr(folders, "SHELTER", above / "shelter")
        closed = embedded.Home(above / "root" / "state")
        closed.path.parent.mkdir(mode=0o700)
        assert up(closed) == ["postgres", "valkey"]
        assert closed.path.parent.stat().st_mode & 0o777 == 0o700
        assert closed.servers.readlink().parent == folders.SHELTER
        assert up(closed) == []
        embedded.remove(closed)
        assert list(folders.SHELTER.iterdir()) == []

    def test_binaries_in_a_closed_home_are_copied_to_where_the_account_can_run_them(self, home, monkeypatch):
        site = home.path.parent / "closed"
        site.mkdir(mode=0o700)
        for folder in binaries.POSTGRES.folders:
            shutil.copytree(binaries.POSTGRES.site / folder, site / folder, ignore=shutil.ignore_patterns("include"))
        monkeypatch.syspath_prepend(site)
        monkeypatch.setattr(postgres, "POSTGRES", replace(binaries.POSTGRES))
        assert up(home, valkey=False) == ["postgres"]
        program = psutil.Process(Postgres(home).pid()).exe()
        assert program.startswith(str(home.servers))

    def test_an_ordinary_user_needs_none_of_it_and_stays_the_owner_when_root_comes(self, empty_home):
        home = empty_home
        home.path.mkdir()
        os.chown(home.path, NOBODY.uid, NOBODY.gid)
        done = subprocess.run(
            [sys.executable, "-c", AS_NOBODY, str(home.path)], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        up(home)
        assert psutil.Process(Postgres(home).pid()).uids().effective == NOBODY.uid

    def test_somebody_elses_folder_in_the_way_is_refused(self, empty_home):
        deep = embedded.Home(empty_home.path / "/".join(["a-folder-with-a-long-name"] * 5))
        deep.sockets.mkdir(mode=0o777)
        try:
            os.chown(deep.sockets, 54321, 54321)
            with pytest.raises(embedded.ServiceError, match="belongs to somebody else"):
                up(deep)
        finally:
            deep.sockets.rmdir()
            embedded.remove(deep)


class TestWheel:
    def test_says_what_to_do_where_there_is_no_wheel(self):
        missing = replace(binaries.POSTGRES, package="no_such_package")
        with pytest.raises(embedded.ServiceError, match=r"set DATABASE_URL \(image pgvector/pgvector\)"):
            _ = missing.site
