"""Calendars by code: which days are closed where, and what happens to a code that nobody knows."""

from __future__ import annotations

import datetime as dt
import os
import subprocess
import sys

import pytest

from orchestrator.law import calendars
from orchestrator.law.calendars import (
    COUNTRIES,
    UndatableError,
    calendar_of,
    closed,
    holidays_of,
    next_working_day,
    previous_working_day,
)


@pytest.mark.parametrize(
    ("code", "day", "why"),
    [
        ("FR", "2026-05-01", "Labor Day"),
        ("FR", "2026-04-03", None),  # Good Friday: Alsace and Moselle only
        ("FR-57", "2026-04-03", "Good Friday"),
        ("FR-57", "2026-12-26", "Saturday"),
        ("FR-57", "2025-12-26", "Saint Stephen's Day"),
        ("FR", "2025-12-26", None),
        ("GB-ENG", "2026-04-06", "Easter Monday"),
        ("GB-SCT", "2026-04-06", None),  # Scotland works on Easter Monday
        ("GB", "2026-04-06", None),
        ("GB-SCT", "2026-01-02", "New Year Holiday"),
        ("GB-ENG", "2026-01-02", None),
        ("GB-SCT", "2026-11-30", "Saint Andrew's Day"),
        ("GB-ENG", "2026-11-30", None),
        ("GB-ENG", "2026-08-31", "Late Summer Bank Holiday"),
        ("GB-SCT", "2026-08-31", None),
        ("GB", "2026-08-31", None),
        ("GB-ENG", "2026-12-28", "Boxing Day (observed)"),
        ("DE", "2026-01-06", None),  # Epiphany: Bavaria and two others
        ("DE-BY", "2026-01-06", "Epiphany"),
        ("DE-BE", "2027-03-08", "Women's Day"),
        ("DE-BB", "2027-03-08", None),
        ("ES", "2025-05-02", None),
        ("ES-MD", "2025-05-02", "Madrid Day"),
        ("NL", "2026-04-27", "King's Day"),
        ("NL", "2026-05-01", None),  # no Labour Day in the Netherlands
        ("BE", "2026-07-21", "National Day"),
        ("NL", "2026-07-21", None),
        ("FR", "2026-02-28", "Saturday"),
        ("FR", "2026-03-01", "Sunday"),
        ("US-CA", "2026-11-26", "Thanksgiving Day"),
        ("US-CA", "2027-03-31", None),  # Cesar Chavez Day: offices of the state close, business does not
    ],
)
def test_a_day_is_closed_where_it_is(code: str, day: str, why: str | None) -> None:
    assert closed(code, dt.date.fromisoformat(day)) == why


@pytest.mark.parametrize(
    ("code", "advice"),
    [
        ("UK", "did you mean GB? "),
        ("EL", "did you mean GR? "),
        ("England", "did you mean GB-ENG? "),
        ("france", "did you mean FR? "),
        ("fr", "did you mean FR? "),
        ("es_md", "did you mean ES-MD? "),
        ("GB-EN", "did you mean GB-ENG"),
        ("DE-Augsburg", "known: DE, DE-BB, DE-BE"),
        ("NL-Noord", "known: NL"),
        ("FR-Zone A", "known: FR, FR-57"),
        ("FR-", "did you mean FR or "),
        ("JP", "known: AT, BE, BG"),
        ("", "known: AT, BE, BG"),
    ],
)
def test_an_unknown_calendar_is_refused_and_never_without_holidays(code: str, advice: str) -> None:
    with pytest.raises(UndatableError, match="unknown calendar") as told:
        calendar_of(code)
    assert told.value.fix.startswith(advice)
    assert (told.value.field, told.value.exit_code) == ("calendars", 2)
    with pytest.raises(UndatableError):
        closed(code, dt.date(2026, 1, 1))


@pytest.mark.parametrize("country", COUNTRIES)
@pytest.mark.parametrize("year", [2018, 2026, 2050])
def test_a_country_alone_has_the_holidays_that_all_its_parts_share(country: str, year: int) -> None:
    alone = holidays_of(country, year).keys()
    assert len(alone) > 5
    for part in calendars.subdivisions(country):
        if country != "US":
            assert alone <= holidays_of(f"{country}-{part}", year).keys(), part


def test_a_country_that_is_the_same_everywhere_is_no_shared_one() -> None:
    assert [code for code in ("FR", "GB", "DE", "ES", "NL", "BE", "GB-SCT") if calendar_of(code).shared] == [
        "FR",
        "GB",
        "DE",
        "ES",
    ]


@pytest.mark.parametrize("year", [2007, 2100])
def test_a_year_that_is_not_computed_is_refused(year: int) -> None:
    with pytest.raises(UndatableError, match=f"no holidays are known for the year {year}"):
        holidays_of("FR", year)


@pytest.mark.parametrize(
    ("code", "day", "moved", "reasons"),
    [
        ("FR", "2026-02-27", "2026-02-27", ()),
        ("FR", "2026-02-28", "2026-03-02", ("Saturday",)),
        ("FR", "2025-11-30", "2025-12-01", ("Sunday",)),
        ("FR", "2026-05-01", "2026-05-04", ("Labor Day",)),
        ("DE", "2028-04-30", "2028-05-02", ("Sunday", "Labor Day")),
        ("GB-ENG", "2026-04-03", "2026-04-07", ("Good Friday", "Easter Monday")),
        ("GB-SCT", "2026-04-03", "2026-04-06", ("Good Friday",)),
        ("GB-ENG", "2026-12-25", "2026-12-29", ("Christmas Day", "Boxing Day (observed)")),
        ("NL", "2025-12-25", "2025-12-29", ("Christmas Day", "Second Day of Christmas")),
    ],
)
def test_the_next_working_day(code: str, day: str, moved: str, reasons: tuple[str, ...]) -> None:
    assert next_working_day(code, dt.date.fromisoformat(day)) == (dt.date.fromisoformat(moved), reasons)


def test_the_previous_working_day() -> None:
    assert previous_working_day("GB-ENG", dt.date(2026, 4, 6)) == dt.date(2026, 4, 2)
    assert previous_working_day("FR", dt.date(2026, 2, 27)) == dt.date(2026, 2, 27)


def test_names_do_not_depend_on_the_language_of_the_machine() -> None:
    # A request that is replayed on another machine has to be told in the same words (I5).
    told = "from orchestrator.law.calendars import holidays_of as h; print(ascii([*h('FR', 2026).values()]))"
    said = {
        subprocess.run(
            [sys.executable, "-c", told],
            env={**os.environ, "LANGUAGE": language, "LC_ALL": "C.UTF-8", "LANG": "C.UTF-8"},
            capture_output=True,
            check=True,
        ).stdout
        for language in ("fr", "en", "uk")
    }
    assert len(said) == 1
    assert b"Labor Day" in said.pop()
