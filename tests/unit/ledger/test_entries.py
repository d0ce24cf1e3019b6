"""Statements, and the one form that every document has."""

from __future__ import annotations

import json
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import VerificationError
from orchestrator.ledger import entries
from orchestrator.ledger.record import is_canonical

RECEIVED = entries.Received(1, "r1", "erasure", ("acme",), "2026-01-01T00:00:00.000Z", "2026-02-01", "")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(VALUES)
def test_what_the_library_writes_is_canonical_and_no_other_way_is(value: Any) -> None:
    raw = rfc8785.dumps(value)
    assert is_canonical(raw)
    for other in (json.dumps(value, indent=1).encode(), json.dumps(value).encode(), raw + b" "):
        assert is_canonical(other) == (other == raw)


@pytest.mark.parametrize(
    "raw",
    [b"1.0", b"1e3", b"NaN", b"Infinity", b"9007199254740992", b"-0", b"", b"{", b"[1.5]", b'{"a":1,"a":1,}', b"\xff"],
)
def test_numbers_that_not_every_reader_reads_alike_are_refused(raw: bytes) -> None:
    with pytest.raises(ValueError):
        is_canonical(raw)


@pytest.mark.parametrize("raw", [b'{"a":1,"a":1}', b'{"b":1,"a":1}', b'{"a": 1}', b'"\\u0041"', b'"\\/"'])
def test_another_way_to_write_it_is_not_canonical(raw: bytes) -> None:
    assert not is_canonical(raw)


def test_a_statement_comes_back() -> None:
    raw = entries.written(RECEIVED, bytes(32))
    found = entries.read(raw)
    assert isinstance(found, entries.Received)
    assert (found.request_id, found.right) == ("r1", "erasure")


@pytest.mark.parametrize(
    "change",
    [
        {"v": 2},
        {"salt": "AA"},
        {"kind": "dsr-other"},
        {"more": 1},
        {"request_id": None},
        {"v": 1.0},
    ],
)
def test_what_is_no_statement_of_this_version_is_refused(change: dict[str, object]) -> None:
    said = json.loads(entries.written(RECEIVED, bytes(32))) | change
    raw = json.dumps(said, separators=(",", ":"), sort_keys=True).encode()
    with pytest.raises(VerificationError):
        entries.read(raw)


def test_a_statement_in_another_form_is_refused() -> None:
    raw = entries.written(RECEIVED, bytes(32))
    for other in (raw + b"\n", raw.replace(b'"v":1', b'"v": 1'), b"{" * 100_000, b""):
        with pytest.raises(VerificationError):
            entries.read(other)


def test_a_record_is_called_by_its_number() -> None:
    assert (entries.fact_of_record(1), entries.fact_of_record(3)) == ("completed", "discharged.3")
    assert entries.kind_of("discharged.3") == "discharged"
