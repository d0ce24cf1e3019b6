"""When kept records are due, computed here once more: the suite does not take the connector's word for it."""

from __future__ import annotations

import calendar
import datetime as dt


def due(anchor: str, months: int) -> str:
    """Give the ISO date so many months after the anchor date; a day the month does not have becomes its last."""
    date = dt.date.fromisoformat(anchor[:10])
    year, month = divmod(date.year * 12 + date.month - 1 + months, 12)
    day = min(date.day, calendar.monthrange(year, month + 1)[1])
    return date.replace(year=year, month=month + 1, day=day).isoformat()
