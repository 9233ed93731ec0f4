"""Searches kept under a name: one's own, and those shared with the members of a corpus."""

from __future__ import annotations

from urllib.parse import urlencode

from django.contrib import messages
from django.http import QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.pages.render import render_page
from apps.pages.requests import HttpRequest
from apps.search import saved
from apps.search.kept_forms import SavedSearchForm
from apps.search.models import SavedSearch


@require_safe
@never_cache
def saved_searches(request: HttpRequest) -> TemplateResponse:
    """List the searches that a person saved, and those shared with them."""
    searches = SavedSearch.objects.visible_to(request.user).with_last_look(request.user)
    deleted = SavedSearch.objects.owned_by(request.user).filter(pk=_number(request.GET.get("deleted"))).first()
    context = {
        "searches": searches.select_related("owner", "shared_with"),
        "deleted": deleted if deleted and deleted.deleted_at else None,
    }
    return render_page(request, "search/saved.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
def saved_search_new(request: HttpRequest) -> HttpResponseBase:
    """Ask for a name, and keep the search of the query string under it."""
    form = SavedSearchForm(request.POST or None, user=request.user, asked_for=request.GET)
    if request.method == "POST" and form.is_valid():
        kept = form.save()
        messages.success(request, f"“{kept.name}” is saved. Saved searches tell what is new since you last looked.")
        return redirect("saved-searches")
    return render_page(request, "search/saved_edit.html", {"form": form}, status=422 if form.errors else 200)


@require_safe
@never_cache
def saved_search(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Run a saved search; what came in since the person's last look is marked as new."""
    found = get_object_or_404(SavedSearch.objects.visible_to(request.user), pk=pk)
    before = found.look(request.user)
    new_since = urlencode({"new_since": before.isoformat()})
    return redirect(f"{reverse('search')}?{found.query_string}&{new_since}")


@require_safe
@never_cache
def saved_search_news(request: HttpRequest, pk: int) -> TemplateResponse:
    """Say how much is new to the person, for the list to fill in."""
    searches = SavedSearch.objects.visible_to(request.user).with_last_look(request.user)
    found = get_object_or_404(searches, pk=pk)
    looked_at = found.looked_at  # type: ignore[attr-defined] # annotated
    count = saved.count_new(found, user=request.user, since=looked_at)
    return render_page(request, "search/saved.html#news", {"search": found, "count": count})


@require_http_methods(["GET", "HEAD", "POST"])
def saved_search_edit(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Rename a search, or share it; the search itself stays."""
    found = get_object_or_404(SavedSearch.objects.owned_by(request.user).kept(), pk=pk)
    asked_for = QueryDict(found.query_string)
    form = SavedSearchForm(request.POST or None, user=request.user, asked_for=asked_for, instance=found)
    if request.method == "POST" and form.is_valid():
        form.save()
        return redirect("saved-searches")
    context = {"form": form, "search": found}
    return render_page(request, "search/saved_edit.html", context, status=422 if form.errors else 200)


@require_POST
def saved_search_delete(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Delete a search; for a week it can be brought back."""
    found = get_object_or_404(SavedSearch.objects.owned_by(request.user).kept(), pk=pk)
    found.mark_deleted()
    SavedSearch.objects.owned_by(request.user).forget_deleted()
    return redirect(f"{reverse('saved-searches')}?deleted={found.pk}")


@require_POST
def saved_search_restore(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Bring a deleted search back."""
    found = get_object_or_404(SavedSearch.objects.owned_by(request.user), pk=pk)
    found.bring_back()
    messages.success(request, f"“{found.name}” is back.")
    return redirect("saved-searches")


def _number(text: str | None) -> int:
    """Return the number in a URL, or 0, which is nobody's."""
    return int(text) if text and text.isdecimal() and len(text) < 19 else 0
