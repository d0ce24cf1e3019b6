"""What keeps the evidence of a request, and when nothing does."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest

from orchestrator.core.model import Attention, Obligation, Phase, RequestState, SystemState, Timer
from orchestrator.core.recordkeeping import Standing, kept_by, last_day
from schemas.requests import Right

DONE = RequestState(
    1, "r1", Right.ERASURE, "2026-03-01T12:00:00.000Z", "2026-04-01", "gdpr", "0" * 64, Phase.CLOSED,
    systems={"crm": SystemState()}, forgotten=True,
)  # fmt: skip
LAST = "2026-03-02T12:00:00.000Z"
_NOTE = Attention("x", "dpo", "y", LAST)


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"phase": Phase.ACTING}, "open"),
        ({"attention": (_NOTE,)}, "open"),
        ({"obligations": (Obligation("retention", "2030-01-01"),)}, "owed"),
        ({"timers": {"x": Timer("2030-01-01T00:00:00.000Z", 1)}}, "owed"),
        ({"forgotten": False}, "owed"),
        ({}, ""),
    ],
)
def test_what_is_owed_keeps_it(changed: dict[str, Any], why: str) -> None:
    assert kept_by(msgspec.structs.replace(DONE, **changed), LAST, "2026-03-02", ()) == why


def test_the_period_begins_with_the_last_thing_that_happened() -> None:
    until = last_day(dt.date(2029, 3, 1), 36)
    assert kept_by(DONE, LAST, until, ()) == "period"
    assert kept_by(DONE, LAST, last_day(dt.date(2029, 3, 2), 36), ()) == ""


@pytest.mark.parametrize(("systems", "kept"), [(set(), True), ({"crm"}, True), ({"hr", "crm"}, True), ({"hr"}, False)])
def test_a_hold_keeps_what_touched_its_systems(systems: set[str], kept: bool) -> None:
    found = kept_by(DONE, LAST, "2026-03-02", [Standing("h1", frozenset(systems))])
    assert found == ("hold:h1" if kept else "")


def test_of_a_request_that_touched_nothing_known_every_hold_keeps_it() -> None:
    nowhere = msgspec.structs.replace(DONE, systems={})
    assert kept_by(nowhere, LAST, "2026-03-02", [Standing("h1", frozenset({"hr"}))]) == "hold:h1"
