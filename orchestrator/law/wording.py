"""Dates and lengths of time in words, the same on every machine: no locale is asked (I5)."""

from __future__ import annotations

import datetime as dt
from typing import Final

from orchestrator.law.calendars import WEEKDAYS
from orchestrator.law.regimes import Span

MONTHS: Final = (
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
)
_NUMBERS: Final = ("no", "one", "two", "three")


def date_words(day: dt.date) -> str:
    """Write a date for people, in any locale the same: ``31 Jan 2026``."""
    return f"{day.day} {MONTHS[day.month - 1][:3]} {day.year}"


def day_words(day: dt.date) -> str:
    """Write a day with its weekday: ``Monday 2 March``."""
    return f"{WEEKDAYS[day.weekday()]} {day.day} {MONTHS[day.month - 1]}"


def span_words(span: Span) -> str:
    """Write a length of time: ``one month``, ``45 calendar days``."""
    if span.months:
        number = _NUMBERS[span.months] if span.months < len(_NUMBERS) else str(span.months)
        return f"{number} month{'s' if span.months > 1 else ''}"
    if span.business_days:
        return f"{span.business_days} business days"
    return f"{span.days} calendar day{'s' if span.days != 1 else ''}"
