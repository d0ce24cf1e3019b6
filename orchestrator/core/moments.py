"""Arithmetic on the times of the messages: RFC 3339 text in UTC with milliseconds, ISO dates. Pure."""

from __future__ import annotations

import datetime as dt

from schemas.requests import utc


def later(moment: str, *, seconds: int = 0, minutes: int = 0) -> str:
    """Move a time forward."""
    return utc(dt.datetime.fromisoformat(moment) + dt.timedelta(seconds=seconds, minutes=minutes))


def date_of(moment: str) -> dt.date:
    """Give the UTC date of a time."""
    return dt.date.fromisoformat(moment[:10])


def to_date(day: str) -> dt.date:
    """Give an ISO date."""
    return dt.date.fromisoformat(day)


def start_of(day: str) -> str:
    """Give the first instant of an ISO date."""
    return f"{day}T00:00:00.000Z"


def is_date(day: str | None) -> bool:
    """Tell whether a date exists in the calendar; none at all is fine. The schema lets 30 February through."""
    if day is None:
        return True
    try:
        dt.date.fromisoformat(day)
    except ValueError:
        return False
    return True


def is_moment(moment: str) -> bool:
    """Tell whether a time exists in the calendar."""
    try:
        dt.datetime.fromisoformat(moment)
    except ValueError:
        return False
    return True


def days_from(day: str, days: int) -> str:
    """Move an ISO date by days."""
    return (dt.date.fromisoformat(day) + dt.timedelta(days=days)).isoformat()
