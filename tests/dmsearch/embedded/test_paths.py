import os
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from dmsearch.embedded import Home

LONG = Path("/srv") / "/".join(["a-folder-with-a-long-name"] * 5)


class TestHome:
    def test_is_the_same_by_every_spelling_of_its_path(self, tmp_path, monkeypatch):
        (tmp_path / "state").mkdir()
        (tmp_path / "link").symlink_to("state")
        monkeypatch.chdir(tmp_path)
        assert Home(Path("state")) == Home(tmp_path / "link") == Home(tmp_path / "other" / ".." / "state")

    def test_keeps_its_sockets_beside_its_data(self):
        home = Home(Path("/srv/dmsearch"))
        assert home.database_settings()["HOST"] == "/srv/dmsearch/servers"

    @pytest.mark.parametrize("path", [LONG, Path("/srv/my state"), Path("/srv/a,b"), Path("/srv/50%"), Path("/srv/é")])
    def test_takes_short_plain_sockets_where_its_path_is_long_or_odd(self, path):
        host = Home(path).database_settings()["HOST"]
        assert len(os.fsencode(f"{host}/.s.PGSQL.5432")) <= 103
        assert not set(host) & set(" ,%é")

    def test_gives_two_long_paths_two_socket_folders(self):
        assert Home(LONG / "one").sockets != Home(LONG / "two").sockets

    def test_writes_a_url_that_redis_reads(self):
        home = Home(Path("/srv/dmsearch"))
        socket = "/srv/dmsearch/servers/valkey.sock"
        with redis.Redis.from_url(home.redis_url(db=2)) as client:
            options = client.connection_pool.connection_kwargs
            assert (options["path"], options["db"]) == (socket, 2)


class TestImport:
    def test_needs_no_django_and_starts_nothing(self, tmp_path):
        code = "import sys; sys.modules['django'] = None; import dmsearch.embedded"
        environment = {**os.environ, "DMSEARCH_HOME": str(tmp_path / "state")}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        assert not (tmp_path / "state").exists()
