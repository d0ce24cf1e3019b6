"""A rate, and one process's own count of it. No library, no network; see ``limits`` for what workers share."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Final, Self

import msgspec

from connectors.errors import MisconfiguredError

_RATE: Final = re.compile(r"([1-9][0-9]{0,6})/(second|minute|hour)\Z")
_SECONDS: Final = {"second": 1, "minute": 60, "hour": 3600}


class Rate(msgspec.Struct, frozen=True):
    """So many tasks in so many seconds."""

    amount: int
    seconds: int

    @classmethod
    def read(cls, text: str) -> Self:
        """Read ``50/second``, ``600/minute``, ``1000/hour``.

        Raises:
            MisconfiguredError: it is none of these.
        """
        found = _RATE.match(text)
        if found is None:
            raise MisconfiguredError("rate", "rate is no number of tasks in a time", fix='e.g. rate = "50/second"')
        return cls(int(found[1]), _SECONDS[found[2]])


class Bucket:
    """One process's own count, on a clock that nobody sets: full at the start, filled evenly."""

    def __init__(self, rate: Rate, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._rate = rate
        self._monotonic = monotonic
        self._left: float | None = None
        self._at = monotonic()

    def grant(self, most: int, share: float = 1.0) -> int:
        """Give how many tasks may be carried out now, up to ``most``; they count as carried out."""
        now = self._monotonic()
        full = max(1.0, self._rate.amount * share)
        # The first time it holds one task only: who falls back has used his part of the shared count already.
        before = self._left if self._left is not None else (full if share >= 1.0 else 1.0)
        self._left = min(full, before + (now - self._at) * self._rate.amount * share / self._rate.seconds)
        self._at = now
        granted = min(most, int(self._left))
        self._left -= granted
        return granted

    def give_back(self, count: int) -> None:
        """Give back what was granted and not used."""
        if self._left is not None:
            self._left += count
