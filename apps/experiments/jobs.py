"""What the web asks of the workers, by name."""

import logging

from celery import current_app
from kombu.exceptions import OperationalError

log = logging.getLogger(__name__)

MEASURE_OWN = "experiments.measure_own"
QUEUE = "lists"  # where lists of queries are answered: minutes of searches that hold nobody up


def request_measurements() -> None:
    """Ask for waiting measurements to be carried out; they wait safely in the database, and `beat` asks again."""
    try:
        current_app.send_task(MEASURE_OWN, queue=QUEUE)
    except OperationalError as away:
        log.warning("The message broker is away; measurements wait: %s", away)
