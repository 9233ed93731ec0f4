"""Corpora, the files and documents in them, and the passages that are searched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.core.files import File
from django.db import models
from django.db.models import Count, Max, OuterRef, Q, Subquery
from django.db.models.functions import Coalesce
from django.urls import reverse
from django.utils import timezone

from apps.corpora.storage import WholeFileStorage

if TYPE_CHECKING:
    from apps.accounts.models import User


class Kind(models.TextChoices):
    """What a document is; the kinds searched are one sign of a query's intent."""

    REPORT = "report", "Report"
    TWEET = "tweet", "Tweet"
    GUIDANCE = "guidance", "Guidance"
    CLAIM = "claim", "Claim"
    OTHER = "other", "Other"


class CorpusQuerySet(models.QuerySet["Corpus"]):
    def readable_by(self, user: User) -> Self:
        """Keep what `user` may search: every door to a passage goes through this."""
        if user.is_admin:
            return self
        return self.filter(Q(private=False) | Q(members=user)).distinct()

    def writable_by(self, user: User) -> Self:
        """Keep what `user` may upload to."""
        if user.is_admin:
            return self
        if not user.may_upload:
            return self.none()
        return self.filter(members=user).distinct()

    def with_sizes(self) -> Self:
        """Add how many documents and passages there are, and when the last came in."""
        documents = Document.objects.filter(corpus=OuterRef("pk")).order_by().values("corpus")
        passages = Passage.objects.filter(corpus=OuterRef("pk")).order_by().values("corpus")
        return self.annotate(
            document_count=Coalesce(Subquery(documents.annotate(n=Count("pk")).values("n")), 0),
            passage_count=Coalesce(Subquery(passages.annotate(n=Count("pk")).values("n")), 0),
            last_upload=Subquery(documents.annotate(last=Max("created_at")).values("last")),
        )


class CorpusManager(models.Manager["Corpus"].from_queryset(CorpusQuerySet)):  # type: ignore[misc]
    """Knows the corpora that nobody has deleted; a deleted one is taken apart behind the scenes."""

    def get_queryset(self) -> CorpusQuerySet:
        found: CorpusQuerySet = super().get_queryset().filter(deleted_at__isnull=True)
        return found


class Corpus(models.Model):
    slug = models.SlugField(max_length=60, unique=True)
    name = models.CharField(max_length=120)
    description = models.TextField(blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices, default=Kind.REPORT)
    private = models.BooleanField(default=False, help_text="Only members find it.")
    members = models.ManyToManyField(settings.AUTH_USER_MODEL, related_name="corpora", blank=True)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = CorpusManager()
    with_deleted = CorpusQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        verbose_name_plural = "corpora"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("corpus", args=[self.slug])

    def mark_deleted(self) -> None:
        """Take the corpus out of everybody's sight at once; its rows go later, a portion at a time."""
        self.deleted_at = timezone.now()
        self.slug = f"deleted-{self.pk}"  # the old one is free again
        self.save(update_fields=["deleted_at", "slug"])


def stored_path(stored: StoredFile, _name: str) -> str:
    """Return a path made of the hash alone: no stranger's file name reaches the disk."""
    return f"{stored.sha256[:2]}/{stored.sha256[2:4]}/{stored.sha256}"


class StoredFileManager(models.Manager["StoredFile"]):
    def keep(self, content: File[bytes], *, media_type: str = "") -> tuple[StoredFile, bool]:
        """Store `content` under its SHA-256 once; say whether it was new."""
        digest = hashlib.sha256()
        size = 0
        for block in _blocks(content):
            digest.update(block)
            size += len(block)
        stored, created = self.get_or_create(
            sha256=digest.hexdigest(), defaults={"size": size, "media_type": media_type}
        )
        if not stored.file.name or not stored.file.storage.exists(stored.file.name):
            content.seek(0)
            stored.file.save(stored.sha256, content, save=True)
        return stored, created


def _blocks(content: File[bytes]) -> Iterator[bytes]:
    content.seek(0)
    while block := content.read(1 << 20):
        yield block


class StoredFile(models.Model):
    """The bytes of an upload, kept once however often and wherever they arrive."""

    sha256 = models.CharField(max_length=64, primary_key=True)
    file = models.FileField(upload_to=stored_path, storage=WholeFileStorage, max_length=100)
    size = models.BigIntegerField()
    media_type = models.CharField(max_length=120, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = StoredFileManager()

    def __str__(self) -> str:
        return self.sha256[:12]


class DocumentQuerySet(models.QuerySet["Document"]):
    def readable_by(self, user: User) -> Self:
        return self.filter(corpus__in=Corpus.objects.readable_by(user))


class Document(models.Model):
    corpus = models.ForeignKey(Corpus, on_delete=models.CASCADE, related_name="documents")
    # What makes it the same document: the file's hash, or a record's own id or text.
    fingerprint = models.CharField(max_length=64)
    external_id = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    title = models.CharField(max_length=500)
    author = models.CharField(max_length=200, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    language = models.CharField(max_length=10, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    source = models.ForeignKey(StoredFile, null=True, blank=True, on_delete=models.PROTECT, related_name="documents")
    file_name = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = DocumentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["corpus", "fingerprint"], name="one_document_a_content"),
        ]
        indexes = [
            models.Index(fields=["corpus", "-created_at"]),
            models.Index(fields=["corpus", "external_id"]),
        ]

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        return reverse("document", args=[self.pk])


class DocumentText(models.Model):
    """The whole plain text, apart from `Document` so that lists never load it."""

    document = models.OneToOneField(Document, primary_key=True, on_delete=models.CASCADE, related_name="full_text")
    text = models.TextField()
    # Character offset at which each page starts; empty where the format has no pages.
    page_starts = models.JSONField(default=list, blank=True)
    # [character offset, level] of each line that is a heading; level 1 is the highest.
    headings = models.JSONField(default=list, blank=True)

    def __str__(self) -> str:
        return f"text of document {self.document_id}"


class PassageQuerySet(models.QuerySet["Passage"]):
    def readable_by(self, user: User) -> Self:
        return self.filter(corpus__in=Corpus.objects.readable_by(user))


class Passage(models.Model):
    """A run of whole sentences of a document, at most as long as the retriever reads."""

    document = models.ForeignKey(Document, on_delete=models.CASCADE, related_name="passages")
    position = models.PositiveIntegerField(help_text="Reading order within the document, from 0.")
    text = models.TextField()
    heading = models.CharField(max_length=500, blank=True)
    page = models.PositiveIntegerField(null=True, blank=True, help_text="From 1.")
    start = models.PositiveIntegerField(help_text="Character offset into the document's text.")
    end = models.PositiveIntegerField()
    tokens = models.PositiveIntegerField()
    # Copies of the document's facts: every search filters on them, joins would slow each one.
    corpus = models.ForeignKey(Corpus, on_delete=models.CASCADE, related_name="passages")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    published_at = models.DateTimeField(null=True, blank=True)
    words = models.GeneratedField(
        expression=SearchVector("heading", weight="B", config="english")
        + SearchVector("text", weight="A", config="english"),
        output_field=SearchVectorField(),
        db_persist=True,
    )

    objects = PassageQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["document", "position"], name="one_passage_a_position"),
            models.CheckConstraint(condition=Q(end__gt=models.F("start")), name="passage_has_text"),
        ]
        indexes = [
            GinIndex(fields=["words"], name="passage_words"),
            models.Index(fields=["corpus", "published_at"]),
            models.Index(fields=["kind"]),
        ]

    def __str__(self) -> str:
        return f"passage {self.position} of document {self.document_id}"

    def get_absolute_url(self) -> str:
        return f"{reverse('document', args=[self.document_id])}?passage={self.pk}#passage-{self.pk}"
