from django.contrib.auth.models import AbstractUser
from django.db import models


class User(AbstractUser):
    class Role(models.TextChoices):
        MANAGER = "manager", "Emergency manager"  # searches
        ANALYST = "analyst", "Analyst"  # also uploads to corpora they belong to
        ADMIN = "admin", "Admin"  # also runs users and indexes

    role = models.CharField(max_length=10, choices=Role.choices, default=Role.MANAGER)
    # Set with a one-time password: the next page after login asks for one of their own.
    must_change_password = models.BooleanField(default=False)

    @property
    def is_admin(self) -> bool:
        return self.role == self.Role.ADMIN

    @property
    def may_upload(self) -> bool:
        return self.role in {self.Role.ANALYST, self.Role.ADMIN}
