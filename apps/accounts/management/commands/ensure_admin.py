import os
from typing import Any

from django.core.management.base import BaseCommand
from django.db import transaction

from apps.accounts.models import User


class Command(BaseCommand):
    help = (
        "Create the first admin if nobody can log in as one. Name from DMSEARCH_ADMIN (or 'admin'), "
        "password from DMSEARCH_ADMIN_PASSWORD (or a one-time password, printed)."
    )

    @transaction.atomic
    def handle(self, **_: Any) -> None:
        if User.objects.active_admins().exists():
            return
        name = os.environ.get("DMSEARCH_ADMIN") or "admin"
        admin = User.objects.filter(username=name).first() or User(username=name)
        admin.role, admin.is_active = User.Role.ADMIN, True
        if password := os.environ.get("DMSEARCH_ADMIN_PASSWORD"):
            admin.set_own_password(password)
            self.stdout.write(f"Admin '{name}' is ready, with the password of DMSEARCH_ADMIN_PASSWORD.")
        else:
            one_time = admin.set_one_time_password()
            self.stdout.write(f"Admin '{name}' is ready. One-time password, shown this once: {one_time}")
        admin.save()
