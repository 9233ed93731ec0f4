"""What is said of a document and, copied for speed, of each of its passages."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models

from apps.corpora.metadata.subject import LONGEST_EVENT, LONGEST_PLACE


class Described(models.Model):
    """What a document is about, for filters, facets and the map; each passage carries a copy."""

    # Types of `metadata.hazards`, the main one first: ["earthquake", "landslide"].
    hazards = ArrayField(models.CharField(max_length=40), default=list, db_default=[], blank=True)
    # Each with the country it lies in, the main one first: ["Kathmandu, Nepal", "Nepal"].
    places = ArrayField(models.CharField(max_length=LONGEST_PLACE), default=list, db_default=[], blank=True)
    # Where the main place is.
    latitude = models.FloatField(null=True, blank=True)
    longitude = models.FloatField(null=True, blank=True)
    event = models.CharField(max_length=LONGEST_EVENT, db_default="", blank=True)
    language = models.CharField(max_length=10, db_default="", blank=True, help_text="ISO 639-1, in small letters.")
    publisher = models.CharField(
        max_length=200, db_default="", blank=True, help_text="Who it comes from: an organisation, a site, an account."
    )

    class Meta:
        abstract = True
