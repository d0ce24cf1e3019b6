"""Dates of answers, each with the reason why it is this one: worked out by hand from the texts and a wall calendar."""

from __future__ import annotations

import datetime as dt
import re

import pytest

from orchestrator.law.calendars import UndatableError
from orchestrator.law.deadlines import Deadline, answer_due, extension_on
from orchestrator.law.questions import Pause, Promise, Question
from orchestrator.law.texts import LIBRARY

UK_ROLLING = "Regulation 1182/71 art. 3 (assimilated law)"
SIX = ("FR", "ES-MD", "GB-ENG", "DE-BE", "NL", "BE")


def day(text: str) -> dt.date:
    return dt.date.fromisoformat(text)


def pause(text: str) -> Pause:
    """``FROM..TO reason`` in 2026, without TO while it lasts, with ``asked DAY`` if not on the first day."""
    days, reason, *asked = text.split()
    begun, ended = (day(f"2026-{one}") if one else None for one in days.split(".."))
    assert begun
    return Pause(begun, ended, reason, day(f"2026-{asked[1]}") if asked else None)


def due(received: str, calendars: str, right: str = "access", *pauses: str, extended: bool = False) -> Deadline:
    told = day(received[:10]) if extended else None
    codes = tuple(calendars.split())
    return answer_due(Question(right, received, codes, tuple(map(pause, pauses)), extended_on=told))


@pytest.mark.parametrize(
    ("received", "calendar", "first", "extended", "why"),
    [
        ("2025-03-05", "FR", "2025-04-07", "2025-06-05", "5 April is a Saturday"),
        ("2025-08-31", "FR", "2025-09-30", "2025-12-01", "no 31 September; 30 November is a Sunday"),
        ("2026-01-31", "FR", "2026-03-02", "2026-04-30", "28 February is a Saturday; the extension is from receipt"),
        ("2028-01-31", "DE", "2028-02-29", "2028-05-02", "leap year; 30 April is a Sunday, 1 May a holiday"),
        ("2026-04-01", "FR", "2026-05-04", "2026-07-01", "1 May is a holiday on a Friday"),
    ],
)
def test_the_vectors_of_the_design(received: str, calendar: str, first: str, extended: str, why: str) -> None:
    assert due(received, calendar).due == day(first), why
    assert due(received, calendar, extended=True).due == day(extended), why


ONE_MONTH = [
    ("FR", "2026-01-05", "2026-02-05", "the same date number, a Thursday"),
    ("FR", "2024-01-31", "2024-02-29", "leap year: the last day of February, a Thursday"),
    ("FR", "2024-01-29", "2024-02-29", "leap year: the 29th exists"),
    ("FR", "2026-01-29", "2026-03-02", "no 29 February, so 28, a Saturday"),
    ("FR", "2026-01-28", "2026-03-02", "28 February exists, and is a Saturday"),
    ("FR", "2026-01-27", "2026-02-27", "a Friday: nothing moves"),
    ("FR", "2026-02-28", "2026-03-30", "28 March, not the end of March; a Saturday"),
    ("FR", "2026-03-31", "2026-04-30", "no 31 April; a Thursday"),
    ("FR", "2026-12-31", "2027-02-01", "over the new year; 31 January 2027 is a Sunday"),
    ("FR", "2026-04-08", "2026-05-11", "8 May, a holiday on a Friday"),
    ("FR", "2026-04-14", "2026-05-15", "14 May 2026 is Ascension, 39 days after Easter (5 April)"),
    ("FR", "2026-04-25", "2026-05-26", "25 May 2026 is Whit Monday"),
    ("FR", "2026-06-14", "2026-07-15", "14 July"),
    ("FR", "2026-07-15", "2026-08-17", "15 August is a holiday, and a Saturday"),
    ("FR", "2026-10-11", "2026-11-12", "11 November, a Wednesday"),
    ("FR", "2025-12-01", "2026-01-02", "New Year's Day, a Thursday; 2 January is a working day"),
    ("FR", "2025-11-25", "2025-12-26", "Christmas on a Thursday; 26 December is a working day"),
    ("FR-57", "2025-11-25", "2025-12-29", "in Moselle 26 December is a holiday too, then a weekend"),
    ("FR", "2026-03-03", "2026-04-03", "Good Friday is a working day in France"),
    ("FR-57", "2026-03-03", "2026-04-07", "but not in Moselle; Easter Monday is none either"),
    ("GB-ENG", "2026-03-03", "2026-04-07", "Good Friday, weekend, Easter Monday"),
    ("GB-SCT", "2026-03-03", "2026-04-06", "Scotland works on Easter Monday"),
    ("GB", "2026-03-03", "2026-04-06", "Good Friday is shared, Easter Monday is not: the earlier date"),
    ("GB-ENG", "2025-12-02", "2026-01-02", "2 January is a working day in England, a Friday"),
    ("GB-SCT", "2025-12-02", "2026-01-05", "and a holiday in Scotland"),
    ("GB-ENG", "2026-07-31", "2026-09-01", "31 August 2026 is the last Monday of August"),
    ("GB-SCT", "2026-07-31", "2026-08-31", "which is no holiday in Scotland"),
    ("GB-SCT", "2026-07-03", "2026-08-04", "its summer holiday is the first Monday: 3 August"),
    ("GB-ENG", "2026-07-03", "2026-08-03", "which is no holiday in England"),
    ("GB-SCT", "2026-10-30", "2026-12-01", "Saint Andrew's Day, a Monday"),
    ("GB-ENG", "2026-10-30", "2026-11-30", "no holiday in England"),
    ("GB-ENG", "2026-11-25", "2026-12-29", "Christmas, Boxing Day on a Saturday, its substitute on Monday"),
    ("GB-ENG", "2020-12-15", "2021-01-15", "received under the EU's regulation, a Friday"),
    ("GB", "2026-01-31", "2026-03-02", "the month ends as in the EU"),
    ("DE", "2026-09-03", "2026-10-05", "3 October is a holiday, and a Saturday"),
    ("DE-BY", "2025-12-06", "2026-01-07", "Epiphany, a Tuesday, in Bavaria"),
    ("DE-BE", "2025-12-06", "2026-01-06", "not in Berlin"),
    ("DE", "2025-12-06", "2026-01-06", "not everywhere, so not in Germany as a whole"),
    ("DE-BE", "2027-02-08", "2027-03-09", "8 March is a holiday in Berlin, in 2027 on a Monday"),
    ("DE-BB", "2027-02-08", "2027-03-08", "not in Brandenburg around it"),
    ("DE-BY", "2026-05-04", "2026-06-05", "Corpus Christi, 60 days after Easter: Thursday 4 June"),
    ("DE-BE", "2026-05-04", "2026-06-04", "not in Berlin"),
    ("DE-SN", "2026-10-18", "2026-11-19", "Repentance Day, the Wednesday before 23 November, in Saxony"),
    ("DE-TH", "2026-10-18", "2026-11-18", "not in Thuringia"),
    ("DE", "2025-11-25", "2025-12-29", "two days of Christmas, Thursday and Friday, then a weekend"),
    ("ES", "2026-09-12", "2026-10-13", "National Day, a Monday"),
    ("ES", "2026-11-08", "2026-12-09", "Immaculate Conception, a Tuesday"),
    ("ES", "2025-12-06", "2026-01-07", "Epiphany, in all of Spain"),
    ("ES-MD", "2025-04-02", "2025-05-05", "2 May is Madrid's day, in 2025 a Friday"),
    ("ES", "2025-04-02", "2025-05-02", "not in all of Spain"),
    ("ES-CT", "2025-08-11", "2025-09-12", "11 September in Catalonia, a Thursday"),
    ("ES-MD", "2025-08-11", "2025-09-11", "not in Madrid"),
    ("NL", "2026-03-27", "2026-04-28", "King's Day, a Monday"),
    ("NL", "2024-03-27", "2024-04-29", "27 April 2024 is a Saturday"),
    ("NL", "2026-04-01", "2026-05-01", "1 May is a working day in the Netherlands"),
    ("NL", "2025-11-25", "2025-12-29", "two days of Christmas, then a weekend"),
    ("BE", "2026-06-21", "2026-07-22", "National Day, a Tuesday"),
    ("BE", "2025-11-26", "2025-12-26", "26 December is a working day in Belgium, a Friday"),
    ("BE", "2025-07-15", "2025-08-18", "15 August 2025 is a Friday"),
    ("BE", "2026-10-11", "2026-11-12", "Armistice, as in France"),
    ("NO", "2026-04-17", "2026-05-18", "EEA: 17 May is Constitution Day, in 2026 a Sunday"),
    ("IT", "2026-05-02", "2026-06-03", "Republic Day, a Tuesday"),
    ("US-CA", "2026-01-31", "2026-03-17", "45 days: 28 to the end of February, 17 more"),
    ("US-CA", "2028-01-31", "2028-03-16", "45 days: 29 to the end of February, 16 more"),
    ("US-CA", "2026-01-01", "2026-02-15", "calendar days end on a Sunday"),
    ("US-CA", "2026-11-10", "2026-12-25", "and on Christmas"),
]


@pytest.mark.parametrize(("calendar", "received", "expected", "why"), ONE_MONTH)
def test_the_first_period(calendar: str, received: str, expected: str, why: str) -> None:
    assert due(received, calendar).due == day(expected), why


EXTENDED = [
    ("FR", "2025-11-30", "2026-03-02", "no 30 February, so 28, a Saturday"),
    ("FR", "2027-11-30", "2028-02-29", "leap year"),
    ("FR", "2026-01-31", "2026-04-30", "not 2 March plus two months, which is a Saturday, so 4 May"),
    ("GB-ENG", "2026-01-25", "2026-04-27", "25 April is a Saturday"),
    ("GB-SCT", "2026-05-03", "2026-08-04", "3 August is a holiday in Scotland"),
    ("NL", "2026-01-27", "2026-04-28", "King's Day, a Monday"),
    ("ES", "2026-09-25", "2026-12-28", "Christmas on a Friday"),
    ("DE", "2026-09-25", "2026-12-28", "Christmas on a Friday, its second day on a Saturday"),
    ("BE", "2026-10-01", "2027-01-04", "New Year's Day on a Friday"),
    ("US-CA", "2026-01-31", "2026-05-01", "90 days from receipt: 28 + 31 + 30 + 1"),
    ("US-CA", "2026-01-05", "2026-04-05", "90 days, on a Sunday"),
]


@pytest.mark.parametrize(("calendar", "received", "expected", "why"), EXTENDED)
def test_an_extension_counts_from_receipt(calendar: str, received: str, expected: str, why: str) -> None:
    assert due(received, calendar, extended=True).due == day(expected), why


WAITING = [
    ("FR", "access", "2026-01-05", ["01-07..01-20 identity"], False, "2026-02-18", "13 days, Art. 12(6)"),
    ("FR", "access", "2026-01-05", ["01-07..01-20 identity"], True, "2026-04-20", "5 April + 13: a Saturday"),
    ("FR", "erasure", "2026-01-05", ["01-07..01-20 identity"], False, "2026-02-18", "for each right"),
    ("FR", "access", "2026-01-05", ["01-12..01-22 identity"], False, "2026-02-16", "asked on the 7th day; Sunday"),
    ("FR", "access", "2026-01-05", ["01-13..01-22 identity"], False, "2026-02-05", "asked on the 8th: late"),
    ("FR", "access", "2026-01-05", ["01-13..01-22 identity"], True, "2026-04-07", "late; Easter Sunday, Monday"),
    ("FR", "access", "2026-01-05", ["02-06..02-22 identity"], False, "2026-02-05", "asked when it was over"),
    (
        "FR", "access", "2026-01-05", ["01-07..01-22 identity asked 01-10"], False, "2026-02-17",
        "12 days: from the day of asking",
    ),
    (
        "FR", "access", "2026-01-05", ["02-10..02-20 identity asked 01-08"], False, "2026-02-05",
        "it was asked in time, but began when the period was over",
    ),
    (
        "FR", "access", "2026-01-05",
        ["01-07..01-20 identity", "01-10..01-25 clarification"], False, "2026-02-23",
        "18 days, those that overlap once",
    ),
    (
        "FR", "access", "2026-01-05",
        ["01-06..01-25 identity", "01-10..01-12 clarification"], False, "2026-02-24",
        "19 days, one inside the other",
    ),
    (
        "FR", "access", "2026-01-05",
        ["01-06..01-08 identity", "01-10..01-13 clarification"], False, "2026-02-10", "2 + 3 days",
    ),
    ("FR", "erasure", "2026-01-05", ["01-07..01-20 clarification"], False, "2026-02-05", "recital 63: access"),
    ("FR", "access", "2026-01-05", ["01-07..01-20 fee"], False, "2026-02-05", "a fee stops nothing in the EU"),
    ("FR", "withdrawal_of_consent", "2026-01-05", ["01-07..01-20 identity"], False, "2026-02-05", "at any time"),
    ("FR", "access", "2026-01-05", ["01-07.. identity"], False, "2026-02-05", "still open: no day counts yet"),
    ("FR", "access", "2026-01-05", ["01-07..01-07 identity"], False, "2026-02-05", "answered the same day"),
    ("FR", "access", "2026-01-31", ["02-02..02-05 identity"], False, "2026-03-03", "28 Feb + 3, not 2 March + 3"),
    ("FR", "access", "2026-01-31", ["02-02..02-05 identity"], True, "2026-05-04", "30 April + 3: a Sunday"),
    ("FR", "access", "2026-04-01", ["04-02..04-03 identity"], False, "2026-05-04", "1 May + 1: a Saturday"),
    ("DE", "access", "2026-01-31", ["02-01..02-02 identity"], True, "2026-05-04", "30 April + 1: 1 May, a Friday"),
    ("NL", "access", "2026-03-20", ["03-21..03-28 identity"], False, "2026-04-28", "20 + 7: King's Day"),
    ("ES", "access", "2026-09-10", ["09-11..09-13 clarification"], False, "2026-10-13", "10 + 2: National Day"),
    ("BE", "access", "2026-06-19", ["06-20..06-22 identity"], False, "2026-07-22", "19 + 2: 21 July"),
    ("GB-ENG", "access", "2026-01-31", ["02-03..02-10 identity"], False, "2026-03-10", "a month from 10 February"),
    ("GB-ENG", "access", "2026-03-02", ["03-04..03-31 identity"], True, "2026-06-30", "from 31 March; no 31 June"),
    ("GB-ENG", "access", "2026-03-02", ["03-03..03-20 fee"], False, "2026-04-20", "a month from the fee"),
    (
        "GB-ENG", "access", "2026-03-02", ["03-03..03-20 fee", "03-03..03-12 identity"], False,
        "2026-04-20", "from the latest of both",
    ),
    (
        "GB-ENG", "access", "2026-03-02", ["03-03..03-20 fee", "03-04..03-12 identity"], False,
        "2026-04-20", "whichever was asked first",
    ),
    ("GB-ENG", "access", "2026-03-02", ["03-04..03-14 clarification"], False, "2026-04-13", "2 April + 10: Sunday"),
    ("GB-ENG", "erasure", "2026-03-02", ["03-04..03-14 clarification"], False, "2026-04-02", "for access only"),
    (
        "GB-ENG", "access", "2026-03-02",
        ["03-03..03-10 identity", "03-05..03-15 clarification"], False, "2026-04-15",
        "from 10 March, and the 5 days after it",
    ),
    (
        "GB-ENG", "access", "2026-03-02",
        ["03-03..03-20 identity", "03-05..03-15 clarification"], False, "2026-04-20",
        "from 20 March; what was clear before it adds nothing",
    ),
    ("GB-ENG", "access", "2026-03-02", ["03-12..03-20 identity"], False, "2026-04-02", "asked on the 10th day"),
    ("GB-ENG", "access", "2026-03-02", ["03-03.. identity"], False, "2026-04-02", "open: from receipt, to be safe"),
    ("GB-SCT", "access", "2026-06-25", ["06-26..07-03 identity"], False, "2026-08-04", "3 August in Scotland"),
    ("US-CA", "access", "2026-01-31", ["02-03..02-20 identity"], False, "2026-03-17", "whatever verification takes"),
    ("US-CA", "access", "2026-01-31", ["02-03..02-20 identity"], True, "2026-05-01", "extended neither"),
    (
        "FR", "access", "2026-01-05",
        ["01-07..01-20 identity asked 01-11", "01-08..01-14 clarification"], False, "2026-02-17",
        "8 to 20 January, whichever was asked first",
    ),
    (
        "GB-ENG", "access", "2026-03-02", ["05-10..05-20 identity asked 03-04"], False, "2026-04-02",
        "asked in time, but nobody waited before the period was over",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("calendar", "right", "received", "pauses", "extended", "expected", "why"), WAITING)
def test_waiting_for_the_person(
    calendar: str, right: str, received: str, pauses: list[str], extended: bool, expected: str, why: str
) -> None:
    found = due(received, calendar, right, *pauses, extended=extended)
    assert found.due == day(expected), why
    # A pause moves the answer, never the notice of an extension.
    assert found.notice_by == due(received, calendar, right).notice_by


@pytest.mark.parametrize(
    ("right", "received", "calendar", "expected", "why"),
    [
        ("complaint", "2026-06-19", "GB-ENG", "2026-07-20", "30 days, the first day of s. 164A; 19 July is a Sunday"),
        ("complaint", "2026-06-18", "GB-ENG", "2026-07-20", "the day before: a month by analogy; 18 July, a Saturday"),
        ("complaint", "2026-07-04", "GB-SCT", "2026-08-04", "30 days: 3 August, a holiday in Scotland"),
        ("complaint", "2026-07-06", "GB-ENG", "2026-08-05", "30 days are less than July has"),
        ("complaint", "2026-07-06", "FR", "2026-08-06", "no clock of its own: a month by analogy"),
        ("complaint", "2026-07-06", "FR GB-ENG US-CA", "2026-08-05", "the earlier; California has none"),
        ("objection", "2026-11-02", "US-CA", "2026-11-24", "15 business days, 11 November is none"),
        ("objection", "2026-11-02", "FR", "2026-12-02", "one month"),
        ("objection", "2026-11-02", "FR US-CA", "2026-11-24", "the earlier"),
        (
            "restriction",
            "2026-11-23",
            "US-CA",
            "2026-12-15",
            "15 business days; Thanksgiving is none",
        ),
        ("withdrawal_of_consent", "2026-11-02", "DE-BE", "2026-12-02", "a month by analogy"),
        ("safeguard_copy", "2026-11-02", "FR", "2026-12-02", "Art. 15(2) is a part of access"),
        ("portability", "2026-11-02", "US-CA", "2026-12-17", "45 days"),
    ],
)
def test_other_rights(right: str, received: str, calendar: str, expected: str, why: str) -> None:
    assert due(received, calendar, right).due == day(expected), why


@pytest.mark.parametrize(
    ("calendars", "received", "pauses", "extended", "expected", "decided", "why"),
    [
        (SIX, "2026-04-01", [], False, "2026-05-01", "GB-ENG", "England and the Netherlands work on 1 May"),
        (("FR", "BE", "DE"), "2026-04-01", [], False, "2026-05-04", "BE", "a holiday in all three"),
        (("FR", "GB-ENG"), "2026-03-03", [], False, "2026-04-03", "FR", "France works on Good Friday"),
        (("GB-ENG", "GB-SCT"), "2026-03-03", [], False, "2026-04-06", "GB-SCT", "Scotland works on Easter Monday"),
        (("FR", "US-CA"), "2026-01-31", [], False, "2026-03-02", "FR", "California would have until 17 March"),
        (("FR", "US-CA"), "2026-01-31", [], True, "2026-04-30", "FR", "California would have until 1 May"),
        (SIX, "2026-01-31", ["02-03..02-10 identity"], False, "2026-03-09", "BE", "England: 10 March"),
        (SIX, "2026-01-31", ["02-03..02-28 identity"], False, "2026-03-25", "BE", "England: 30 March"),
        (SIX, "2026-03-02", ["03-04..03-20 fee"], False, "2026-04-02", "BE", "a fee counts in England only"),
        (SIX, "2026-01-31", ["02-12..02-28 identity"], False, "2026-03-02", "BE", "asked late, everywhere"),
        (SIX, "2026-01-31", ["02-02..02-05 identity"], True, "2026-05-04", "BE", "England: 5 May"),
        (SIX, "2026-11-25", [], False, "2026-12-28", "BE", "Christmas on a Friday; England has a substitute more"),
        (SIX, "2025-12-02", [], False, "2026-01-02", "BE", "2 January is a holiday in Scotland only"),
    ],
)
def test_joint_controllers_answer_by_the_earliest_date(
    calendars: tuple[str, ...],
    received: str,
    pauses: list[str],
    extended: bool,
    expected: str,
    decided: str,
    why: str,
) -> None:
    found = due(received, " ".join(calendars), "access", *pauses, extended=extended)
    assert (found.due, found.calendar) == (day(expected), decided), why
    assert {step.calendar for step in found.trace} == {"", *calendars}
    assert found == due(received, " ".join(calendars), "access", *pauses, extended=extended)
    turned = due(received, " ".join(reversed(calendars)), "access", *pauses, extended=extended)
    assert (turned.due, turned.calendar) == (found.due, found.calendar)


@pytest.mark.parametrize(
    ("received", "calendars", "taken", "expected", "why"),
    [
        ("2026-02-01T00:30:00+01:00", "FR", "2026-01-31", "2026-03-02", "the UTC date"),
        ("2026-01-31T23:59:59.999Z", "FR", "2026-01-31", "2026-03-02", "the UTC date"),
        ("2026-02-01T00:00:00Z", "FR", "2026-02-01", "2026-03-02", "1 March is a Sunday"),
        ("2026-02-01T07:59:00Z", "US-CA", "2026-01-31", "2026-03-17", "it is still January in California"),
        ("2026-02-01T08:00:00Z", "US-CA", "2026-02-01", "2026-03-18", "midnight there"),
        (
            "2026-03-01T03:00:00Z",
            "FR US-CA",
            "2026-02-28",
            "2026-03-30",
            "the earliest of both; 28 March: Saturday",
        ),
        ("2026-03-01T00:30:00Z", "PT", "2026-02-28", "2026-03-30", "it is still February on the Azores"),
        ("2026-03-01T02:00:00Z", "FR-971", "2026-02-28", "2026-03-30", "and in Guadeloupe"),
    ],
)
def test_the_date_of_receipt_is_the_earliest_there_was(
    received: str, calendars: str, taken: str, expected: str, why: str
) -> None:
    found = due(received, calendars)
    assert (found.received, found.due) == (day(taken), day(expected)), why


@pytest.mark.parametrize(
    ("promise", "calendar", "received", "pauses", "expected", "why"),
    [
        (Promise(days=14), "FR", "2026-01-05", [], "2026-01-19", "a Monday"),
        (Promise(days=14), "FR", "2026-01-03", [], "2026-01-16", "17 January is a Saturday: before it, not after"),
        (
            Promise(days=14),
            "FR",
            "2026-01-05",
            ["01-06..01-20 identity"],
            "2026-01-19",
            "it waits for nobody",
        ),
        (Promise(days=30), "FR", "2026-01-05", [], "2026-02-04", "30 days are less than January has"),
        (Promise(days=30), "FR", "2026-01-31", [], "2026-03-02", "but more than February has: the law's date"),
        (Promise(months=1), "FR", "2026-01-31", [], "2026-03-02", "as long as the law's: changes nothing"),
        (
            Promise(months=1),
            "FR",
            "2026-01-05",
            ["01-07..01-20 identity"],
            "2026-02-18",
            "so the pause counts",
        ),
        (Promise(months=2), "FR", "2026-01-05", [], "2026-02-05", "longer than the law's: changes nothing"),
        (Promise(months=1), "US-CA", "2026-01-05", [], "2026-02-05", "shorter than 45 days"),
        (Promise(days=1), "FR", "2026-01-31", [], "2026-02-01", "a Sunday; the working day before is before receipt"),
        (Promise(days=1), "FR", "2026-01-30", [], "2026-01-31", "a Saturday; not the day of receipt itself"),
        (Promise(), "FR", "2026-01-05", [], "2026-02-05", "no period promised"),
    ],
)
def test_the_stricter_promise_wins(
    promise: Promise, calendar: str, received: str, pauses: list[str], expected: str, why: str
) -> None:
    found = answer_due(Question("access", received, (calendar,), tuple(map(pause, pauses)), promise=promise))
    assert found.due == day(expected), why


def test_an_open_pause_counts_up_to_the_day_it_is_seen() -> None:
    question = Question("access", "2026-01-05", ("FR", "GB-ENG"), (pause("01-07.. identity"),))
    assert (answer_due(question).due, answer_due(question).waiting) == (day("2026-02-05"), True)
    seen = Question(question.right, question.received, question.calendars, question.pauses, as_of=day("2026-01-20"))
    assert answer_due(seen).due == day("2026-02-18")  # FR: 5 February + 13; England: 20 February
    before = Question(question.right, question.received, question.calendars, question.pauses, as_of=day("2026-01-06"))
    assert answer_due(before).due == day("2026-02-05")


def test_a_policy_may_be_slower_to_ask_but_not_beyond_the_month() -> None:
    asked = (pause("01-15..01-20 identity"),)
    assert answer_due(Question("access", "2026-01-05", ("FR",), asked)).due == day("2026-02-05")
    assert answer_due(Question("access", "2026-01-05", ("FR",), asked, ask_within_days=10)).due == day("2026-02-10")
    late = (pause("02-06..02-10 identity"),)
    assert answer_due(Question("access", "2026-01-05", ("FR",), late, ask_within_days=60)).due == day("2026-02-05")


@pytest.mark.parametrize(
    ("received", "hours", "target"),
    [
        ("2026-01-31", 72, "2026-02-03"),
        ("2026-01-31T10:00:00Z", 72, "2026-02-03"),
        ("2026-01-31T10:00:00Z", 12, "2026-01-31"),
        ("2026-01-31T10:00:00Z", 15, "2026-02-01"),
        ("2026-01-31", 0, "2026-01-31"),
        ("2026-01-31", 1, "2026-02-01"),
        ("2026-01-31", 8760, "2026-03-02"),  # never after the legal date
    ],
)
def test_s56_the_internal_target(received: str, hours: int, target: str) -> None:
    assert answer_due(Question("erasure", received, ("FR",), target_hours=hours)).target_by == day(target)


def test_california_confirms_the_receipt_in_ten_business_days() -> None:
    assert due("2026-01-31", "US-CA").confirm_by == day("2026-02-13")  # two weeks, Lincoln's birthday is no holiday
    assert due("2026-02-09", "US-CA").confirm_by == day("2026-02-24")  # the third Monday of February is one
    assert due("2026-01-31", "FR US-CA").confirm_by == day("2026-02-13")
    assert due("2026-01-31", "FR").confirm_by is None
    assert due("2026-01-31", "US-CA", "objection").confirm_by is None


def test_a_date_explains_itself_in_the_words_of_the_issue() -> None:
    found = due("2026-01-31", "FR")
    assert [(step.what, str(step.day), step.text) for step in found.trace] == [
        ("received 31 Jan 2026", "2026-01-31", ""),
        ("of FR, only the holidays that all its parts share", "2026-01-31", ""),
        ("one month; no 31 February, so 28", "2026-02-28", "gdpr-12-3"),
        ("Saturday, so Monday 2 March", "2026-03-02", "eu-reg-1182-71-3"),
    ]
    assert found.rule == "GDPR Art. 12(3), one month; Regulation 1182/71 art. 3; calendar FR"


@pytest.mark.parametrize(
    ("found", "says"),
    [
        (due("2028-01-31", "DE", extended=True), "Sunday, Labor Day, so Tuesday 2 May"),
        (due("2026-01-27", "NL"), "Friday 27 February, a working day"),
        (
            due("2026-01-31", "GB", extended=True),
            "extended: three months from receipt, the first included; no 31 April",
        ),
        (due("2026-03-03", "GB"), "of GB, only the holidays that all its parts share"),
        (
            due("2026-01-05", "FR", "access", "01-07..01-20 identity"),
            "stood still for proof of identity, 7 Jan",
        ),
        (due("2026-01-05", "FR", "access", "01-13..01-20 identity"), "after 12 Jan 2026: too late to count"),
        (due("2026-01-05", "FR", "access", "01-07..01-20 fee"), "waiting for a fee does not stop this clock"),
        (
            due("2026-01-05", "FR", "access", "01-07.. identity"),
            "still waiting for proof of identity: not",
        ),
        (due("2026-07-06", "GB", "complaint"), "30 calendar days to acknowledge it; the outcome without undue delay"),
        (due("2026-01-05", "FR", "complaint"), "one month, by analogy: the law sets no period for this"),
        (due("2026-07-06", "FR US-CA", "complaint"), "CCPA sets no time for complaint"),
        (due("2026-11-02", "FR US-CA", "objection", extended=True), "no extension here"),
        (due("2026-04-01", "FR BE"), "of 2 calendars, the earliest date: FR and BE"),
    ],
)
def test_the_trace_says(found: Deadline, says: str) -> None:
    assert any(says in step.what for step in found.trace), found.trace
    assert all(step.text in {"", *LIBRARY} for step in found.trace)


@pytest.mark.parametrize(
    ("question", "rule"),
    [
        (
            Question("access", "2026-01-31", ("US-CA",), extended_on=day("2026-02-02")),
            "11 CCR 7021, 90 calendar days, extended; calendar US-CA",
        ),
        (
            Question("access", "2026-02-05", ("GB-SCT",), (pause("02-06..02-07 clarification"),)),
            "UK GDPR Art. 12A, one month; stood still for 1 day; " + UK_ROLLING + "; calendar GB-SCT",
        ),
        (
            Question("erasure", "2026-02-05", ("FR",), promise=Promise(days=14)),
            "stricter promise of the policy, 14 calendar days from receipt; calendar FR",
        ),
        (
            Question("complaint", "2026-07-06", ("FR",)),
            "GDPR Art. 12(3), one month, by analogy; Regulation 1182/71 art. 3; calendar FR",
        ),
    ],
)
def test_the_rule_is_one_line(question: Question, rule: str) -> None:
    assert answer_due(question).rule == rule
    assert rule.isascii()


BASE = Question("access", "2026-01-31", ("FR",))


@pytest.mark.parametrize(
    ("change", "today", "allowed", "reason"),
    [
        ({}, "2026-01-31", True, "with the reasons, by 2 Mar 2026"),
        ({}, "2026-03-02", True, "with the reasons, by 2 Mar 2026"),
        ({}, "2026-03-03", False, "had to be told by 2 Mar 2026; a pause does not move that"),
        ({"pauses": (pause("02-02..02-20 identity"),)}, "2026-03-03", False, "had to be told by 2 Mar 2026"),
        ({}, "2026-01-30", False, "the request is not there yet"),
        ({"right": "complaint"}, "2026-02-01", False, "there is no extension for complaint"),
        ({"promise": Promise(months=1, extension=False)}, "2026-02-01", False, "the policy promises no extension"),
        ({"promise": Promise(days=14)}, "2026-02-16", False, "had to be told by 13 Feb 2026"),  # 14 February: Saturday
        ({"extended_on": day("2026-02-10")}, "2026-02-11", False, "extended already, on 10 Feb 2026"),
        ({"calendars": ("FR", "GB-ENG")}, "2026-03-02", True, "by 2 Mar 2026"),
        ({"calendars": ("US-CA",)}, "2026-03-17", True, "by 17 Mar 2026"),
        ({"calendars": ("US-CA", "FR")}, "2026-03-17", False, "had to be told by 2 Mar 2026"),
    ],
)
def test_s35_an_extension_is_told_in_the_first_month(
    change: dict[str, object], today: str, allowed: bool, reason: str
) -> None:
    fields = {name: getattr(BASE, name) for name in BASE.__struct_fields__} | change
    found = extension_on(Question(**fields), day(today))
    assert found.allowed == allowed
    assert reason in found.reason


@pytest.mark.parametrize(
    ("change", "field", "says"),
    [
        ({"right": "oblivion"}, "right", "unknown right 'oblivion'"),
        ({"right": "complaint", "calendars": ("US-CA",)}, "right", "CCPA sets no time for complaint"),
        ({"calendars": ()}, "calendars", "no calendar"),
        ({"calendars": ("FR", "UK")}, "calendars", "unknown calendar 'UK'"),
        ({"calendars": ("US",)}, "calendars", "no law is known for US"),
        ({"calendars": ("US-NY",)}, "calendars", "no law is known for US-NY"),
        ({"received": "2026-02-30"}, "received", "'2026-02-30' is not a date"),
        ({"received": "31/01/2026"}, "received", "not an RFC 3339 time"),
        ({"received": "2026-01-31T10:00:00"}, "received", "the time has no zone"),
        ({"received": "0001-01-01T00:00:00Z", "calendars": ("US-CA",)}, "received", "is not a date"),
        ({"received": "2018-05-24"}, "received", "no law is known for a request received in FR on 2018-05-24"),
        ({"received": "2018-07-19", "calendars": ("IS",)}, "received", "no law is known for a request received in IS"),
        ({"received": "2100-01-01"}, "received", "2100-01-01 is too far away"),
        ({"received": "2099-12-15"}, "received", "no holidays are known for the year 2100"),
        ({"pauses": (Pause(day("2026-02-10"), day("2026-02-03")),)}, "pauses", "before it begins"),
        ({"pauses": (Pause(day("2026-01-30"), day("2026-02-03")),)}, "pauses", "before the receipt"),
        ({"pauses": (Pause(day("2026-02-01"), None, "identity", day("2026-01-30")),)}, "pauses", "before the receipt"),
        (
            {"pauses": (Pause(day("2026-02-01"), day("2026-02-03"), "identity", day("2026-02-04")),)},
            "pauses",
            "was asked",
        ),
        ({"pauses": (Pause(day("2026-02-01"), None, "holiday"),)}, "pauses", "unknown reason 'holiday'"),
        ({"pauses": (Pause(day("2026-02-01"), day("9999-12-31")),)}, "pauses", "too far away"),
        ({"extended_on": day("2026-01-30")}, "extended_on", "before the receipt"),
        ({"extended_on": day("2026-03-03")}, "extended_on", "had to be told by 2026-03-02"),
        (
            {"extended_on": day("2026-02-02"), "right": "complaint"},
            "extended_on",
            "there is no extension for complaint",
        ),
        (
            {"extended_on": day("2026-02-02"), "promise": Promise(extension=False)},
            "extended_on",
            "promises no extension",
        ),
        ({"promise": Promise(months=1, days=1)}, "promise", "a number of months or of days"),
        ({"promise": Promise(days=-1)}, "promise", "of that length"),
        ({"target_hours": -1}, "target_hours", "target_hours is -1"),
        ({"ask_within_days": 10**12}, "ask_within_days", "ask_within_days is"),
    ],
)
def test_what_contradicts_itself_is_refused(change: dict[str, object], field: str, says: str) -> None:
    fields = {name: getattr(BASE, name) for name in BASE.__struct_fields__} | change
    with pytest.raises(UndatableError, match=re.escape(says)) as told:
        answer_due(Question(**fields))
    assert told.value.field == field
    assert told.value.fix


def test_the_vectors_are_enough_and_different() -> None:
    found = {(one[0], one[1]) for one in ONE_MONTH} | {("extended", one[0], one[1]) for one in EXTENDED}
    assert len(found) == len(ONE_MONTH) + len(EXTENDED)
    assert len(found) + len(WAITING) >= 60


@pytest.mark.parametrize(
    ("right", "waits", "waiting"),
    [
        ("access", "01-07.. identity", True),
        ("access", "01-07..01-20 identity", False),
        ("access", "01-07.. fee", False),  # it stops nothing here
        ("access", "01-13.. identity", False),  # asked late
        ("erasure", "01-07.. clarification", False),  # for access only
        ("complaint", "01-07.. identity", False),
    ],
)
def test_only_a_pause_that_counts_leaves_the_date_open(right: str, waits: str, waiting: bool) -> None:
    assert due("2026-01-05", "FR", right, waits).waiting == waiting
