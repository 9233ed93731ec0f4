"""The check of the last backup."""

from datetime import timedelta

from django.utils import timezone

from apps.operations.metrics import documents_of_people
from apps.operations.models import Backup
from apps.pages.health import Check, Finding, ok, register, warn

OLD = timedelta(days=7)
_REMEDY = "Run `manage.py backup FOLDER`, best every night and onto another disk (docs/operations.md)."


def check_backup() -> Finding:
    last = Backup.objects.first()
    if last is None:
        if documents_of_people():
            return warn("none was ever made", _REMEDY)
        return ok("none, and nothing but the exercise to lose")
    age = timezone.now() - last.made_at
    facts = {"made_at": last.made_at, "place": last.place, "took_s": last.took_s}
    if age > OLD:
        return warn(f"the last one is {age.days} days old", _REMEDY, **facts)
    hours = age.total_seconds() / 3600
    return ok(f"made {hours:.0f} hours ago" if hours >= 1 else "made within the last hour", **facts)


register(Check(name="backup", label="Backup", run=check_backup, order=7, needs=("database", "migrations")))
