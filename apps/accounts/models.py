from __future__ import annotations

import secrets
from typing import ClassVar

from django.contrib.auth.models import AbstractUser
from django.contrib.auth.models import UserManager as DjangoUserManager
from django.db import models

# Without 0/o, 1/l/i: it is read off a screen or down a telephone. 16 of 31 are 79 bits.
_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"


class UserManager(DjangoUserManager["User"]):
    use_in_migrations = False

    def active_admins(self) -> models.QuerySet[User]:
        return self.filter(role=User.Role.ADMIN, is_active=True)


class User(AbstractUser):
    class Role(models.TextChoices):
        MANAGER = "manager", "Emergency manager"  # searches
        ANALYST = "analyst", "Analyst"  # also uploads to corpora they belong to
        ADMIN = "admin", "Admin"  # also runs users and indexes

    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MANAGER)
    # Set with a one-time password: the next page after login asks for one of their own.
    must_change_password = models.BooleanField(default=False)

    objects: ClassVar[UserManager] = UserManager()

    @property
    def is_admin(self) -> bool:
        return self.role == self.Role.ADMIN

    @property
    def may_upload(self) -> bool:
        return self.role in {self.Role.ANALYST, self.Role.ADMIN}

    def set_one_time_password(self) -> str:
        """Give a password that must be changed at the next login and return it; it is kept nowhere. Unsaved."""
        password = one_time_password()
        self.set_password(password)
        self.must_change_password = True
        return password

    def set_own_password(self, password: str) -> None:
        """Give the password that the person chose. Unsaved."""
        self.set_password(password)
        self.must_change_password = False


def one_time_password() -> str:
    """Return four groups of four characters, like "k7wm-x2pd-9rhe-tq4b"."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(4)) for _ in range(4))
