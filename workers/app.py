"""`celery -A workers.app worker -Q embed --pool=solo`: the application with all its tasks.

The web knows `dmsearch.celery` only; what is listed here runs where the models are.
"""

from django.conf import settings

from dmsearch.celery import app

# What is left over is asked for by the next look, not by two at once.
_EACH_LOOK = {"expires": 0.8 * settings.TEND_EVERY_S}

app.conf.include = [
    "apps.pages.tasks",
    "apps.experiments.tasks",
    "apps.ingestion.tasks",
    "apps.indexing.tasks",
    "apps.search.tasks",
    "workers.tasks.certify",
    "workers.tasks.embed",
    "workers.tasks.rate",
    "workers.tasks.query",
    "workers.tasks.warming",
    "workers.heartbeat",
]
app.conf.beat_schedule = {
    "tend-indexes": {
        "task": "indexing.tend_all",
        "schedule": settings.TEND_EVERY_S,
        "options": {"queue": "maintenance", **_EACH_LOOK},
    },
    "answer-lists": {  # what was asked for and lost
        "task": "search.answer_lists",
        "schedule": settings.TEND_EVERY_S,
        "options": {"queue": "lists", **_EACH_LOOK},
    },
    "correct-many": {  # the same
        "task": "ingestion.correct",
        "schedule": settings.TEND_EVERY_S,
        "options": {"queue": "maintenance", **_EACH_LOOK},
    },
    "measure-own": {  # the same
        "task": "experiments.measure_own",
        "schedule": settings.TEND_EVERY_S,
        "options": {"queue": "lists", **_EACH_LOOK},
    },
    "call-queues": {
        "task": "pages.call",
        "schedule": 30.0,
        "options": {"queue": "maintenance", "expires": 25},
    },
    "certify-indexes": {
        "task": "indexing.certify_due",
        "schedule": 3600.0,
        "options": {"queue": "maintenance", "expires": 3000},
    },
    "learn-words": {
        "task": "search.learn_words",
        "schedule": 60.0,
        "options": {"queue": "maintenance", "expires": 55},
    },
    "reap-items": {
        "task": "ingestion.reap",
        "schedule": settings.TEND_EVERY_S,
        "options": {"queue": "maintenance", **_EACH_LOOK},
    },
}
