"""Dates in records: the anchor a retention period starts at, and when it ends. No clock."""

from __future__ import annotations

import calendar
import datetime as dt
import math
import re
from typing import Any, Final

from connectors import dating

_MONTHS: Final = {name.lower(): number for number, name in enumerate(calendar.month_abbr) if name}
_IN_LINE: Final = re.compile(
    rb"(?<!\d)(?:(\d{4})-(\d{2})-(\d{2})(?!\d)|(\d{2})/([A-Za-z]{3})/(\d{4}):\d{2}:\d{2}:\d{2})",
)


def in_line(line: bytes) -> str | None:
    """Give the ISO date of the first Apache (``17/May/2015:10:05:03``) or ISO 8601 time in a line."""
    for found in _IN_LINE.finditer(line):
        year, month, day, apache_day, name, apache_year = found.groups()
        if year:
            date = _date(int(year), int(month), int(day))
        else:
            date = _date(int(apache_year), _MONTHS.get(name.decode("ascii").lower(), 0), int(apache_day))
        if date:
            return date
    return None


def of_value(value: Any) -> str | None:
    """Give the ISO date of a field: text (ISO or Apache), a date or time, or an epoch in seconds or milliseconds."""
    if isinstance(value, dt.datetime | dt.date):
        return value.isoformat()[:10]
    if isinstance(value, str):
        return in_line(value.strip()[:64].encode("utf-8", "replace"))
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        day = dating.of_number(int(value))
        return day.isoformat() if day else None
    return None


def add_months(date: str, months: int) -> str:
    """Give the date so many months later; a day the month does not have becomes its last day.

    Beyond year 9999 it stays 9999-12-31: the record is kept, never lost to an overflow.
    """
    return dating.add_months(dt.date.fromisoformat(date), months).isoformat()


def _date(year: int, month: int, day: int) -> str | None:
    try:
        return dt.date(year, month, day).isoformat()
    except ValueError:
        return None
