"""dmsearch: intent-aware semantic search for disaster response."""

from dmsearch.celery import app as celery_app

__all__ = ["celery_app"]
