"""Which documents say the same, and the marks by which that is found."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q


class DuplicateGroup(models.Model):
    """Documents that say the same: copies, retweets, re-issued reports. It may span corpora."""

    #: A member went: whether the others still hang together is to be looked at.
    is_stale = models.BooleanField(default=False, db_default=False)

    class Meta:
        indexes = [
            models.Index(fields=["id"], condition=Q(is_stale=True), name="stale_duplicate_groups"),
        ]

    def __str__(self) -> str:
        return f"duplicate group {self.pk}"


class Signature(models.Model):
    """The marks by which a document's near-copies are found (`duplicates.signatures`)."""

    document = models.OneToOneField(
        "corpora.Document", primary_key=True, on_delete=models.CASCADE, related_name="signature"
    )
    text_key = models.BigIntegerField(db_index=True, help_text="The same where the words are the same.")
    keys = ArrayField(models.BigIntegerField())
    # Of documents with the same words one stands in `SignatureKey`: a thousand retweets cost what one does.
    leads = models.BooleanField(default=False)

    def __str__(self) -> str:
        return f"signature of document {self.document_id}"


class SignatureKey(models.Model):
    """Which leading documents have a key; the database takes them out when their signature goes."""

    pk = models.CompositePrimaryKey("key", "document_id")
    key = models.BigIntegerField()
    document_id = models.BigIntegerField()

    def __str__(self) -> str:
        return f"key {self.key} of document {self.document_id}"
