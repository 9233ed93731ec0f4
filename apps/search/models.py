"""What people keep of their searches, searches under a name and lists of queries; and the words there are to search by."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Self

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models import F, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone

from apps.corpora.models import Corpus, Passage
from apps.search.intent import LABELS

if TYPE_CHECKING:
    from apps.accounts.models import User

# A deleted search can be brought back for so long.
KEPT_DELETED = timedelta(days=7)
_INTENTS = [(str(intent), label) for intent, label in LABELS.items()]


class SavedSearchQuerySet(models.QuerySet["SavedSearch"]):
    def owned_by(self, user: User) -> Self:
        return self.filter(owner=user)

    def kept(self) -> Self:
        return self.filter(deleted_at__isnull=True)

    def visible_to(self, user: User) -> Self:
        """Keep the person's own, and those shared with the members of a corpus they belong to."""
        shared = Corpus.objects.filter(members=user)
        return self.kept().filter(Q(owner=user) | Q(shared_with__in=shared))

    def with_last_look(self, user: User) -> Self:
        """Add when `user` last ran it: never is when it was saved."""
        looks = Look.objects.filter(search=OuterRef("pk"), user=user).values("looked_at")
        return self.annotate(looked_at=models.functions.Coalesce(Subquery(looks), F("created_at")))

    def forget_deleted(self) -> None:
        """Delete for good what nobody brought back in time."""
        self.filter(deleted_at__lt=timezone.now() - KEPT_DELETED).delete()


class SavedSearch(models.Model):
    """A search under a name: its state is the query string of the search page."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_searches")
    name = models.CharField(max_length=120)
    query_string = models.TextField()
    shared_with = models.ForeignKey(
        Corpus,
        null=True,
        blank=True,
        on_delete=models.SET_NULL,
        related_name="+",
        help_text="Its members see this search too.",
    )
    created_at = models.DateTimeField(auto_now_add=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    objects = SavedSearchQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        verbose_name_plural = "saved searches"

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("saved-search", args=[self.pk])

    def mark_deleted(self) -> None:
        self.deleted_at = timezone.now()
        self.save(update_fields=["deleted_at"])

    def bring_back(self) -> None:
        self.deleted_at = None
        self.save(update_fields=["deleted_at"])

    def look(self, user: User) -> datetime:
        """Note that `user` looks now; return when they looked before: never is when it was saved."""
        before = Look.objects.filter(search=self, user=user).values_list("looked_at", flat=True).first()
        Look.objects.update_or_create(search=self, user=user, defaults={"looked_at": timezone.now()})
        return before or self.created_at


class Look(models.Model):
    """When somebody last looked at what a saved search finds."""

    search = models.ForeignKey(SavedSearch, on_delete=models.CASCADE, related_name="looks")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    looked_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["search", "user"], name="one_look_a_person")]

    def __str__(self) -> str:
        return f"look of user {self.user_id} at search {self.search_id}"


class QueryListQuerySet(models.QuerySet["QueryList"]):
    def owned_by(self, user: User) -> Self:
        return self.filter(owner=user)

    def with_progress(self) -> Self:
        """Add how many queries there are and how many are answered."""
        items = QueryItem.objects.filter(query_list=OuterRef("pk")).order_by().values("query_list")
        count = models.Count("pk")
        answered = items.filter(answered_at__isnull=False)
        return self.annotate(
            total=models.functions.Coalesce(Subquery(items.annotate(n=count).values("n")), 0),
            answered=models.functions.Coalesce(Subquery(answered.annotate(n=count).values("n")), 0),
        )


class QueryList(models.Model):
    """Queries to be answered one after the other into one table; its state is that of its queries."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="query_lists")
    name = models.CharField(max_length=120)
    query_string = models.TextField(blank=True, help_text="The filters that hold for all of its queries.")
    hits_each = models.PositiveSmallIntegerField(default=5)
    created_at = models.DateTimeField(auto_now_add=True)

    objects = QueryListQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("query-list", args=[self.pk])


class QueryItemQuerySet(models.QuerySet["QueryItem"]):
    def waiting(self) -> Self:
        """Keep what nobody has answered, of people who may still search."""
        return self.filter(answered_at__isnull=True, query_list__owner__is_active=True)


class QueryItem(models.Model):
    """One query of a list."""

    query_list = models.ForeignKey(QueryList, on_delete=models.CASCADE, related_name="items")
    position = models.PositiveIntegerField(help_text="In the list, from 0.")
    text = models.TextField()
    chosen = models.CharField(max_length=10, choices=_INTENTS, blank=True, help_text="The intent the list set.")
    intent = models.CharField(max_length=10, choices=_INTENTS, blank=True, help_text="As it was read.")
    mode = models.CharField(max_length=10, blank=True)
    attempts = models.PositiveSmallIntegerField(default=0)
    why = models.CharField(max_length=300, blank=True, help_text="Why it was not answered, or by words alone.")
    answered_at = models.DateTimeField(null=True, blank=True)

    objects = QueryItemQuerySet.as_manager()

    class Meta:
        ordering = ["position"]
        indexes = [
            models.Index(fields=["position", "id"], condition=Q(answered_at__isnull=True), name="queries_waiting"),
        ]
        constraints = [models.UniqueConstraint(fields=["query_list", "position"], name="one_query_a_line")]

    def __str__(self) -> str:
        return self.text


class QueryHit(models.Model):
    """A passage found for a query of a list; it is shown to whoever may read it at that time."""

    item = models.ForeignKey(QueryItem, on_delete=models.CASCADE, related_name="hits")
    passage = models.ForeignKey(Passage, on_delete=models.CASCADE, related_name="+")
    rank = models.PositiveIntegerField()
    score = models.FloatField()

    class Meta:
        ordering = ["rank"]
        constraints = [models.UniqueConstraint(fields=["item", "rank"], name="one_hit_a_rank")]

    def __str__(self) -> str:
        return f"no. {self.rank} of query {self.item_id}"


class Word(models.Model):
    """A word of a corpus, for those who may read it: what a misspelt one may have been meant to be."""

    corpus = models.ForeignKey(Corpus, on_delete=models.CASCADE, related_name="+")
    word = models.CharField(max_length=30)
    passages = models.PositiveIntegerField(help_text="In how many it occurs.")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["corpus", "word"], name="one_row_a_word")]
        indexes = [GinIndex(fields=["word"], opclasses=["gin_trgm_ops"], name="search_word_trigrams")]

    def __str__(self) -> str:
        return self.word


class WordsRead(models.Model):
    """How far the words of a corpus have been counted."""

    corpus = models.OneToOneField(Corpus, on_delete=models.CASCADE, primary_key=True, related_name="+")
    up_to = models.BigIntegerField(default=0, help_text="The last passage.")

    class Meta:
        verbose_name_plural = "words read"

    def __str__(self) -> str:
        return f"words of {self.corpus_id} up to passage {self.up_to}"


class WordsGone(models.Model):
    """The words of a passage that was deleted, until they are counted off; a trigger writes it (see 0004).

    It refers to nothing: its corpus may go next.
    """

    corpus = models.BigIntegerField()
    passage = models.BigIntegerField()
    words = ArrayField(models.TextField())

    class Meta:
        verbose_name_plural = "words gone"

    def __str__(self) -> str:
        return f"words of passage {self.passage}"
