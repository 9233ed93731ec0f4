#!/usr/bin/env python
"""Run a Django command: `python manage.py help` lists them."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dmsearch.settings")
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
    except Exception as failure:
        from apps.pages.outages import not_ready

        if reason := not_ready(failure):
            sys.exit(reason)
        raise


if __name__ == "__main__":
    main()
