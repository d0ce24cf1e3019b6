from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from connectors.files import dates


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (b'1.1.1.1 - - [17/May/2015:10:05:03 +0000] "GET /2020-01-01"', "2015-05-17"),
        (b"2024-02-29T01:02:03Z x", "2024-02-29"),
        (b"2023-02-29 then 2023-03-01 00:00", "2023-03-01"),
        (b"[17/Foo/2015:10:05:03 +0000]", None),
        (b"[32/May/2015:10:05:03 +0000]", None),
        (b"12024-01-01", None),
        (b"", None),
    ],
)
def test_date_in_a_line(line: bytes, expected: str | None) -> None:
    assert dates.in_line(line) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (dt.date(2024, 5, 6), "2024-05-06"),
        (dt.datetime(2024, 5, 6, 23, tzinfo=dt.UTC), "2024-05-06"),
        ("2024-05-06T10:00:00+02:00", "2024-05-06"),
        (1_700_000_000, "2023-11-14"),
        (1_700_000_000_000, "2023-11-14"),
        (1.7e9, "2023-11-14"),
        (float("inf"), None),
        (20_150_517, None),  # a day written as a number is no second of 1970, decades before its time
        (2024, None),
        (0, None),
        (True, None),
        (None, None),
        ("soon", None),
    ],
)
def test_date_of_a_value(value: Any, expected: str | None) -> None:
    assert dates.of_value(value) == expected


@pytest.mark.parametrize(
    ("date", "months", "expected"),
    [
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-11-30", 3, "2025-02-28"),
        ("2024-02-29", 120, "2034-02-28"),
        ("9999-06-01", 12, "9999-12-31"),
    ],
)
def test_months(date: str, months: int, expected: str) -> None:
    assert dates.add_months(date, months) == expected
