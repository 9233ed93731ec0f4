#!/usr/bin/env python
"""Run a Django command: `python manage.py help` lists them."""

import os
import select
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dmsearch.settings")
    from django.core.management import execute_from_command_line

    try:
        execute_from_command_line(sys.argv)
        sys.stdout.flush()
    except BrokenPipeError:
        if not _nobody_reads():
            raise
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python writes once more at its end
        sys.exit(1)
    except Exception as failure:
        from apps.pages.outages import not_ready

        if reason := not_ready(failure):
            sys.exit(reason)
        raise


def _nobody_reads() -> bool:
    """Tell whether who read what is printed has seen enough: `manage.py search … | head`."""
    looking = select.poll()
    looking.register(sys.stdout, 0)
    return bool(looking.poll(0))


if __name__ == "__main__":
    main()
