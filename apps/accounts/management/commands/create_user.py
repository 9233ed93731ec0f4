from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from apps.accounts.models import User


class Command(BaseCommand):
    help = "Add a person and print their one-time password."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", help="what they log in with")
        parser.add_argument("--role", choices=User.Role.values, default=User.Role.MANAGER)

    def handle(self, *, name: str, role: str, **_: Any) -> None:
        user = User(username=name, role=role)
        one_time = user.set_one_time_password()
        try:
            user.full_clean()
        except ValidationError as failure:
            raise CommandError(" ".join(failure.messages)) from failure
        user.save()
        self.stdout.write(f"Added {user.get_role_display().lower()} '{name}'. One-time password: {one_time}")
