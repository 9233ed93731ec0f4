"""The Celery application as the web knows it: it sends tasks by name and imports none of them."""

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dmsearch.settings")

app = Celery("dmsearch")
app.config_from_object("django.conf:settings", namespace="CELERY")
