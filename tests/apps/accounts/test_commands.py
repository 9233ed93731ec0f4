import pytest
from django.core.management import CommandError, call_command

from apps.accounts.models import User
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


class TestEnsureAdmin:
    def test_prints_a_one_time_password_that_works(self, capsys):
        call_command("ensure_admin")
        admin = User.objects.get(username="admin")
        assert admin.is_admin
        assert admin.must_change_password
        assert admin.check_password(capsys.readouterr().out.split()[-1])

    def test_takes_name_and_password_from_the_environment(self, monkeypatch, capsys):
        monkeypatch.setenv("DMSEARCH_ADMIN", "mara")
        monkeypatch.setenv("DMSEARCH_ADMIN_PASSWORD", "river gauge at the mill")
        call_command("ensure_admin")
        mara = User.objects.get(username="mara")
        assert mara.check_password("river gauge at the mill")
        assert not mara.must_change_password
        assert "river gauge" not in capsys.readouterr().out

    def test_leaves_the_admins_there_are_alone(self, capsys):
        UserFactory(admin=True)
        call_command("ensure_admin")
        assert User.objects.count() == 1
        assert capsys.readouterr().out == ""

    def test_makes_one_when_the_only_admin_is_switched_off(self):
        UserFactory(admin=True, is_active=False, username="admin")
        call_command("ensure_admin")
        assert User.objects.active_admins().get().username == "admin"


class TestCreateUser:
    def test_prints_a_one_time_password_that_works(self, capsys):
        call_command("create_user", "mara", "--role", "analyst")
        mara = User.objects.get(username="mara")
        assert mara.role == User.Role.ANALYST
        assert mara.must_change_password
        assert mara.check_password(capsys.readouterr().out.split()[-1])

    def test_says_why_a_name_cannot_be_had(self):
        UserFactory(username="mara")
        with pytest.raises(CommandError, match="already exists"):
            call_command("create_user", "mara")

    def test_refuses_an_unreadable_name(self):
        with pytest.raises(CommandError, match="valid username"):
            call_command("create_user", "a b;c")
