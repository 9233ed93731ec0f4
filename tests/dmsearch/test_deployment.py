import os
import secrets
import subprocess
import sys

from django.conf import settings


def check(tmp_path, **environment):
    """Run Django's own review of the settings for production."""
    return subprocess.run(
        [sys.executable, settings.BASE_DIR / "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        env={"PATH": os.environ["PATH"], "DMSEARCH_HOME": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        timeout=60,
    )


class TestDeployment:
    def test_has_nothing_left_to_wish_behind_a_tls_proxy(self, tmp_path):
        done = check(tmp_path, HTTPS="true", SECRET_KEY=secrets.token_urlsafe(60))
        assert done.returncode == 0, done.stderr

    def test_is_not_called_safe_without_tls(self, tmp_path):
        assert "security.W012" in check(tmp_path, HTTPS="false").stderr
