"""Periods in months, without weekends and holidays (see `calendars`).

Regulation (EEC, Euratom) 1182/71 art. 3: a period in months ends on the same date number; if that day does not
exist, on the last day of the month.
"""

from __future__ import annotations

import calendar
import datetime as dt

RESPONSE_MONTHS = 1
"""GDPR Art. 12(3): one month from receipt."""


def add_months(day: dt.date, months: int) -> dt.date:
    """Move a date by months (negative: back); a day that does not exist becomes the last of its month."""
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return dt.date(year, month + 1, min(day.day, calendar.monthrange(year, month + 1)[1]))


def last_expired_anchor(today: dt.date, months: int) -> dt.date:
    """Give the latest anchor date whose period of ``months`` is over on ``today``.

    A record with anchor ``a`` may go on ``add_months(a, months)``. The month ends make this more than a
    subtraction: 31 August 2025 plus six months is 28 February 2026, so on that day all of 28 to 31 August are over.
    """
    candidate = add_months(today, -months)
    while add_months(candidate + dt.timedelta(days=1), months) <= today:
        candidate += dt.timedelta(days=1)
    return candidate


def response_due(received: dt.date) -> tuple[dt.date, str]:
    """Give the last day to answer, and the rule it comes from."""
    return add_months(received, RESPONSE_MONTHS), "GDPR Art. 12(3), one month; Regulation 1182/71 art. 3"
