from __future__ import annotations

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth import views as auth_views
from django.contrib.auth.forms import AuthenticationForm
from django.core.paginator import Paginator
from django.db import transaction
from django.db.models import Q
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.accounts.decorators import admin_required
from apps.accounts.forms import EditUserForm, FirstPasswordForm, LoginForm, NewUserForm, OwnPasswordForm
from apps.accounts.models import User
from apps.pages.render import render_page
from apps.pages.requests import HttpRequest

USERS_A_PAGE = 50


class LoginView(auth_views.LoginView):
    template_name = "accounts/login.html"
    authentication_form = LoginForm
    redirect_authenticated_user = True

    def form_invalid(self, form: AuthenticationForm) -> HttpResponse:
        response = super().form_invalid(form)
        if isinstance(form, LoginForm) and form.wait_s:
            response.status_code = 429
            response["Retry-After"] = str(form.wait_s)
        return response


@require_http_methods(["GET", "POST"])
@never_cache
def password(request: HttpRequest) -> HttpResponse:
    """Let people change their password; those with a one-time one must."""
    first = request.user.must_change_password
    form_class = FirstPasswordForm if first else OwnPasswordForm
    form = form_class(request.user, request.POST or None)
    if request.method == "POST" and form.is_valid():
        update_session_auth_hash(request, form.save())
        messages.success(request, "Your password is changed. Other places where you were logged in are logged out.")
        return redirect("search")
    return render_page(request, "accounts/password.html", {"form": form, "first": first})


@require_safe
@admin_required
def users(request: HttpRequest) -> HttpResponse:
    """List people, those who may log in first."""
    text = request.GET.get("q", "").replace("\0", "").strip()
    found = User.objects.prefetch_related("corpora").order_by("-is_active", "username")
    for word in text.split():
        found = found.filter(Q(username__icontains=word) | Q(first_name__icontains=word) | Q(last_name__icontains=word))
    page = Paginator(found, USERS_A_PAGE).get_page(request.GET.get("page"))
    return render_page(request, "accounts/users.html", {"page": page, "text": text}, partial="people")


@require_http_methods(["GET", "POST"])
@admin_required
@never_cache
def new_user(request: HttpRequest) -> HttpResponse:
    """Add a person, and show their one-time password this once."""
    form = NewUserForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with transaction.atomic():
            person = form.save()
        return _show_password(request, person, form.one_time_password)
    return render_page(request, "accounts/new_user.html", {"form": form})


@require_http_methods(["GET", "POST"])
@admin_required
def user(request: HttpRequest, pk: int) -> HttpResponse:
    """Show a person to change role, corpora, or whether they may log in."""
    person = get_object_or_404(User, pk=pk)
    with transaction.atomic():
        form = EditUserForm(request.POST or None, instance=person)
        if request.method == "POST" and form.is_valid():
            form.save()
            messages.success(request, f"{person.username} is changed.")
            return redirect("users")
    # Not as `user`: that is who looks at the page.
    return render_page(request, "accounts/user.html", {"form": form, "person": get_object_or_404(User, pk=pk)})


@require_POST
@admin_required
@never_cache
def reset_password(request: HttpRequest, pk: int) -> HttpResponse:
    """Replace a person's password by a one-time one, shown this once; it logs them out everywhere."""
    person = get_object_or_404(User, pk=pk)
    one_time = person.set_one_time_password()
    person.save(update_fields=["password", "must_change_password"])
    return _show_password(request, person, one_time)


def _show_password(request: HttpRequest, person: User, one_time: str) -> HttpResponse:
    return render_page(request, "accounts/one_time_password.html", {"person": person, "one_time": one_time})
