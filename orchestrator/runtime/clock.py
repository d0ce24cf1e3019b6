"""The one place that asks the machine for time and chance; everything else takes them as parameters."""

from __future__ import annotations

import datetime as dt
import secrets


class SystemClock:
    """The machine's clock, in UTC."""

    def now(self) -> dt.datetime:
        """Give the current time."""
        return dt.datetime.now(dt.UTC)


class ShiftedClock:
    """A clock moved by a fixed span, for the demo and for tests of what lies years ahead."""

    def __init__(self, base: SystemClock | None = None) -> None:
        self._base = base or SystemClock()
        self.shift = dt.timedelta(0)

    def now(self) -> dt.datetime:
        """Give the moved time."""
        return self._base.now() + self.shift


def chance(count: int) -> bytes:
    """Give random bytes from the operating system."""
    return secrets.token_bytes(count)
