"""The product's settings on a throw-away state folder, so that several test runs can go on at once."""

import os
import tempfile
from pathlib import Path

# The first process makes the folder, the workers it starts find it named; of tests side by side each process has its own.
SIDE = os.environ.get("PYTEST_XDIST_WORKER", "alone")
if os.environ.get("DMSEARCH_TEST_SIDE") != SIDE:
    os.environ["DMSEARCH_TEST_SIDE"] = SIDE
    os.environ["DMSEARCH_TEST_HOME"] = tempfile.mkdtemp(prefix="dmsearch-tests-")
    Path(os.environ["DMSEARCH_TEST_HOME"]).chmod(0o711)  # root's servers run under another account
os.environ["DMSEARCH_HOME"] = os.environ["DMSEARCH_TEST_HOME"]
os.environ.setdefault("RETRIEVER", "hashing")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "2")

from dmsearch.settings import *  # noqa: F403

STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    # No collectstatic before tests.
    "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"},
}
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # the real one is slow on purpose
# Straight from static/ and the packages: browser tests need no collectstatic either.
WHITENOISE_AUTOREFRESH = WHITENOISE_USE_FINDERS = True
