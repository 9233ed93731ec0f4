"""What is counted as requests go by. Each process counts for itself; `metrics` adds them up.

The metrics of several web processes meet in the folder `PROMETHEUS_MULTIPROC_DIR`, which must be set before this
is imported (`manage.py run` and the container do).
"""

from __future__ import annotations

from prometheus_client import Counter, Histogram

# Seconds. A search should take under 0.15; the last ones tell a slow disk from a dead worker.
_SECONDS = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)

REQUESTS = Counter("dmsearch_requests_total", "Requests answered.", ["view", "status"])
REQUEST_SECONDS = Histogram("dmsearch_request_seconds", "Whole requests.", ["view"], buckets=_SECONDS)
STAGE_SECONDS = Histogram(
    "dmsearch_stage_seconds", "Parts of a request, as its Server-Timing header tells them.", ["stage"], buckets=_SECONDS
)
SEARCHES = Counter("dmsearch_searches_total", "Searches answered: by both arms, one of them, or words alone.", ["mode"])
