"""What belongs to which right; and that a value that is to be written shows nowhere (I4)."""

from __future__ import annotations

import datetime as dt
import json

import pytest
from rich.pretty import pretty_repr

from schemas.codec import decode_sealed
from schemas.errors import SchemaError
from schemas.identifiers import Identifier
from schemas.particulars import MAX_CORRECTIONS, MAX_PURPOSES, MAX_VALUE, Corrections, Sealing
from schemas.publishing import request_event
from schemas.requests import RequestForm, Right, validated
from schemas.sealing import Binding, IntakePrivateKey

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)
ANN = (Identifier("email", "ann@example.org"),)
MANY = tuple(f"p{n}" for n in range(MAX_PURPOSES + 1))
SECRET = "canary4711"


def corrected(corrections: Corrections) -> RequestForm:
    return RequestForm(Right.RECTIFICATION, ANN, corrections=corrections)


@pytest.mark.parametrize(
    ("form", "rule"),
    [
        (corrected({"crm/contacts": {"city": "x" * (MAX_VALUE + 1)}}), "request.corrections.long"),
        (corrected({"crm/contacts": {SECRET + "@example.org": 1}}), "request.corrections.field"),
        (corrected({"crm/contacts": {"n": 1 << 64}}), "request.corrections.value"),
        (corrected({"crm/contacts": {"n": float("inf")}}), "request.corrections.value"),
        (corrected({"crm/contacts": {}}), "request.corrections.none"),
        (corrected({SECRET: {"city": SECRET}}), "request.corrections.path"),
        (corrected({"crm/contacts": {f"f{n}": 1 for n in range(MAX_CORRECTIONS + 1)}}), "request.corrections.many"),
        (
            RequestForm(Right.OBJECTION, ANN, purposes=MANY),
            "request.purposes.many",
        ),
        (RequestForm(Right.PORTABILITY, ANN, transfer_to="a b"), "request.name"),
    ],
)
def test_what_breaks_a_rule_is_refused_without_its_value(form: RequestForm, rule: str) -> None:
    with pytest.raises(SchemaError) as caught:
        validated(form, now=NOW)
    assert caught.value.rule == rule
    assert caught.value.fix
    assert SECRET not in str(caught.value) + caught.value.message + caught.value.where + caught.value.fix


def test_corrections_are_sealed_in_one_order_and_shown_nowhere() -> None:
    one = validated(corrected({"hr/staff": {"b": SECRET, "a": None}, "crm/contacts": {"city": SECRET}}), now=NOW)
    two = validated(corrected({"crm/contacts": {"city": SECRET}, "hr/staff": {"a": None, "b": SECRET}}), now=NOW)
    key = IntakePrivateKey("intake-test", bytes(range(1, 33)))
    events = [
        request_event(form, key.public(), request_id="r", source="/x", now="2026-03-01T00:00:00.000Z", chance=bytes)
        for form in (one, two)
    ]
    assert events[0] == events[1]
    assert SECRET.encode() not in bytes(events[0].data)
    assert SECRET not in repr(one) + pretty_repr(one) + repr(Sealing(ANN, one.corrections))
    sealed = json.loads(bytes(events[0].data))["sealed"]
    assert decode_sealed(key.open(sealed, Binding(req="r", use="request"))) == Sealing(ANN, one.corrections)


def test_a_bare_list_is_read_as_before() -> None:
    assert decode_sealed(b'[{"kind":"email","value":"Ann@Example.org"}]') == Sealing(ANN)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"identifiers":[]}',
        b'{"identifiers":[{"kind":"email","value":"ann@example.org"}],"corrections":{"crm":{"a":"canary4711"}}}',
        b'{"identifiers":[{"kind":"email","value":"ann@example.org"}],"correction":{}}',
        b'{"identifiers":[{"kind":"email","value":"ann@example.org"}],"corrections":{"crm/c":{"a":["canary4711"]}}}',
        b"{",
    ],
)
def test_what_another_program_sealed_is_held_to_the_same_rules(raw: bytes) -> None:
    with pytest.raises(SchemaError) as caught:
        decode_sealed(raw)
    assert SECRET not in str(caught.value)
