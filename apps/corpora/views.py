from __future__ import annotations

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect
from django.template.response import TemplateResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import require_http_methods, require_safe

from apps.accounts.decorators import analyst_required
from apps.corpora import describing, viewing
from apps.corpora import page_pictures as pictures
from apps.corpora.citing import citation
from apps.corpora.extraction import ExtractionFailed
from apps.corpora.forms import ConfirmByName, CorpusForm
from apps.corpora.models import Corpus, Document, Passage
from apps.corpora.page_pictures import is_pdf
from apps.pages.render import render_page
from apps.pages.requests import HttpRequest

PICTURE_KEPT_S = 3600
PICTURE_AGAIN_S = 2


@require_safe
def corpora(request: HttpRequest) -> TemplateResponse:
    """List the corpora a person may search, with how much is in each."""
    found = Corpus.objects.readable_by(request.user).with_sizes().prefetch_related("members")
    return render_page(request, "corpora/list.html", {"corpora": found})


@require_http_methods(["GET", "HEAD", "POST"])
@analyst_required
def corpus_new(request: HttpRequest) -> HttpResponseBase:
    form = CorpusForm(request.POST or None)
    if form.is_valid():
        return redirect(form.create(request.user))
    return render_page(request, "corpora/edit.html", {"form": form}, status=_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
def corpus_edit(request: HttpRequest, slug: str) -> HttpResponseBase:
    corpus = get_object_or_404(Corpus.objects.writable_by(request.user), slug=slug)
    form = CorpusForm(request.POST or None, instance=corpus)
    if form.is_valid():
        saved = form.save()
        left = not Corpus.objects.readable_by(request.user).filter(pk=saved.pk).exists()
        return redirect("corpora" if left else saved)
    return render_page(request, "corpora/edit.html", {"form": form, "corpus": corpus}, status=_status(form))


@require_http_methods(["GET", "HEAD", "POST"])
def corpus_delete(request: HttpRequest, slug: str) -> HttpResponseBase:
    """Delete a corpus with all that is in it, once its name was typed."""
    corpus = get_object_or_404(Corpus.objects.writable_by(request.user).with_sizes(), slug=slug)
    form = ConfirmByName(request.POST or None, corpus=corpus)
    if form.is_valid():
        corpus.mark_deleted()
        messages.success(request, f"“{corpus.name}” is deleted, with all that was in it.")
        return redirect("corpora")
    return render_page(request, "corpora/delete.html", {"form": form, "corpus": corpus}, status=_status(form))


@require_safe
def document(request: HttpRequest, pk: int) -> TemplateResponse:
    """Show a document at one of its passages."""
    found = _readable_document(request, pk)
    chosen = _chosen_passage(request, found)
    pages = Paginator(found.passages.order_by("position"), viewing.PASSAGES_A_PAGE)
    page = pages.get_page(viewing.page_of(chosen.position) if chosen else request.GET.get("page"))
    may_write = Corpus.objects.writable_by(request.user).filter(pk=found.corpus_id).exists()
    context = {
        "document": found,
        "chosen": chosen,
        "lines": describing.lines(found),
        "copy_count": describing.copies_of(found, request.user).count(),
        "page": page,
        "neighbours": _neighbours(chosen) if chosen else {},
        "shown": viewing.shown(
            list(page.object_list),
            page_starts=found.full_text.page_starts,
            headings=found.full_text.headings,
            chosen=chosen.pk if chosen else None,
        ),
        "conversation": _conversation(found),
        "facts": viewing.facts(found.metadata),
        "page_count": len(found.full_text.page_starts),
        "has_pictures": bool(found.full_text.page_starts) and is_pdf(found.source),
        "citation": _citation(request, found, chosen),
        "may_delete": may_write,
        "may_correct": may_write,
    }
    return render_page(request, "corpora/document.html", context)


@require_safe
def document_page(request: HttpRequest, pk: int, number: int) -> TemplateResponse:
    """Show one page of a document: as a picture where it is a PDF, and its text."""
    found = _readable_document(request, pk)
    starts = found.full_text.page_starts
    if not 1 <= number <= len(starts):
        raise Http404("This document has no such page.")
    context = {
        "document": found,
        "number": number,
        "page_count": len(starts),
        "has_picture": is_pdf(found.source),
        "text": found.full_text.text_of_page(number),
        "passage": found.passages.filter(page=number).order_by("position").first(),
    }
    return render_page(request, "corpora/document_page.html", context)


@require_safe
def page_picture(request: HttpRequest, pk: int, number: int) -> HttpResponse:
    """Hand out a page of a PDF as a picture; the browser may keep it, others on the way may not."""
    found = _readable_document(request, pk)
    if not is_pdf(found.source):
        raise Http404("Only pages of PDFs have pictures.")
    try:
        picture = pictures.page_picture(found, number)
    except ExtractionFailed as failure:
        raise Http404(str(failure)) from failure
    except pictures.Busy:
        return HttpResponse(status=503, headers={"Retry-After": str(PICTURE_AGAIN_S), "Cache-Control": "no-store"})
    response = HttpResponse(picture, content_type=pictures.MEDIA_TYPE)
    patch_cache_control(response, private=True, max_age=PICTURE_KEPT_S)
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_safe
def passage_around(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Give htmx the passages before and after one; anybody else is sent to the document."""
    passages = Passage.objects.readable_by(request.user).select_related("document").defer("words")
    passage = get_object_or_404(passages, pk=pk)
    if not request.htmx:
        return redirect(passage)
    return render_page(request, "corpora/around.html", {"passage": passage, **_neighbours(passage)})


@require_safe
def document_file(request: HttpRequest, pk: int) -> FileResponse:
    """Hand out the file as it was uploaded, to be saved and never to be shown by the browser in our name."""
    found = _readable_document(request, pk)
    if found.source is None:
        raise Http404("This document came without a file.")
    name = found.file_name.rsplit("/", 1)[-1] or found.source.sha256
    response = FileResponse(
        found.source.file.open("rb"), as_attachment=True, filename=name, content_type="application/octet-stream"
    )
    response["X-Content-Type-Options"] = "nosniff"
    response["Content-Security-Policy"] = "sandbox; default-src 'none'"
    return response


@require_http_methods(["GET", "HEAD", "POST"])
def document_delete(request: HttpRequest, pk: int) -> HttpResponseBase:
    """Ask, then delete a document with its passages and vectors."""
    writable = Corpus.objects.writable_by(request.user)
    found = get_object_or_404(Document.objects.select_related("corpus").filter(corpus__in=writable), pk=pk)
    if request.method == "POST":
        found.delete()
        messages.success(request, f"“{found.title}” is deleted. Upload its file again to bring it back.")
        return redirect(found.corpus)
    context = {"document": found, "passage_count": found.passages.count()}
    return render_page(request, "corpora/document_delete.html", context)


def _readable_document(request: HttpRequest, pk: int) -> Document:
    documents = Document.objects.readable_by(request.user).select_related("corpus", "source")
    # The whole text may be megabytes; the page shows passages.
    return get_object_or_404(documents.select_related("full_text").defer("full_text__text"), pk=pk)


def _chosen_passage(request: HttpRequest, document: Document) -> Passage | None:
    """Return the passage asked for; a link to one that is gone still opens its document."""
    asked = request.GET.get("passage", "")
    return document.passages.filter(pk=asked).first() if asked.isdecimal() and len(asked) < 19 else None


def _citation(request: HttpRequest, document: Document, passage: Passage | None) -> str:
    where = passage or document
    return citation(
        title=document.title,
        author=document.author,
        source=document.publisher or document.corpus.name,
        published_at=document.published_at,
        page=passage.page if passage else None,
        url=request.build_absolute_uri(where.get_absolute_url()),
    )


def _neighbours(passage: Passage) -> dict[str, Passage]:
    beside = Passage.objects.filter(
        document=passage.document_id, position__in=[passage.position - 1, passage.position + 1]
    )
    return {"next" if other.position > passage.position else "previous": other for other in beside}


def _conversation(document: Document) -> dict[str, Document]:
    """Return the tweets of the same corpus that this one answers or passes on."""
    asked = {how: document.metadata.get(how) for how in ("retweet_of", "reply_to", "quote_of")}
    wanted = {str(key) for key in asked.values() if key}
    if not wanted:
        return {}
    found = {other.external_id: other for other in document.corpus.documents.filter(external_id__in=wanted)}
    return {how: found[str(key)] for how, key in asked.items() if str(key) in found}


def _status(form: CorpusForm | ConfirmByName) -> int:
    return 422 if form.is_bound and not form.is_valid() else 200
