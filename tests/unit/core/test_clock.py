"""The clock by the law house: every joint controller's calendar, the stricter promise, pauses, the own aim."""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.core import clock
from orchestrator.core.commands_clock import ClockPaused, ClockResumed, Extended
from orchestrator.core.commands_identity import Refused
from orchestrator.core.plan import ControllerPlan, Plan, PromisePlan
from orchestrator.core.replay import replay
from schemas.requests import Right
from tests.support.stories import Story, at, deleted, found, plan
from tests.unit.core.test_identity import do, wrong

FR = ControllerPlan("acme-fr", "FR", "FR", "eu", "CNIL", "tribunal judiciaire de Paris")
GB = ControllerPlan("acme-uk", "GB", "GB-ENG", "uk", "ICO", "County Court")
DE = ControllerPlan("acme-de", "DE", "DE-BE", "eu", "BlnBDI")


def by(*controllers: ControllerPlan, promises: tuple[PromisePlan, ...] = (), **more: Any) -> Plan:
    return msgspec.structs.replace(plan(), controllers_info=controllers, promises=promises, **more)


def asked(of: Plan, received: str, right: Right = Right.ACCESS) -> Story:
    return Story(of, right, received_at=f"{received}T09:00:00.000Z")


@pytest.mark.parametrize(
    ("received", "controllers", "due"),
    [
        ("2025-03-05", (FR,), "2025-04-07"),
        ("2026-01-31", (FR,), "2026-03-02"),
        ("2026-01-31", (FR, GB, DE), "2026-03-02"),
        ("2028-01-31", (DE,), "2028-02-29"),
        # Easter Monday is one in Germany and England, 3 April 2026 (Good Friday) not in France: the earliest counts.
        ("2026-03-03", (GB,), "2026-04-07"),
        ("2026-03-03", (FR,), "2026-04-03"),
        ("2026-03-03", (FR, GB), "2026-04-03"),
    ],
)
def test_s34_the_earliest_of_all_calendars(received: str, controllers: tuple[ControllerPlan, ...], due: str) -> None:
    story = asked(by(*controllers), received)
    assert story.state.due_on == due
    trace = clock.trace(story.plan, story.state)
    assert all(any(one.calendar in step for step in trace) for one in controllers)


def test_s01_a_request_to_one_joint_controller_binds_all_of_them() -> None:
    fr, gb = (msgspec.structs.replace(one, joint=True) for one in (FR, GB))
    of = by(fr, gb, DE)
    assert of.bound(("acme-uk",)) == ("acme-fr", "acme-uk")
    assert of.bound(("acme-de", "acme-fr")) == ("acme-fr", "acme-uk", "acme-de")
    assert of.bound(("acme-fr", "other")) == ("acme-fr", "acme-uk", "other"), "what was asked is never left out"
    assert of.bound(("acme-de",)) == (), "it decides by itself: nobody else is bound"
    story = Story(of, Right.ERASURE, controllers=("acme-uk",))
    story.all_answer(found())
    story.all_answer(deleted())
    (record,) = story.records
    assert record.controllers == ("acme-uk",)
    assert record.bound_controllers == ("acme-fr", "acme-uk")


def test_s36_a_promise_that_is_stricter_binds_and_one_without_extension_refuses_it() -> None:
    promise = PromisePlan("rectification", months=1), PromisePlan("access", days=10, extension=True)
    story = asked(by(FR, promises=promise), "2026-03-01")
    assert story.state.due_on <= "2026-03-11"
    none = asked(by(FR, promises=(PromisePlan("access", months=1, extension=False),)), "2026-03-01")
    assert clock.notice_by(none.state) == ""
    assert "no extension is allowed" in wrong(none, Extended, reason="complexity")


def test_a_pause_moves_the_answer_and_both_are_explained() -> None:
    story = asked(by(FR), "2026-03-01")
    do(story, ClockPaused, reason="clarification")
    story.now += 10 * 86_400
    before = story.state.due_on
    do(story, ClockResumed)
    assert story.state.due_on > before
    assert story.state.paused_days == (dt.date.fromisoformat(story.state.due_on) - dt.date.fromisoformat(before)).days
    assert any("clarification" in step for step in clock.trace(story.plan, story.state))
    notice = clock.notice_by(story.state)
    assert notice <= before, "a pause never moves the day of the notice"
    do(story, Extended, reason="complexity")
    assert story.state.due_on > "2026-06-01"
    assert replay(lambda _: story.plan, story.history) == story.state


def test_s45_one_asked_late_earns_nothing() -> None:
    story = asked(by(FR), "2026-03-01")
    before = story.state.due_on
    story.now += 28 * 86_400
    do(story, ClockPaused, reason="clarification")
    story.now += 3 * 86_400
    do(story, ClockResumed)
    assert (story.state.due_on, story.state.paused_days) == (before, 0)
    assert len(clock.trace(story.plan, story.state)) > len(clock.trace(story.plan, asked(by(FR), "2026-03-01").state))


def test_s56_the_own_aim_is_72_hours_or_what_the_policy_says() -> None:
    assert clock.target(plan(), Story(plan()).state) == "2026-03-04"
    soon = asked(by(FR, target_hours=24), "2026-03-01")
    assert clock.target(soon.plan, soon.state) == "2026-03-02"


def test_s46_a_refusal_names_authority_and_court() -> None:
    story = asked(by(FR, GB), "2026-03-01")
    do(story, Refused, ground="excessive", reason="third_in_a_month", text="gdpr-12-5")
    story.all_answer()
    facts = story.notices[-1].facts
    assert facts["authority"] == "CNIL; ICO"
    assert facts["court"] == "tribunal judiciaire de Paris; County Court"


def test_what_no_calendar_dates_gets_the_shortest_period_and_says_so() -> None:
    story = asked(by(msgspec.structs.replace(FR, calendar="XX")), "2026-03-01")
    assert story.state.due_on == "2026-04-01"
    assert "no calendar could date it" in clock.trace(story.plan, story.state)[0]
    assert clock.notice_by(story.state) == ""


@settings(deadline=None, max_examples=80)
@given(
    st.dates(dt.date(2024, 1, 1), dt.date(2034, 12, 31)),
    st.lists(st.sampled_from([FR, GB, DE]), max_size=3, unique=True),
    st.integers(0, 60),
    st.integers(0, 40),
    st.booleans(),
)
def test_a_date_never_lies_before_the_receipt_nor_a_pause_behind_the_notice(
    received: dt.date, controllers: list[ControllerPlan], asked_in: int, days: int, extend: bool
) -> None:
    story = asked(by(*controllers), received.isoformat())
    first = (story.state.due_on, clock.notice_by(story.state))
    start = (received - dt.date(2026, 3, 1)).days * 86_400
    story.now = start + asked_in * 86_400.0
    story.told(ClockPaused(request_id="req", observed_at=at(story.now), role="dpo", reason="identity"))
    if extend:
        story.told(Extended(request_id="req", observed_at=at(story.now), role="dpo", reason="complexity"))
    story.now += days * 86_400
    story.told(ClockResumed(request_id="req", observed_at=at(story.now), role="dpo"))
    assert story.state.due_on >= first[0] >= received.isoformat()
    assert clock.notice_by(story.state) == first[1]
    assert (story.state.extension is not None) == (extend and at(start + asked_in * 86_400.0)[:10] <= first[1])
