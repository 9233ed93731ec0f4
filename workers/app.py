"""`celery -A workers.app worker -Q embed --pool=solo`: the application with all its tasks.

The web knows `dmsearch.celery` only; what is listed here runs where the models are.
"""

from dmsearch.celery import app

app.conf.include = [
    "apps.ingestion.tasks",
    "apps.indexing.tasks",
    "workers.tasks.embed",
    "workers.tasks.query",
    "workers.heartbeat",
]
app.conf.beat_schedule = {
    "tend-indexes": {
        "task": "indexing.tend_all",
        "schedule": 30.0,
        "options": {"queue": "maintenance", "expires": 25},
    },
    "reap-items": {
        "task": "ingestion.reap",
        "schedule": 30.0,
        "options": {"queue": "maintenance", "expires": 25},
    },
}
