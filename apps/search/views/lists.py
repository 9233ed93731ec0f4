"""Lists of queries, answered in one go into one table."""

from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.http import content_disposition_header
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.pages.render import render_page
from apps.pages.requests import HttpRequest
from apps.search import exporting, jobs, links, services
from apps.search.forms import SearchForm
from apps.search.kept_forms import QueryListForm
from apps.search.lists import answering, table
from apps.search.models import QueryList

QUERIES_A_PAGE = 25


@require_safe
@never_cache
def query_lists(request: HttpRequest) -> TemplateResponse:
    """List a person's lists of queries."""
    found = QueryList.objects.owned_by(request.user).with_progress()
    return render_page(request, "search/lists.html", {"lists": found})


@require_http_methods(["GET", "HEAD", "POST"])
def query_list_new(request: HttpRequest) -> HttpResponseBase:
    """Take a list of queries; the filters of the search page hold for all of them."""
    asked_for = request.POST if request.method == "POST" else request.GET
    filters = SearchForm(asked_for, corpora=services.readable_corpora(request.user))
    form = QueryListForm(request.POST or None, request.FILES or None)
    if request.method == "POST" and form.is_valid() and filters.is_valid():
        query_string = links.query_string(filters.asked())
        with transaction.atomic():
            made = answering.make(
                request.user,
                form.lines,
                name=form.cleaned_data["name"],
                query_string=query_string,
                hits_each=form.cleaned_data["hits_each"],
            )
            transaction.on_commit(jobs.request_answers)
        return redirect(made)
    status = 422 if form.errors or filters.errors else 200
    return render_page(request, "search/list_new.html", {"form": form, "filters": filters}, status=status)


@require_safe
@never_cache
def query_list(request: HttpRequest, pk: int) -> TemplateResponse:
    """Show the table, as far as it is answered."""
    found = get_object_or_404(QueryList.objects.owned_by(request.user).with_progress(), pk=pk)
    page = Paginator(found.items.all(), QUERIES_A_PAGE).get_page(request.GET.get("page"))
    first = (page.number - 1) * QUERIES_A_PAGE
    context = {
        "list": found,
        "page": page,
        "answers": table.answers(found.items.all()[first : first + QUERIES_A_PAGE], user=request.user),
        "poor": found.items.filter(answered_at__isnull=False).exclude(why="").count(),
    }
    return render_page(request, "search/list.html", context, partial="answers")


@require_safe
@never_cache
def query_list_export(request: HttpRequest, pk: int) -> HttpResponse:
    """Hand out the whole table as CSV."""
    found = get_object_or_404(QueryList.objects.owned_by(request.user), pk=pk)
    answers = table.answers(found.items.all(), user=request.user)
    rows = list(table.rows(answers, absolute=request.build_absolute_uri))
    response = HttpResponse(exporting.table(table.COLUMNS, rows), content_type=exporting.FORMATS["csv"].media_type)
    name = exporting.file_name(found.name, timezone.now(), "csv")
    response["Content-Disposition"] = content_disposition_header(as_attachment=True, filename=name) or ""
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
def query_list_again(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask again what was not answered, or by words alone."""
    found = get_object_or_404(QueryList.objects.owned_by(request.user), pk=pk)
    answering.ask_again(found)
    jobs.request_answers()
    return redirect(found)


@require_http_methods(["GET", "HEAD", "POST"])
def query_list_delete(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask, then delete a list with its answers."""
    found = get_object_or_404(QueryList.objects.owned_by(request.user).with_progress(), pk=pk)
    if request.method == "POST":
        found.delete()
        messages.success(request, f"The list “{found.name}” is deleted.")
        return redirect("query-lists")
    return render_page(request, "search/list_delete.html", {"list": found})
