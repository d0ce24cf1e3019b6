"""What is asked when a request is dated: the right, the receipt, the calendars, the pauses, the promise.

The *date* of receipt is a question of its own, for a moment has several. It is the earliest date that was there at
that moment: the UTC date, or the local one of a calendar's place that lies west of it (winter time, which is the
earlier one). In Europe that is the UTC date, even where it was the next day already: one day early errs for the person.
"""

from __future__ import annotations

import datetime as dt
import math
import re
from typing import Final

import msgspec

from orchestrator.law.calendars import LAST_YEAR, UndatableError, calendar_of
from orchestrator.law.periods import add_months
from orchestrator.law.regimes import ASK_WITHIN_DAYS, ASK_WITHIN_MONTHS, REASONS, RIGHTS
from schemas.errors import SchemaError
from schemas.requests import parse_time

_A_DATE: Final = re.compile(r"\d{4}-\d{2}-\d{2}")
_HOURS_WEST: Final = {
    "US-CA": 8,
    "PT": 1,  # the Azores
    "PT-20": 1,
    "FR-971": 4,
    "FR-972": 4,
    "FR-973": 3,
    "FR-BL": 4,
    "FR-MF": 4,
    "FR-PF": 10,
    "FR-PM": 3,
}
TARGET_HOURS: Final = 72
_DAY_HOURS: Final = 24
_YEAR_DAYS: Final = 366
_YEAR_MONTHS: Final = 12


class Pause(msgspec.Struct, frozen=True):
    """A time of waiting for the person.

    Attributes:
        begun: First day of waiting.
        ended: Day on which the person answered; None: still waiting.
        reason: One of `REASONS`.
        asked_on: Day on which they were asked; None: on the first day.
    """

    begun: dt.date
    ended: dt.date | None = None
    reason: str = "identity"
    asked_on: dt.date | None = None

    @property
    def asked(self) -> dt.date:
        """The day on which the person was asked."""
        return self.asked_on or self.begun


class Promise(msgspec.Struct, frozen=True):
    """What the controller's policy promises for this right: a period from receipt, whether it extends.

    A period that is shorter than the law's binds as it stands: it waits for nobody, and what would end on a closed day
    ends before it. One that is as long as the law's, or longer, changes nothing. An extension, where the promise lets
    itself one, is that of the law.
    """

    months: int = 0
    days: int = 0
    extension: bool = True

    def end(self, received: dt.date) -> dt.date | None:
        """Give the last day promised, or None where no period is."""
        if self.months:
            return add_months(received, self.months)
        return received + dt.timedelta(days=self.days) if self.days else None


class Question(msgspec.Struct, frozen=True):
    """When is the answer due?

    Attributes:
        right: One of `RIGHTS`.
        received: A date (``2026-01-31``), or a moment in RFC 3339 with zone.
        calendars: Codes of the calendars of all controllers that are asked (GDPR Art. 26(3)); at least one.
        pauses: Times of waiting for the person, in any order.
        extended_on: Day on which the person was told of an extension, with its reasons.
        promise: Of the policy, for this right.
        target_hours: The controller's own aim (an erasure is due "without undue delay").
        as_of: A pause that is still open counts up to this day; None: it does not count yet.
        ask_within_days: Days from receipt within which a question stops the clock; never beyond the first month.
    """

    right: str
    received: str
    calendars: tuple[str, ...]
    pauses: tuple[Pause, ...] = ()
    extended_on: dt.date | None = None
    promise: Promise | None = None
    target_hours: int = TARGET_HOURS
    as_of: dt.date | None = None
    ask_within_days: int = ASK_WITHIN_DAYS


def date_of_receipt(received: str, calendars: tuple[str, ...]) -> dt.date:
    """Give the earliest date on which a request can be said to have been received.

    Raises:
        UndatableError: neither a date nor a moment with zone.
    """
    if _A_DATE.fullmatch(received):
        try:
            return dt.date.fromisoformat(received)
        except ValueError as error:  # the form is right, the day is not there
            raise _not_a_date(received, str(error)) from None
    moment = _moment(received)
    try:
        west = moment - dt.timedelta(hours=max((_HOURS_WEST.get(code, 0) for code in calendars), default=0))
    except OverflowError:
        raise _not_a_date(received) from None
    return west.date()


def target(question: Question, received: dt.date) -> dt.date:
    """Give the (UTC) day on which the controller's own hours are over; a receipt without time counts from midnight."""
    if _A_DATE.fullmatch(question.received):
        return received + dt.timedelta(days=math.ceil(question.target_hours / _DAY_HOURS))
    return (_moment(question.received) + dt.timedelta(hours=question.target_hours)).date()


def ask_until(question: Question, received: dt.date) -> dt.date:
    """Give the last day on which asking the person still stops the clock."""
    return min(received + dt.timedelta(days=question.ask_within_days), add_months(received, ASK_WITHIN_MONTHS))


def check(question: Question, received: dt.date) -> None:
    """Refuse a question that contradicts itself.

    Raises:
        UndatableError: names the field that is wrong, and what to do.
    """
    if question.right not in RIGHTS:
        raise UndatableError("right", f"unknown right {question.right!r}", fix=f"known: {', '.join(RIGHTS)}")
    if not question.calendars:
        raise UndatableError("calendars", "no calendar", fix="name the country of each controller, e.g. FR, GB-ENG")
    for code in question.calendars:
        calendar_of(code)
    for name, number, most in (
        ("target_hours", question.target_hours, _YEAR_DAYS * _DAY_HOURS),
        ("ask_within_days", question.ask_within_days, _YEAR_DAYS),
    ):
        if not 0 <= number <= most:
            raise UndatableError(name, f"{name} is {number}", fix=f"name a number from 0 to {most}")
    promise = question.promise
    if promise and not (0 <= promise.months <= _YEAR_MONTHS and 0 <= promise.days <= _YEAR_DAYS):
        raise UndatableError("promise", "a promise of that length is none", fix="up to a year, in months or in days")
    if promise and promise.months and promise.days:
        raise UndatableError("promise", "a promise is a number of months or of days", fix="set one of the two")
    for name, day in (("received", received), ("as_of", question.as_of), ("extended_on", question.extended_on)):
        _check_year(name, day)
    for one in question.pauses:
        for day in (one.begun, one.ended, one.asked_on):
            _check_year("pauses", day)
        _check_pause(one, received)


def _check_year(field: str, day: dt.date | None) -> None:
    if day is not None and day.year > LAST_YEAR:
        raise UndatableError(
            field, f"{day} is too far away", why=f"calendars end with {LAST_YEAR}", fix="check the year"
        )


def _check_pause(pause: Pause, received: dt.date) -> None:
    if pause.reason not in REASONS:
        raise UndatableError("pauses", f"unknown reason {pause.reason!r}", fix=f"known: {', '.join(REASONS)}")
    if pause.ended is not None and pause.ended < pause.begun:
        what = f"a pause ends on {pause.ended} before it begins on {pause.begun}"
        raise UndatableError("pauses", what, fix="write the earlier day first")
    if pause.begun < received or pause.asked < received:
        what = f"a pause begins on {min(pause.begun, pause.asked)}, before the receipt on {received}"
        raise UndatableError("pauses", what, fix="nobody can be asked about a request that is not there yet")
    if pause.ended is not None and pause.asked > pause.ended:
        what = f"a pause ends on {pause.ended}, before the person was asked on {pause.asked}"
        raise UndatableError("pauses", what, fix="check the day of asking")


def _moment(text: str) -> dt.datetime:
    try:
        return parse_time(text, where="received").astimezone(dt.UTC)
    except SchemaError as error:
        raise UndatableError("received", f"{text!r}: {error.message}", fix=error.fix) from None


def _not_a_date(text: str, why: str = "") -> UndatableError:
    return UndatableError("received", f"{text!r} is not a date", why=why, fix="write it as 2026-01-31")
