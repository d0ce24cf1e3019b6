"""Calendars of public holidays by code: ``FR``, ``GB-SCT``, ``DE-BE``, ``FR-57``. No clock.

A code is a country (ISO 3166-1) and, where holidays differ inside it, a subdivision (ISO 3166-2: England is not
Scotland). An unknown one is an error, never "no holidays". A country alone counts only the holidays that all its parts
share: fewer holidays can only make a date earlier, so this errs for the person.

The days come from the library ``holidays``, public ones only: no school, bank or half holidays. Names are always
asked for in English; the library would else look at the machine's language, and the same request would be told in
other words elsewhere (I5).
"""

from __future__ import annotations

import datetime as dt
import difflib
import functools
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

import msgspec

from orchestrator.errors import UsageError

if TYPE_CHECKING:
    from holidays import HolidayBase

EU: Final = frozenset(
    [
        "AT",
        "BE",
        "BG",
        "CY",
        "CZ",
        "DE",
        "DK",
        "EE",
        "ES",
        "FI",
        "FR",
        "GR",
        "HR",
        "HU",
        "IE",
        "IT",
        "LT",
        "LU",
        "LV",
        "MT",
        "NL",
        "PL",
        "PT",
        "RO",
        "SE",
        "SI",
        "SK",
    ]
)
EEA: Final = frozenset({"IS", "LI", "NO"})
COUNTRIES: Final = tuple(sorted((*EU, *EEA, "GB", "US")))
"""Countries with a calendar here: those whose law `regimes` knows."""

WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
LAST_YEAR: Final = 2099
"""Holidays are not computed beyond; a period that would end later has no date."""

_FIRST_YEAR: Final = 2008
"""From here on the library knows all of `COUNTRIES`; the law of `regimes` begins ten years later."""

_SATURDAY: Final = 5
_ISO_SUBDIVISION: Final = re.compile(r"[A-Z0-9]{1,3}")
_OTHER_NAMES: Final = {"UK": "GB", "EL": "GR"}  # as the institutions of the Union write them
_FEDERAL: Final = frozenset({"US"})
"""Where a part lists days on which business goes on (California: 15 February): only what the whole shares counts."""


class UndatableError(UsageError):
    """A date that cannot be computed, because of what was asked.

    Attributes:
        field: Of the question: ``received``, ``calendars``, ``right``, ``pauses``, ``extended_on``, ``promise``, ...
    """

    def __init__(self, field: str, what: str, *, why: str = "", fix: str = "") -> None:
        super().__init__(what, where=field, why=why, fix=fix)
        self.field = field


class Calendar(msgspec.Struct, frozen=True):
    """A calendar that exists. ``shared``: a country whose parts differ; only what they share counts."""

    code: str
    country: str
    subdivision: str | None
    shared: bool


@functools.cache
def calendar_of(code: str) -> Calendar:
    """Find a calendar.

    Raises:
        UndatableError: no such country or subdivision; names close ones, and what is known.
    """
    country, dash, part = code.partition("-")
    if country not in COUNTRIES:
        raise _unknown(code, COUNTRIES)
    parts = subdivisions(country)
    if dash and part not in parts:
        raise _unknown(code, (country, *(f"{country}-{one}" for one in parts)))
    return Calendar(code, country, part or None, shared=not part and bool(parts))


@functools.cache
def subdivisions(country: str) -> tuple[str, ...]:
    """Give the ISO 3166-2 parts of a country that have holidays of their own; zones of schools and cities are none."""
    return tuple(one for one in _entity(country).subdivisions if _ISO_SUBDIVISION.fullmatch(one))


def _entity(country: str) -> type[HolidayBase]:
    import holidays  # 0.1 s, for who needs a calendar only

    found: type[HolidayBase] = getattr(holidays, country)
    return found


def _unknown(code: str, known: tuple[str, ...]) -> UndatableError:
    wanted = code.strip().upper().replace("_", "-")
    close = [_OTHER_NAMES[wanted]] if wanted in _OTHER_NAMES else []
    close += [one for name, one in _names().items() if name.casefold() == code.strip().casefold()]
    if not close and wanted in _names().values():
        close = [wanted]
    close = close or difflib.get_close_matches(wanted, known, n=3, cutoff=0.6)
    hint = f"did you mean {' or '.join(close)}? " if close else ""
    return UndatableError(
        "calendars",
        f"unknown calendar {code!r}",
        why="a calendar is a country or one of its parts; without it nobody knows which days are holidays",
        fix=f"{hint}known: {', '.join(known)}",
    )


@functools.cache
def _names() -> Mapping[str, str]:
    """Names and codes that a person may write instead of a code; for advice only."""
    found: dict[str, str] = {}
    for country in COUNTRIES:
        entity = _entity(country)
        found[entity.__mro__[1].__name__] = country
        found[country] = country
        found |= {f"{country}-{part}": f"{country}-{part}" for part in subdivisions(country)}
        found |= {
            name: f"{country}-{part}"
            for name, part in entity.subdivisions_aliases.items()
            if len(name) > len("XXX") and part in subdivisions(country)
        }
    return found


@functools.cache
def holidays_of(code: str, year: int) -> Mapping[dt.date, str]:
    """Give the public holidays of a year, with their names; cached, for years come back with every request.

    Raises:
        UndatableError: an unknown calendar, or a year that is not computed.
    """
    calendar = calendar_of(code)
    if not _FIRST_YEAR <= year <= LAST_YEAR:
        raise UndatableError(
            "received",
            f"no holidays are known for the year {year}",
            why=f"calendars are computed for {_FIRST_YEAR} to {LAST_YEAR}",
            fix="check the date of receipt",
        )
    if calendar.shared:
        days = _days(calendar.country, None, year)
        for part in subdivisions(calendar.country):
            other = _days(calendar.country, part, year)
            days = {day: name for day, name in days.items() if day in other}
    else:
        days = _days(calendar.country, calendar.subdivision, year)
        if calendar.country in _FEDERAL:
            whole = _days(calendar.country, None, year)
            days = {day: name for day, name in days.items() if day in whole}
    return MappingProxyType(days)


def _days(country: str, part: str | None, year: int) -> dict[dt.date, str]:
    made = _entity(country)(years=year, subdiv=part, expand=False, language="en_US")
    return {day: name for day, name in sorted(made.items()) if day.year == year}


def closed(code: str, day: dt.date) -> str | None:
    """Say why a day is no working day: the holiday's name or the weekday; None if it is one.

    Regulation 1182/71 art. 2(2): working days are all days but public holidays, Sundays and Saturdays.
    """
    name = holidays_of(code, day.year).get(day)
    if day.weekday() >= _SATURDAY:
        return WEEKDAYS[day.weekday()]
    return name


def next_working_day(code: str, day: dt.date) -> tuple[dt.date, tuple[str, ...]]:
    """Give this day or the next working one, and what stood in the way.

    Reasons: that of the day itself, then the holidays on the way; the weekend after a holiday goes without saying.
    """
    reasons: list[str] = []
    while (why := closed(code, day)) is not None:
        if not reasons or day.weekday() < _SATURDAY:
            reasons.append(why)
        day += dt.timedelta(days=1)
    return day, tuple(reasons)


def previous_working_day(code: str, day: dt.date) -> dt.date:
    """Give this day or the last working one before it."""
    while closed(code, day) is not None:
        day -= dt.timedelta(days=1)
    return day
