"""What people judged: how well a passage answers a query, and the pools that gather passages to be judged."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from django.conf import settings
from django.db import models
from django.db.models import Exists, F, OuterRef, Q, Subquery
from django.db.models.functions import MD5
from django.urls import reverse

from apps.corpora.models import Corpus, Passage
from apps.retrievers.intents import Intent
from apps.search.intent import LABELS

if TYPE_CHECKING:
    from apps.accounts.models import User


class Grade(models.IntegerChoices):
    """How relevant a passage is to a query, on DisastIR's scale."""

    IRRELEVANT = 0, "Irrelevant"
    RELATED = 1, "Related"
    HIGHLY_RELEVANT = 2, "Highly relevant"
    PERFECTLY_RELEVANT = 3, "Perfectly relevant"


class QueryManager(models.Manager["Query"]):
    def of(self, text: str, intent: Intent) -> Query:
        """Return the one query of this text and intent, made where it is new."""
        return self.get_or_create(text=text, intent=str(intent))[0]


class Query(models.Model):
    """What somebody searched for, as it was read: the same words read otherwise are another query."""

    text = models.TextField()
    intent = models.CharField(max_length=10, choices=[(str(intent), label) for intent, label in LABELS.items()])

    objects = QueryManager()

    class Meta:
        verbose_name_plural = "queries"
        constraints = [
            # Of the hash: a long premise does not fit an index.
            models.UniqueConstraint(MD5("text"), F("intent"), name="one_query_an_intent"),
        ]

    def __str__(self) -> str:
        return self.text


class JudgmentQuerySet(models.QuerySet["Judgment"]):
    def readable_by(self, user: User) -> Self:
        """Keep those of passages that `user` may read: nobody learns of others, not even by a count."""
        return self.filter(passage__corpus__in=Corpus.objects.readable_by(user))


class JudgmentManager(models.Manager["Judgment"].from_queryset(JudgmentQuerySet)):  # type: ignore[misc]
    def record(self, judge: User, query: Query, *, passage: Passage, grade: int | None, note: str = "") -> int | None:
        """Store `grade` as the judge's only one, or withdraw it with None; return the grade before."""
        own = self.filter(judge=judge, query=query, passage=passage)
        before: int | None = own.values_list("grade", flat=True).first()
        if grade is None:
            own.delete()
        else:
            kept = {"grade": grade, "note": note} if note else {"grade": grade}
            self.update_or_create(judge=judge, query=query, passage=passage, defaults=kept)
        return before


class Judgment(models.Model):
    """One person's grade of one passage for one query. It goes with its passage."""

    query = models.ForeignKey(Query, on_delete=models.PROTECT, related_name="judgments")
    passage = models.ForeignKey(Passage, on_delete=models.CASCADE, related_name="judgments")
    judge = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="judgments")
    grade = models.PositiveSmallIntegerField(choices=Grade.choices)
    note = models.CharField(max_length=500, blank=True)
    judged_at = models.DateTimeField(auto_now=True)

    objects = JudgmentManager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["query", "passage", "judge"], name="one_judgment_a_judge"),
            models.CheckConstraint(condition=Q(grade__lte=3), name="grade_is_0_to_3"),
        ]

    def __str__(self) -> str:
        return f"{self.grade} for passage {self.passage_id} on query {self.query_id} by judge {self.judge_id}"


class PoolQuerySet(models.QuerySet["Pool"]):
    def visible_to(self, user: User) -> Self:
        """Keep pools that `user` made or can judge a passage of."""
        readable = PoolItem.objects.readable_by(user).filter(pool=OuterRef("pk"))
        return self.filter(Exists(readable) | Q(created_by=user))


@dataclass(frozen=True, slots=True)
class Progress:
    judged: int
    total: int


class Pool(models.Model):
    """The best passages of several systems for some queries, to be judged without knowing whose they are."""

    name = models.CharField(max_length=120)
    depth = models.PositiveSmallIntegerField(help_text="How many of each system's best passages were taken.")
    seed = models.PositiveIntegerField(help_text="Shuffles the order, the same way again.")
    created_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = PoolQuerySet.as_manager()

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    def get_absolute_url(self) -> str:
        return reverse("pool", args=[self.pk])

    def items_for(self, judge: User) -> PoolItemQuerySet:
        """Return the items that `judge` may read, in the order of judging, with the judge's own grades."""
        return self.items.readable_by(judge).with_grade_of(judge).order_by("position")

    def next_for(self, judge: User, *, after: int = -1) -> PoolItem | None:
        """Return the judge's next item without a grade behind position `after`; at the end, the first skipped one."""
        # The stubs lose annotations on the way through our own QuerySet methods.
        left = self.items_for(judge).filter(grade__isnull=True).with_texts()  # type: ignore[misc]
        return left.filter(position__gt=after).first() or left.first()


class PoolItemQuerySet(models.QuerySet["PoolItem"]):
    def readable_by(self, user: User) -> Self:
        return self.filter(passage__corpus__in=Corpus.objects.readable_by(user))

    def with_grade_of(self, judge: User) -> Self:
        own = Judgment.objects.filter(judge=judge, query=OuterRef("query"), passage=OuterRef("passage"))
        return self.annotate(grade=Subquery(own.values("grade")), note=Subquery(own.values("note")))

    def with_texts(self) -> Self:
        return self.select_related("query", "passage__document", "passage__corpus").defer("passage__words")

    def progress(self) -> Progress:
        """Count items and those with a grade; needs `with_grade_of`."""
        counts: dict[str, Any] = self.aggregate(total=models.Count("pk"), judged=models.Count("grade"))
        return Progress(counts["judged"], counts["total"])


class PoolItem(models.Model):
    pool = models.ForeignKey(Pool, on_delete=models.CASCADE, related_name="items")
    query = models.ForeignKey(Query, on_delete=models.PROTECT, related_name="+")
    passage = models.ForeignKey(Passage, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveIntegerField(help_text="Order of judging, from 0; tells nothing of ranks.")
    ranks = models.JSONField(help_text="Rank, from 1, in each system that found it. Never shown to a judge.")

    objects = PoolItemQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["pool", "query", "passage"], name="pooled_once"),
            models.UniqueConstraint(fields=["pool", "position"], name="one_item_a_position"),
        ]

    def __str__(self) -> str:
        return f"item {self.position} of pool {self.pool_id}"

    @property
    def grade_label(self) -> str:
        """Name the grade that `with_grade_of` found; "" where there is none."""
        grade: int | None = getattr(self, "grade", None)
        return "" if grade is None else str(Grade(grade).label)
