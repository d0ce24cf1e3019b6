"""Dates of anchors, for every kind of store: what a number stands for, and when a period in months ends. No clock."""

from __future__ import annotations

import calendar
import datetime as dt
from typing import Final

# An epoch outside these is more likely a year, a YYYYMMDD number or a Julian day; reading one of those as 1970
# would end a retention period decades early.
_EPOCH_SECONDS: Final = range(10**8, 10**11)
_EPOCH_MILLISECONDS: Final = range(10**11, 10**14)


def of_number(number: int) -> dt.date | None:
    """Read seconds or milliseconds since 1970 (UTC); None for a number that is neither.

    20150517 is such a number: whoever means a day by it has to store it as text or as a date.
    """
    if number in _EPOCH_SECONDS:
        return dt.datetime.fromtimestamp(number, dt.UTC).date()
    if number in _EPOCH_MILLISECONDS:
        return dt.datetime.fromtimestamp(number // 1000, dt.UTC).date()
    return None


def add_months(start: dt.date, months: int) -> dt.date:
    """Give the same day that many months later, or the last day of that month if it has no such day.

    Beyond year 9999 it stays 9999-12-31: the record is kept, never lost to an overflow.
    """
    years, month = divmod(start.month - 1 + months, 12)
    year = start.year + years
    if year > dt.MAXYEAR:
        return dt.date.max
    return dt.date(year, month + 1, min(start.day, calendar.monthrange(year, month + 1)[1]))
