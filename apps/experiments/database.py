"""A database of its own for evaluations: nothing of a test collection ever meets the real corpora."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.conf import settings
from django.db import connection

from dmsearch.only_one import only_one

DATABASE = "dmsearch_evaluation"


@contextmanager
def evaluation_database(*, keep: bool) -> Iterator[None]:
    """Work in the evaluation database, made if need be; drop it after.

    With `keep`, and after a failure or an interruption, it stays: the next run goes on from there.
    """
    real, test = connection.settings_dict["NAME"], connection.settings_dict["TEST"]
    own_test_name = test["NAME"]
    settings.STATE_DIR.mkdir(parents=True, exist_ok=True)
    with only_one(settings.STATE_DIR / "evaluation.lock", address="manage.py evaluate"):
        test["NAME"] = DATABASE
        keep_it = True
        try:
            connection.creation.create_test_db(verbosity=0, autoclobber=True, keepdb=True, serialize=False)
            yield
            keep_it = keep
        finally:
            connection.creation.destroy_test_db(real, verbosity=0, keepdb=keep_it)
            test["NAME"] = own_test_name
