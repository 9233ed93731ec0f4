"""How far the embedding is, told on standard error now and then."""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

_EVERY_S = 5.0


def log_progress(total: int) -> Callable[[int], None]:
    """Return what is told of each batch of texts done; texts that have their vectors pass in silence."""
    started = told = time.monotonic()
    done = 0

    def advance(count: int) -> None:
        nonlocal done, told
        done += count
        now = time.monotonic()
        if now - told < _EVERY_S:
            return
        told = now
        rate = done / (now - started)
        logger.info("embedded %d of %d texts, %.0f a second, %.0f s left", done, total, rate, (total - done) / rate)

    return advance
