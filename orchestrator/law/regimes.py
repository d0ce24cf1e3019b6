"""Regimes: which law dates a request, and how long it gives. Data with dates; the arithmetic is in `clock`.

A regime follows from the country of the calendar and the date of receipt. What a regime does not know has no date: no
rule is invented for another country's law.

- **EU** (GDPR Art. 12(3), Regulation 1182/71 art. 3): one month from receipt; with an extension three months *from
  receipt*. The clock stands still while a person is asked who they are (Art. 12(6)) or, for access, what they mean
  (recital 63; EDPB Guidelines 01/2022 section 5.3), if they were asked without undue delay.
- **UK** (Art. 12(3), from 5 February 2026 Art. 12A): one month from the latest of receipt, identity data and fee; days
  of waiting for a clarification do not count, for access. A complaint is acknowledged in 30 days (DPA 2018 s. 164A).
- **California** (11 CCR 7021): 45 calendar days from receipt, whatever verification takes; 45 more with notice and
  reason; receipt confirmed in 10 business days. Calendar days end on any day: nothing moves off a weekend.

Where the texts leave a choice, the earlier date was taken:
`ASK_WITHIN_DAYS` puts "without undue delay" into days; a notice of extension is due one month from receipt in the UK
too, although Art. 12A counts it from the relevant time; a withdrawal of consent (Art. 7(3)) and, in the EU, a complaint
have no period in the law, so that of Art. 12(3) is taken, without an extension and without a pause.
"""

from __future__ import annotations

import datetime as dt
from typing import Final, Literal

import msgspec

from orchestrator.law.calendars import EEA, EU, Calendar, UndatableError

RIGHTS: Final = (
    "access",
    "portability",
    "erasure",
    "rectification",
    "restriction",
    "objection",
    "withdrawal_of_consent",
    "complaint",
    "safeguard_copy",
)
"""Rights that can be dated, in the words of the policy file."""

REASONS: Final = ("identity", "clarification", "fee")
"""What a controller may be waiting for."""

ASK_WITHIN_DAYS: Final = 7
"""Calendar days from receipt within which a question is asked "without undue delay". No text has a number; ours is
short, for a question asked later only costs the controller its pause. A policy may set another one, up to a month."""

ASK_WITHIN_MONTHS: Final = 1
"""No policy may go beyond the first month: after it, the answer was due already."""


class Span(msgspec.Struct, frozen=True):
    """A length of time; one of the three is set."""

    months: int = 0
    days: int = 0
    business_days: int = 0


class Period(msgspec.Struct, frozen=True):
    """How long a right takes.

    Attributes:
        text: Where the period stands.
        first: From the start to the answer.
        extended: From the start to the answer when extended, the first period included; None: no extension.
        what: What is owed then, where it is not the answer itself.
        by_analogy: The law sets no period for this right; that of its neighbours is taken.
        since, until: Dates of receipt it is for, the last one excluded; empty: all of the regime.
    """

    rights: tuple[str, ...]
    text: str
    first: Span
    extended: Span | None = None
    what: str = ""
    by_analogy: bool = False
    since: str = ""
    until: str = ""


class Waiting(msgspec.Struct, frozen=True):
    """What waiting for the person does to the clock: it ``stops``, or the period only ``begins`` when they answer."""

    reason: str
    effect: Literal["stops", "begins"]
    rights: tuple[str, ...]
    text: str


class Regime(msgspec.Struct, frozen=True):
    """One law as it was for requests received from ``since`` on, before ``until``.

    Attributes:
        places: Countries, or countries with a subdivision, where it applies.
        rolling: Text by which a last day moves to the next working day; None: it does not.
        confirm: When receipt has to be confirmed, and to which rights that goes.
    """

    id: Literal["eu", "uk", "california"]
    name: str
    places: frozenset[str]
    since: str
    until: str
    periods: tuple[Period, ...]
    waiting: tuple[Waiting, ...] = ()
    rolling: str | None = None
    confirm: Period | None = None

    def period(self, right: str, received: dt.date) -> Period | None:
        """Find how long a right takes for a request of this date; None: this law has no such right."""
        day = received.isoformat()
        for one in self.periods:
            if right in one.rights and one.since <= day and (not one.until or day < one.until):
                return one
        return None

    def waits(self, reason: str, right: str) -> Waiting | None:
        """Say what waiting for something does to the clock of a right; None: nothing."""
        return next((one for one in self.waiting if one.reason == reason and right in one.rights), None)


_ALWAYS: Final = "9999-12-31"
_ONE_MONTH: Final = Span(months=1)
_THREE_MONTHS: Final = Span(months=3)
_ARTICLES_15_TO_22: Final = (
    "access",
    "portability",
    "erasure",
    "rectification",
    "restriction",
    "objection",
    "safeguard_copy",
)

_EU_RULES: Final = {
    "periods": (
        Period(_ARTICLES_15_TO_22, "gdpr-12-3", _ONE_MONTH, _THREE_MONTHS),
        Period(("withdrawal_of_consent", "complaint"), "gdpr-12-3", _ONE_MONTH, by_analogy=True),
    ),
    "waiting": (
        Waiting("identity", "stops", _ARTICLES_15_TO_22, "gdpr-12-6"),
        Waiting("clarification", "stops", ("access",), "gdpr-rec-63"),
    ),
    "rolling": "eu-reg-1182-71-3",
}


def _uk(since: str, until: str, text: str) -> Regime:
    return Regime(
        "uk",
        "UK GDPR",
        frozenset({"GB"}),
        since,
        until,
        (
            Period(_ARTICLES_15_TO_22, text, _ONE_MONTH, _THREE_MONTHS),
            Period(("withdrawal_of_consent",), text, _ONE_MONTH, by_analogy=True),
            Period(("complaint",), text, _ONE_MONTH, by_analogy=True, until="2026-06-19"),
            Period(
                ("complaint",),
                "uk-dpa-2018-164a",
                Span(days=30),
                what="to acknowledge it; the outcome without undue delay",
                since="2026-06-19",
            ),
        ),
        waiting=(
            Waiting("identity", "begins", _ARTICLES_15_TO_22, text),
            Waiting("fee", "begins", _ARTICLES_15_TO_22, text),
            Waiting("clarification", "stops", ("access",), text),
        ),
        rolling="uk-reg-1182-71-3",
    )


_CALIFORNIA_45: Final = ("access", "portability", "erasure", "rectification")

REGIMES: Final = (
    Regime("eu", "EU GDPR", EU, "2018-05-25", _ALWAYS, **_EU_RULES),  # type: ignore[arg-type]
    Regime("eu", "EU GDPR", frozenset({"GB"}), "2018-05-25", "2021-01-01", **_EU_RULES),  # type: ignore[arg-type]
    Regime("eu", "EU GDPR", EEA, "2018-07-20", _ALWAYS, **_EU_RULES),  # type: ignore[arg-type]
    _uk("2021-01-01", "2026-02-05", "uk-gdpr-12-3"),
    _uk("2026-02-05", _ALWAYS, "uk-gdpr-12a"),
    Regime(
        "california",
        "CCPA",
        frozenset({"US-CA"}),
        "2022-05-05",
        _ALWAYS,
        (
            Period(_CALIFORNIA_45, "us-ca-ccr-7021", Span(days=45), Span(days=90)),
            Period(("objection", "withdrawal_of_consent"), "us-ca-ccr-7026", Span(business_days=15)),
            Period(("restriction",), "us-ca-ccr-7027", Span(business_days=15), since="2023-03-29"),
        ),
        confirm=Period(_CALIFORNIA_45, "us-ca-ccr-7021", Span(business_days=10)),
    ),
)


def regime_of(calendar: Calendar, received: dt.date) -> Regime:
    """Find the law of a place for a request of this date.

    Raises:
        UndatableError: a place or a time whose law is not known here.
    """
    day = received.isoformat()
    here = [one for one in REGIMES if calendar.country in one.places or calendar.code in one.places]
    for one in here:
        if one.since <= day < one.until:
            return one
    if here:
        first = min(one.since for one in here)
        raise UndatableError(
            "received",
            f"no law is known for a request received in {calendar.code} on {day}",
            why=f"the earliest that is known there begins on {first}",
            fix="check the date of receipt",
        )
    raise UndatableError(
        "calendars",
        f"no law is known for {calendar.code}",
        why="its holidays are known, how long a controller has there is not",
        fix="of the United States, only California: US-CA",
    )
