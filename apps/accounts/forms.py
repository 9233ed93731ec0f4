from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth import password_validation
from django.contrib.auth.forms import AuthenticationForm, PasswordChangeForm, SetPasswordForm, UsernameField
from django.core.exceptions import ValidationError
from django.db import transaction
from django.http import HttpRequest

from apps.accounts.models import User
from apps.accounts.throttle import Throttle, address_of


class LoginForm(AuthenticationForm):
    request: HttpRequest
    error_messages = {
        "invalid_login": "This name and password do not go together. Upper and lower case count in both.",
        "inactive": "This account is switched off. Ask an admin.",
    }
    username = UsernameField(label="User name", widget=forms.TextInput(attrs={"autofocus": True}))
    #: Seconds until the next try is taken; 0 while tries are free.
    wait_s = 0

    def clean(self) -> dict[str, Any]:
        if "username" not in self.cleaned_data or "password" not in self.cleaned_data:
            return self.cleaned_data
        throttle = Throttle(self.cleaned_data["username"], address_of(self.request))
        if wait := throttle.take_try():
            self.wait_s = wait
            raise ValidationError(f"Too many wrong tries for this name. The next one is taken in {in_words(wait)}.")
        cleaned = super().clean()
        throttle.forget()
        return cleaned


def in_words(seconds: int) -> str:
    """Write a wait: "45 seconds", "4 minutes"."""
    amount, unit = (seconds, "second") if seconds < 120 else (-(-seconds // 60), "minute")
    return f"{amount} {unit}" if amount == 1 else f"{amount} {unit}s"


class _NewPassword(SetPasswordForm):  # type: ignore[type-arg]
    """A password of one's own, twice, unlike the one it replaces."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["new_password1"].help_text = password_validation.password_validators_help_text_html()
        self.fields["new_password2"].label = "New password again"
        self.fields["new_password2"].help_text = ""

    def clean_new_password1(self) -> str:
        chosen = self.cleaned_data["new_password1"]
        if self.user.check_password(chosen):
            raise ValidationError("Choose a password that differs from the one you have now.")
        return chosen

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        self.user.set_own_password(self.cleaned_data["new_password1"])
        if commit:
            self.user.save(update_fields=["password", "must_change_password"])
        return self.user


class FirstPasswordForm(_NewPassword):
    """For who has just logged in with a one-time password: it is not asked for again."""


class OwnPasswordForm(_NewPassword, PasswordChangeForm):
    """Asks for the present password first: a page left open must not be enough."""

    field_order = ["old_password", "new_password1", "new_password2"]


class UserForm(forms.ModelForm):  # type: ignore[type-arg]
    """What an admin decides about a person."""

    corpora: forms.ModelMultipleChoiceField[Any] = forms.ModelMultipleChoiceField(
        queryset=None,
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Members find a private corpus; analysts upload to the corpora they belong to. "
        "Admins reach all of them.",
    )

    class Meta:
        model = User
        fields = ["username", "first_name", "last_name", "role"]
        labels = {"username": "User name"}
        help_texts = {
            "username": "Letters, digits and @ . + - _ only.",
            "role": "Emergency managers search. Analysts also upload. Admins also run users and indexes.",
        }
        widgets = {
            "username": forms.TextInput(attrs={"autocapitalize": "none", "autocomplete": "off", "spellcheck": "false"})
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Reached through the relation: corpora stand above accounts and are not imported here.
        corpus = User._meta.get_field("corpora").related_model
        field: Any = self.fields["corpora"]
        field.queryset = corpus._default_manager.all()
        if self.instance.pk:
            field.initial = self.instance.corpora.all()

    def _save_m2m(self) -> None:
        super()._save_m2m()  # type: ignore[misc] # of BaseModelForm, unknown to the stubs
        self.instance.corpora.set(self.cleaned_data["corpora"])


class NewUserForm(UserForm):
    """Adds a person with a one-time password."""

    def save(self, commit: bool = True) -> User:  # noqa: FBT001, FBT002 - Django's signature
        self.one_time_password = self.instance.set_one_time_password()
        return super().save(commit)


class EditUserForm(UserForm):
    class Meta(UserForm.Meta):
        fields = [*UserForm.Meta.fields, "is_active"]
        labels = {**UserForm.Meta.labels, "is_active": "May log in"}
        help_texts = {
            **UserForm.Meta.help_texts,
            "is_active": "Off ends their sessions at once; what they uploaded stays.",
        }

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        stays = cleaned.get("role") == User.Role.ADMIN and cleaned.get("is_active")
        # Locked: two admins who demote each other at the same moment must not both succeed.
        admins = User.objects.active_admins().select_for_update()
        with transaction.atomic():
            if not stays and [admin.pk for admin in admins] == [self.instance.pk]:
                raise ValidationError("This is the last admin who can log in. Make somebody else an admin first.")
        return cleaned
