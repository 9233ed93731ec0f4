"""Slows down guessing of passwords: after five wrong tries, one try a wait, and the waits grow.

Counted in the cache by user name and address together, so that nobody can lock a colleague out
from another machine. While the cache is away nobody can log in (503); who is in stays in.
"""

from __future__ import annotations

import hashlib
import math
import time
from dataclasses import dataclass

from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest

FREE_TRIES = 5
FIRST_WAIT_S = 15
LONGEST_WAIT_S = 15 * 60
FORGET_S = 60 * 60


@dataclass(frozen=True, slots=True)
class Throttle:
    """The tries to log in as `username` from `address`."""

    username: str
    address: str

    def take_try(self) -> int:
        """Count a try; return 0 if the password may be checked, else the seconds to wait.

        The count goes up before the check and the gate is added atomically: a hundred tries
        sent at once get no further than a hundred sent one by one.
        """
        if left := self.seconds_left():
            return left
        cache.add(self._tries, 0, timeout=FORGET_S)
        wait = wait_after(cache.incr(self._tries))
        if not wait or cache.add(self._gate, time.time() + wait, timeout=wait):
            return 0
        return self.seconds_left()

    def seconds_left(self) -> int:
        """Return how long no further try is taken."""
        return max(0, math.ceil(cache.get(self._gate, 0) - time.time()))

    def forget(self) -> None:
        """Start anew, after the right password."""
        cache.delete_many([self._tries, self._gate])

    @property
    def _tries(self) -> str:
        return f"login-tries:{self._digest}"

    @property
    def _gate(self) -> str:
        return f"login-gate:{self._digest}"

    @property
    def _digest(self) -> str:
        return hashlib.sha256(f"{self.username.casefold()}\0{self.address}".encode()).hexdigest()


def address_of(request: HttpRequest) -> str:
    """Return where a request comes from: behind the TLS proxy, what the proxy saw, not what it was told."""
    if settings.HTTPS and (forwarded := request.headers.get("X-Forwarded-For")):
        return forwarded.rsplit(",", 1)[-1].strip()
    return str(request.META.get("REMOTE_ADDR", ""))


def wait_after(tries: int) -> int:
    """Return the seconds to wait after so many wrong tries: 0 for the first four, then 15, 30, 60 … 900."""
    if tries < FREE_TRIES:
        return 0
    return min(LONGEST_WAIT_S, FIRST_WAIT_S * 2 ** min(tries - FREE_TRIES, 16))
