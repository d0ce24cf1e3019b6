"""What a request may say, and the times it says it with."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import msgspec
import pytest

from schemas.errors import SchemaError
from schemas.identifiers import Identifier
from schemas.requests import (
    CLOCK_SKEW,
    MAX_IDENTIFIERS,
    RequestForm,
    Right,
    Scope,
    new_request_id,
    normalised,
    parse_time,
    utc,
    validated,
)

NOW = dt.datetime(2026, 2, 1, 12, tzinfo=dt.UTC)
FORM = RequestForm(Right.ERASURE, (Identifier("email", "Ann@Example.org"),))


def _changed(**changes: Any) -> RequestForm:
    return msgspec.structs.replace(FORM, **changes)


def test_a_valid_form_comes_back_normalised() -> None:
    form = validated(
        _changed(
            identifiers=(
                Identifier("email", " ann@EXAMPLE.org"),
                *FORM.identifiers,
                Identifier("phone", "0033123456789"),
            ),
            received_at="2026-02-01T12:30:00.1239+01:00",
            request_id="r-1",
            controllers=("acme",),
            scope=Scope(("crm",)),
            locale="zh-Hant-TW",
            channel="web",
        ),
        now=NOW,
    )
    assert form.identifiers == (Identifier("email", "ann@example.org"), Identifier("phone", "+33123456789"))
    assert form.received_at == "2026-02-01T11:30:00.123Z"
    assert (form.request_id, form.controllers, form.scope.systems) == ("r-1", ("acme",), ("crm",))
    assert validated(FORM, now=NOW).received_at is None


def test_validating_twice_changes_nothing() -> None:
    once = validated(_changed(received_at="2026-01-31T09:30:00Z"), now=NOW)
    assert validated(once, now=NOW) == once


BAD = [
    ({"identifiers": ()}, "request.identifiers.none", "$.identifiers"),
    ({"identifiers": FORM.identifiers * (MAX_IDENTIFIERS + 1)}, "request.identifiers.many", "$.identifiers"),
    ({"identifiers": (*FORM.identifiers, Identifier("ip", "x"))}, "identifier.ip", "$.identifiers[1].value"),
    ({"identifiers": (Identifier("emial", "x"),)}, "identifier.kind", "$.identifiers[0].kind"),
    ({"request_id": ""}, "request.id", "$.request_id"),
    ({"request_id": "-x"}, "request.id", "$.request_id"),
    ({"request_id": "x" * 65}, "request.id", "$.request_id"),
    ({"request_id": "x\n"}, "request.id", "$.request_id"),
    ({"request_id": "\u0661"}, "request.id", "$.request_id"),
    ({"controllers": ("a", "b", "c d")}, "request.name", "$.controllers[2]"),
    ({"scope": Scope(("crm", ""))}, "request.name", "$.scope.systems[1]"),
    ({"locale": ""}, "request.locale", "$.locale"),
    ({"locale": "en_GB.UTF-8"}, "request.locale", "$.locale"),
    ({"channel": "ann@example.org"}, "request.channel", "$.channel"),
    ({"channel": "x" * 65}, "request.channel", "$.channel"),
    ({"received_at": "2026-02-01T12:05:00.001Z"}, "request.received_at.future", "$.received_at"),
    ({"received_at": "2026-02-01T12:00:00"}, "time.zone", "$.received_at"),
    ({"received_at": "today"}, "time.format", "$.received_at"),
]


@pytest.mark.parametrize(("changes", "rule", "where"), BAD)
def test_a_form_that_breaks_a_rule_is_refused_with_its_place_and_a_fix(
    changes: dict[str, Any], rule: str, where: str
) -> None:
    with pytest.raises(SchemaError) as caught:
        validated(_changed(**changes), now=NOW)
    assert (caught.value.rule, caught.value.where) == (rule, where)
    assert caught.value.fix


def test_the_limits_themselves_are_allowed() -> None:
    many = tuple(Identifier("customer_id", str(n)) for n in range(MAX_IDENTIFIERS))
    assert validated(_changed(identifiers=many), now=NOW).identifiers == many
    assert validated(_changed(received_at=utc(NOW + CLOCK_SKEW)), now=NOW).received_at == "2026-02-01T12:05:00.000Z"
    assert normalised(FORM.identifiers) == (Identifier("email", "ann@example.org"),)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-01-31T09:30:00Z", "2026-01-31T09:30:00.000Z"),
        ("2026-01-31t09:30:00z", "2026-01-31T09:30:00.000Z"),
        ("2026-01-31T09:30:00+05:45", "2026-01-31T03:45:00.000Z"),
        ("2026-01-31T00:30:00+01:00", "2026-01-30T23:30:00.000Z"),
        ("2026-01-31T09:30:00-00:00", "2026-01-31T09:30:00.000Z"),
        ("2024-02-29T23:59:59.999999999Z", "2024-02-29T23:59:59.999Z"),
        ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.000Z"),
        ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.000Z"),
    ],
)
def test_a_time_is_read_and_written_as_rfc_3339(text: str, moment: str) -> None:
    assert utc(parse_time(text, where="$")) == moment
    assert utc(parse_time(moment, where="$")) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-01-31",
        "20260131T093000Z",
        "2026-W05-6T09:30:00Z",
        "2026-01-31 09:30:00Z",
        "2026-01-31T09:30Z",
        "2026-01-31T09:30:00,5Z",
        "2026-01-31T09:30:00 +01:00",
        "2026-01-31T09:30:00+01",
        "2026-01-31T09:30:00+01:00:30",
        "2026-01-31T24:00:00Z",
        "2026-01-31T23:59:60Z",
        "2026-02-30T09:30:00Z",
        "2026-13-01T09:30:00Z",
        "2026-01-31T09:30:00Z\n",
        "\u0662026-01-31T09:30:00Z",
        "0000-01-01T00:00:00Z",
        "0001-01-01T00:00:00+23:59",
        "9999-12-31T23:59:59-23:59",
        "2026-01-31T09:30:00+24:00",
    ],
)
def test_a_time_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_time(text, where="$.t")
    assert (caught.value.rule, caught.value.where) == ("time.format", "$.t")


@pytest.mark.parametrize("text", ["2026-01-31T09:30:00", "2026-01-31T09:30:00.5"])
def test_a_time_without_zone_is_refused_as_such(text: str) -> None:
    with pytest.raises(SchemaError) as caught:
        parse_time(text, where="$.t")
    assert caught.value.rule == "time.zone"


def test_a_new_request_id_is_a_uuid_of_version_7_that_sorts_by_time() -> None:
    start = dt.datetime(2026, 11, 26, 12, tzinfo=dt.UTC)
    moments = [start + dt.timedelta(milliseconds=step) for step in range(50)]
    ids = [new_request_id(moment, bytes([step * 37 % 256] * 16)) for step, moment in enumerate(moments)]
    assert ids == sorted(ids)
    for one, moment in zip(ids, moments, strict=True):
        assert uuid.UUID(one).version == 7
        assert uuid.UUID(one).variant == uuid.RFC_4122
        assert int(one.replace("-", "")[:12], 16) == int(moment.timestamp() * 1000)
    assert new_request_id(start, b"\0" * 16) != new_request_id(start, b"\xff" * 16)
