"""The period of a report: two days, both included, in UTC."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

import msgspec

from orchestrator.errors import UsageError


class Period(msgspec.Struct, frozen=True):
    """From the beginning of ``first`` to the end of ``last`` (UTC). ``made_at``: when it was made (RFC 3339)."""

    first: dt.date
    last: dt.date
    made_at: str

    @property
    def begins(self) -> str:
        """The first instant; as text it is not after any time of the period."""
        return self.first.isoformat()

    @property
    def ends(self) -> str:
        """The first day after it; as text it is after every time of the period."""
        return (self.last + dt.timedelta(days=1)).isoformat()

    @property
    def over(self) -> bool:
        """Tell whether nothing can be added any more."""
        return self.made_at >= self.ends

    def holds(self, moment: str) -> bool:
        """Tell whether a time (RFC 3339 in UTC) is in the period."""
        return self.begins <= moment < self.ends

    def months(self) -> Iterator[str]:
        """Give its months as YYYY-MM."""
        day = self.first.replace(day=1)
        while day <= self.last:
            yield day.isoformat()[:7]
            day = (day + dt.timedelta(days=32)).replace(day=1)


def read(first: str, last: str, made_at: str) -> Period:
    """Read the two days of a period.

    Raises:
        UsageError: one is no date, they are in the wrong order, or one is still to come.
    """
    begin, end = _day(first, "--from"), _day(last, "--to")
    today = dt.date.fromisoformat(made_at[:10])
    if begin > end:
        raise UsageError("the period ends before it begins", where=f"--from {begin} --to {end}", fix="swap the two")
    if end > today:
        what = "the period begins in the future" if begin > today else "the period ends in the future"
        raise UsageError(what, where=f"--to {end}", fix=f"today is {today} (UTC): a report is of what has happened")
    return Period(begin, end, made_at)


def _day(text: str, option: str) -> dt.date:
    try:
        day = dt.date.fromisoformat(text)
    except ValueError:
        day = None
    if day is None or day.isoformat() != text:
        raise UsageError(f"{text!r} is no date", where=option, fix="write it as 2026-01-31")
    return day
