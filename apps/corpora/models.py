"""Corpora, the files and documents in them, and the passages that are searched."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVector, SearchVectorField
from django.db import connection, models
from django.db.models import Count, F, Func, Max, OuterRef, Q, Subquery, Value
from django.db.models.expressions import CombinedExpression
from django.db.models.functions import Coalesce, Substr
from django.urls import reverse
from django.utils import timezone

from apps.corpora.described import Described
from apps.corpora.duplicates.models import DuplicateGroup, Signature, SignatureKey
from apps.corpora.stored_files import StoredFile, stored_path
from apps.retrievers.words import BETWEEN

if TYPE_CHECKING:
    from apps.accounts.models import User

# All models of this application are found here; `stored_path` is where migrations look for it.
__all__ = [
    "WORDS", "Corpus", "Correction", "Document", "DocumentQuerySet", "DocumentText", "DuplicateGroup", "Kind", "Passage",
    "PassageQuerySet", "Signature", "SignatureKey", "StoredFile", "stored_path",
]  # fmt: skip

#: The text search configuration of passages and queries (migration 0007), and the same without stop words (0010).
WORDS = "dmsearch"
TELLING_WORDS = "dmsearch_telling"


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


class DocumentQuerySet(models.QuerySet["Document"]):
    def readable_by(self, user: User) -> Self:
        return self.filter(corpus__in=Corpus.objects.readable_by(user))


class Document(Described):
    corpus = models.ForeignKey(Corpus, on_delete=models.CASCADE, related_name="documents")
    # What makes it the same document: the file's hash, or a record's own id or text.
    fingerprint = models.CharField(max_length=64)
    external_id = models.CharField(max_length=200, blank=True)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    title = models.CharField(max_length=500)
    author = models.CharField(max_length=200, blank=True)
    published_at = models.DateTimeField(null=True, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    # Where each described field came from: {"hazards": {"how": "text"}, "event": {"how": "person", "by": "anna"}}.
    origins = models.JSONField(default=dict, db_default={}, blank=True)
    # Which finders looked at it (`metadata.finding.VERSION`).
    finder_version = models.PositiveSmallIntegerField(default=0, db_default=0)
    # Empty where nothing says the same.
    duplicates = models.ForeignKey(
        DuplicateGroup, null=True, blank=True, on_delete=models.SET_NULL, related_name="documents"
    )
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

    def text_of_page(self, number: int) -> str:
        """Fetch the text of page `number`, from 1, and not the rest, which may be megabytes."""
        start, *later = self.page_starts[number - 1 :]
        # SQL counts from 1; without an end it is the last page.
        length = (later[0] - start,) if later else ()
        part = Substr("text", start + 1, *length)
        text: str = DocumentText.objects.filter(pk=self.pk).values_list(part, flat=True).get()
        return text


class Correction(models.Model):
    """What a person set right about a document. It outlives the document, for the day its file comes again."""

    class Field(models.TextChoices):
        HAZARDS = "hazards", "Hazard"
        PLACES = "places", "Place"
        EVENT = "event", "Event"
        PUBLISHED_AT = "published_at", "Date"
        LANGUAGE = "language", "Language"
        PUBLISHER = "publisher", "Source"

    corpus = models.ForeignKey(Corpus, on_delete=models.CASCADE, related_name="corrections")
    # As the document's: the same content, or the record of the same id in the same file, is corrected when it comes again.
    fingerprint = models.CharField(max_length=64)
    external_id = models.CharField(max_length=200, blank=True)
    file = models.CharField(max_length=64, blank=True, help_text="SHA-256.")
    field = models.CharField(max_length=12, choices=Field.choices)
    value = models.JSONField(help_text="By column.")
    before = models.JSONField(help_text="What it was, by column, and its origin.")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    at = models.DateTimeField(default=timezone.now)
    act = models.UUIDField(db_index=True, help_text="What was done in one go is undone in one go.")

    class Meta:
        indexes = [
            models.Index(fields=["corpus", "fingerprint"]),
            models.Index(fields=["corpus", "external_id"], condition=~Q(external_id=""), name="correction_external_id"),
        ]

    def __str__(self) -> str:
        return f"{self.field} of {self.fingerprint[:12]}"


def _words_of_passage(*, config: str) -> CombinedExpression:
    return _words_of("heading", weight="B", config=config) + _words_of("text", weight="A", config=config)


def _words_of(field: str, *, weight: str, config: str) -> SearchVector:
    """Return the stems of `field`; what stands between words is no part of them ("M6.1", "e-mail", "U.S.")."""
    spaced = Func(
        F(field), Value(BETWEEN), Value(" "), Value("g"), function="regexp_replace", output_field=models.TextField()
    )
    return SearchVector(spaced, weight=weight, config=config)


class PassageQuerySet(models.QuerySet["Passage"]):
    def readable_by(self, user: User) -> Self:
        return self.filter(corpus__in=Corpus.objects.readable_by(user))

    def copy_from_documents(self, document_ids: Collection[int]) -> None:
        """Bring the passages' copies of their documents' facts up to date."""
        copies = ", ".join(f"{name} = d.{name}" for name in Passage.COPIES)
        with connection.cursor() as cursor:
            cursor.execute(
                f"UPDATE corpora_passage p SET {copies} FROM corpora_document d "
                "WHERE p.document_id = d.id AND d.id = ANY(%s)",
                [list(document_ids)],
            )


class Passage(Described):
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
    DESCRIBED = ("hazards", "places", "latitude", "longitude", "event", "language", "publisher")
    COPIES = ("kind", "published_at", *DESCRIBED)
    corpus = models.ForeignKey(Corpus, on_delete=models.CASCADE, related_name="passages")
    kind = models.CharField(max_length=10, choices=Kind.choices)
    published_at = models.DateTimeField(null=True, blank=True)
    words = models.GeneratedField(
        expression=_words_of_passage(config=WORDS), output_field=SearchVectorField(), db_persist=True
    )
    # Of heading and text, without stop words: what BM25 divides by. `tokens` is the model's measure.
    word_count = models.GeneratedField(
        expression=Func(_words_of_passage(config=TELLING_WORDS), function="dmsearch_occurrences"),
        output_field=models.PositiveIntegerField(),
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
            GinIndex(fields=["hazards"], name="passage_hazards"),
            GinIndex(fields=["places"], name="passage_places"),
            models.Index(fields=["event"], condition=~Q(event=""), name="passage_event"),
            models.Index(fields=["language"], condition=~Q(language=""), name="passage_language"),
            models.Index(fields=["publisher"], condition=~Q(publisher=""), name="passage_publisher"),
        ]

    def __str__(self) -> str:
        return f"passage {self.position} of document {self.document_id}"

    def get_absolute_url(self) -> str:
        return f"{reverse('document', args=[self.document_id])}?passage={self.pk}#passage-{self.pk}"
