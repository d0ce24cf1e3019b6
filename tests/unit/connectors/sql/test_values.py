from __future__ import annotations

import datetime as dt
import decimal
import uuid
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.dating import add_months
from connectors.errors import PermanentError
from connectors.sql.values import (
    anchor_date,
    as_decimal,
    as_integer,
    as_uuid,
    cell,
    decode_key,
    digits_form,
    encode_key,
    key_decoder,
    lower_form,
    text_of,
)

DAY = dt.date(2024, 2, 29)


@given(st.tuples(st.integers(-(2**63), 2**63 - 1), st.text(), st.uuids(), st.dates(), st.datetimes()))
def test_a_key_reads_back_as_it_was(key: tuple[Any, ...]) -> None:
    decoder = key_decoder((int, str, uuid.UUID, dt.date, dt.datetime))
    assert decode_key(decoder, encode_key(key)) == key


def test_a_key_is_json_list_text() -> None:
    assert encode_key((17, "a")) == '[17,"a"]'


@pytest.mark.parametrize("text", ["[1,2]", '["x"]', "17", "", "[null]"])
def test_a_key_of_another_map_is_not_taken_for_gone(text: str) -> None:
    with pytest.raises(PermanentError) as caught:
        decode_key(key_decoder((int,)), text)
    assert caught.value.code == "key_mismatch"


@pytest.mark.parametrize(("key", "code"), [((None,), "null_key"), ((b"x",), "key_type")])
def test_a_row_without_a_usable_key_stops(key: tuple[Any, ...], code: str) -> None:
    with pytest.raises(PermanentError) as caught:
        encode_key(key)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("value", "date"),
    [
        (DAY, DAY),
        (dt.datetime(2024, 2, 29, 23), DAY),
        ("2024-02-29", DAY),
        (" 2024-02-29T23:59:59Z", DAY),
        ("2024-02-29 10:00:00", DAY),
        (1709164800, DAY),
        (1709164800.5, DAY),
        (1709164800000, DAY),
        (None, None),
        ("", None),
        ("29.02.2024", None),
        ("2023-02-29", None),
        ("2024-02-291", None),
        (20240229, None),
        (2024, None),
        (2460369.5, None),
        (True, None),
        (float("inf"), None),
        (float("nan"), None),
        (b"2024-02-29", None),
    ],
)
def test_anchor_dates(value: Any, date: dt.date | None) -> None:
    assert anchor_date(value) == date


@pytest.mark.parametrize(
    ("start", "months", "end"),
    [
        ("2024-01-31", 1, "2024-02-29"),
        ("2023-01-31", 1, "2023-02-28"),
        ("2024-02-29", 12, "2025-02-28"),
        ("2024-05-15", 120, "2034-05-15"),
        ("2024-12-31", 2, "2025-02-28"),
        ("9999-12-31", 1, "9999-12-31"),
    ],
)
def test_months_are_added_to_the_same_day_or_the_last(start: str, months: int, end: str) -> None:
    assert add_months(dt.date.fromisoformat(start), months) == dt.date.fromisoformat(end)


def test_integers_are_compared_as_they_are_written() -> None:
    texts = ["0", "-5", "007", "+7", "abc", "1.0", "", "9" * 30, str(2**63), "\u0663", "-0"]
    assert [as_integer(text) for text in texts] == [0, -5, None, None, None, None, None, None, None, None, None]


def test_other_types_never_raise() -> None:
    assert as_uuid("no") is None
    assert as_decimal("no") is None
    assert as_decimal("NaN") is None
    assert as_decimal("1.50") == decimal.Decimal("1.50")


def test_texts_of_stored_values() -> None:
    values = [None, b"x", True, 5, 5.0, 5.5, DAY, "a "]
    assert [text_of(value) for value in values] == ["", "", "", "5", "5", "5.5", "2024-02-29", "a "]


def test_forms() -> None:
    assert lower_form(" E\u0301VA@X.example ") == lower_form("\u00e9va@x.EXAMPLE")
    assert digits_form("+1 (780) 428-9482") == digits_form("0017804289482") == "17804289482"
    assert digits_form("+49 (0)30 123456") == "4930123456"
    assert digits_form("n/a") == ""


def test_cells_are_safe_for_json() -> None:
    key = uuid.UUID(int=1)
    values = [None, 1, 1.5, True, "a", DAY, dt.datetime(2024, 1, 1, 1), b"\x00\xff", decimal.Decimal("1.10"), key]
    assert [cell(value) for value in values] == [
        None, 1, 1.5, True, "a", "2024-02-29", "2024-01-01T01:00:00", "AP8=", "1.10", str(key),
    ]  # fmt: skip
    assert cell({"a": [1]}) == '{"a":[1]}'
    assert cell(memoryview(b"a")) == "YQ=="
