"""Periods in months (Regulation 1182/71 art. 3) and the response time (GDPR Art. 12(3))."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.law.periods import add_months, last_expired_anchor, response_due

DAYS = st.dates(dt.date(1900, 1, 1), dt.date(2300, 12, 31))
MONTHS = st.integers(0, 600)


@pytest.mark.parametrize(
    ("received", "due"),
    [
        ("2026-01-31", "2026-02-28"),
        ("2028-01-31", "2028-02-29"),
        ("2026-02-28", "2026-03-28"),
        ("2026-03-31", "2026-04-30"),
        ("2026-12-31", "2027-01-31"),
        ("2026-08-31", "2026-09-30"),
        ("2100-01-30", "2100-02-28"),
    ],
)
def test_the_answer_is_due_one_month_after_receipt(received: str, due: str) -> None:
    day, rule = response_due(dt.date.fromisoformat(received))
    assert day.isoformat() == due
    assert rule == "GDPR Art. 12(3), one month; Regulation 1182/71 art. 3"


@pytest.mark.parametrize(
    ("day", "months", "moved"),
    [
        ("2026-03-31", -1, "2026-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-02-29", -48, "2020-02-29"),
        ("2026-01-15", 0, "2026-01-15"),
        ("2026-01-15", -1, "2025-12-15"),
        ("2026-12-15", 1, "2027-01-15"),
    ],
)
def test_months_keep_the_date_number_or_the_last_day(day: str, months: int, moved: str) -> None:
    assert add_months(dt.date.fromisoformat(day), months).isoformat() == moved


@pytest.mark.parametrize(
    ("today", "months", "anchor"),
    [
        ("2026-02-28", 6, "2025-08-31"),
        ("2026-02-27", 6, "2025-08-27"),
        ("2028-02-29", 6, "2027-08-31"),
        ("2026-03-01", 120, "2016-03-01"),
        ("2026-02-28", 120, "2016-02-29"),
        ("2026-05-05", 0, "2026-05-05"),
    ],
)
def test_the_last_anchor_that_is_over(today: str, months: int, anchor: str) -> None:
    assert last_expired_anchor(dt.date.fromisoformat(today), months).isoformat() == anchor


@given(day=DAYS, other=DAYS, months=MONTHS)
def test_a_later_day_never_ends_earlier(day: dt.date, other: dt.date, months: int) -> None:
    first, second = sorted((day, other))
    assert add_months(first, months) <= add_months(second, months)


@given(day=DAYS, months=st.integers(-600, 600))
def test_a_period_has_its_months(day: dt.date, months: int) -> None:
    end = add_months(day, months)
    assert (end.year - day.year) * 12 + end.month - day.month == months
    assert end.day == day.day or (end.day < day.day and (end + dt.timedelta(days=1)).day == 1)


@given(today=DAYS, months=MONTHS, distance=st.integers(-40, 40))
def test_an_anchor_is_over_exactly_when_its_period_has_ended(today: dt.date, months: int, distance: int) -> None:
    last = last_expired_anchor(today, months)
    anchor = last + dt.timedelta(days=distance)
    assert (anchor <= last) == (add_months(anchor, months) <= today)
