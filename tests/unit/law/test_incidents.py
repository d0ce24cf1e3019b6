"""By when an authority is told of an incident: 72 hours, whatever day it is, and the law of each controller."""

from __future__ import annotations

import datetime as dt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.law.calendars import UndatableError
from orchestrator.law.incidents import notify_by
from orchestrator.law.texts import LIBRARY

PARIS = dt.timezone(dt.timedelta(hours=1))


@pytest.mark.parametrize(
    ("detected", "calendar", "by", "text"),
    [
        # Friday evening: it ends on Monday evening, and no weekend moves it.
        (
            dt.datetime(2026, 3, 6, 18, 30, tzinfo=PARIS),
            "FR",
            dt.datetime(2026, 3, 9, 17, 30, tzinfo=dt.UTC),
            "gdpr-33",
        ),
        # Good Friday to Easter Monday: a last hour on a holiday stays where it is (Regulation 1182/71 art. 3(4)).
        (dt.datetime(2026, 4, 3, 9, tzinfo=dt.UTC), "DE", dt.datetime(2026, 4, 6, 9, tzinfo=dt.UTC), "gdpr-33"),
        # The night in which the clocks go forward has 72 hours all the same.
        (dt.datetime(2026, 3, 28, 1, tzinfo=dt.UTC), "ES", dt.datetime(2026, 3, 31, 1, tzinfo=dt.UTC), "gdpr-33"),
        (dt.datetime(2028, 2, 27, 1, tzinfo=dt.UTC), "BE", dt.datetime(2028, 3, 1, 1, tzinfo=dt.UTC), "gdpr-33"),
        (dt.datetime(2026, 3, 6, 9, tzinfo=dt.UTC), "GB-SCT", dt.datetime(2026, 3, 9, 9, tzinfo=dt.UTC), "uk-gdpr-33"),
        # The GDPR was the law of the United Kingdom until the end of 2020.
        (dt.datetime(2020, 12, 31, 9, tzinfo=dt.UTC), "GB-ENG", dt.datetime(2021, 1, 3, 9, tzinfo=dt.UTC), "gdpr-33"),
    ],
)
def test_72_hours_go_on_over_weekends_and_holidays(
    detected: dt.datetime, calendar: str, by: dt.datetime, text: str
) -> None:
    found = notify_by(detected, calendar)
    assert (found.by, found.text) == (by, text)
    assert f"{by:%Y-%m-%d %H:%M}" in found.trace[1]
    assert text in LIBRARY


def test_no_time_is_made_up_where_no_text_is_known() -> None:
    found = notify_by(dt.datetime(2026, 3, 6, tzinfo=dt.UTC), "US-CA")
    assert (found.by, found.text) == (None, "")
    assert "ask counsel" in found.trace[1]


@pytest.mark.parametrize("calendar", ["ZZ", "JP", ""])
def test_an_unknown_calendar_is_refused(calendar: str) -> None:
    with pytest.raises(UndatableError):
        notify_by(dt.datetime(2026, 3, 6, tzinfo=dt.UTC), calendar)


@given(st.datetimes(dt.datetime(2021, 1, 2), dt.datetime(2090, 1, 1)), st.sampled_from(["FR", "ES", "NL", "GB-ENG"]))
def test_it_is_always_exactly_72_hours_later(detected: dt.datetime, calendar: str) -> None:
    aware = detected.replace(tzinfo=dt.UTC)
    assert notify_by(aware, calendar).by == aware + dt.timedelta(hours=72)
