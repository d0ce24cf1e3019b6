"""The clock of a request: until when it has to be answered, and how long an extension may be announced.

Pure, and worked out anew whenever the state changes what it hangs on; the trace that explains it is worked out when
somebody asks. Without controllers in the plan there is no calendar: one month from receipt, or three when extended.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec

from orchestrator.core.asking import Pause
from orchestrator.core.model import Attention, RequestState
from orchestrator.core.moments import date_of, days_from, start_of
from orchestrator.core.plan import Plan
from orchestrator.core.work import Work
from orchestrator.law.periods import add_months, response_due

PAUSES: Final = ("identity", "clarification", "fee")
"""What may be asked of the person while the clock stands still."""
EXTENSIONS: Final = ("complexity", "number_of_requests")
"""Reasons for two months more (Art. 12(3))."""
_EXTENDED: Final = 3
"""Months from receipt, never from the first date (EDPB 01/2022)."""


class Dates(msgspec.Struct, frozen=True):
    """What the law makes of a request. ``notice_by``: empty where no extension is allowed."""

    due: str
    rule: str
    notice_by: str
    paused_days: int
    trace: tuple[str, ...]


def dates(_: Plan, state: RequestState) -> Dates:
    """Work out the dates of a request, with every step that led there."""
    received = date_of(state.received_at)
    first, rule = response_due(received)
    trace = [f"received {received}", f"one month from receipt: {first} ({rule})"]
    due = first
    if state.extension is not None:
        due = add_months(received, _EXTENDED)
        rule = "GDPR Art. 12(3), three months from receipt; Regulation 1182/71 art. 3"
        trace.append(f"extended on {state.extension.told_at[:10]} ({state.extension.reason}): {due} ({rule})")
    days: set[dt.date] = set()
    for one in state.pauses:
        more, said = _worth(one, first)
        days |= more  # two questions at once let no day count twice
        trace.append(said)
    credit = len(days)
    if credit:
        due += dt.timedelta(days=credit)
        rule += f"; {credit} days suspended (EDPB 01/2022, 5.3)"
        trace.append(f"{credit} days later for these: {due}")
    return Dates(due.isoformat(), rule, first.isoformat(), credit, tuple(trace))


def _worth(one: Pause, first: dt.date) -> tuple[set[dt.date], str]:
    asked = date_of(one.asked_at)
    said = f"asked for {one.reason} on {asked}"
    if asked > first:
        return set(), f"{said}: later than one month from receipt, so the clock went on"
    if not one.answered_at:
        return set(), f"{said}: not answered yet; the days count when it is"
    days = {asked + dt.timedelta(days=n) for n in range((date_of(one.answered_at) - asked).days)}
    return days, f"{said}, answered on {one.answered_at[:10]}: {len(days)} days"


def trace(plan: Plan, state: RequestState) -> tuple[str, ...]:
    """Say step by step how the date came about."""
    return dates(plan, state).trace


def notice_by(state: RequestState) -> str:
    """Give the last day on which an extension may be announced; empty: none is allowed."""
    if state.notice_by is not None:
        return state.notice_by
    return response_due(date_of(state.received_at))[0].isoformat()


def in_first_month(state: RequestState, moment: str) -> bool:
    """Tell whether a moment lies within one month of receipt (S45)."""
    return date_of(moment) <= response_due(date_of(state.received_at))[0]


def paused(state: RequestState) -> Pause | None:
    """Give the pause that is not over."""
    return next((one for one in state.pauses if not one.answered_at), None)


def set_dates(plan: Plan, state: RequestState) -> bool:
    """Write the dates into the state; tells whether the answer is due on another day than before."""
    found = dates(plan, state)
    moved = found.due != state.due_on
    state.due_on, state.due_rule, state.paused_days = found.due, found.rule, found.paused_days
    plain = response_due(date_of(state.received_at))[0].isoformat()
    state.notice_by = None if found.notice_by == plain else found.notice_by
    return moved


def follow(work: Work) -> None:
    """Let date and reminders follow what changed."""
    state, days = work.state, work.plan.limits.warn_days_before_due
    moved = set_dates(work.plan, state)
    if moved:
        work.settled("deadline_near")
        work.timer("deadline", start_of(days_from(state.due_on, -days)))
    last = notice_by(state)
    if state.extension is not None or not last or last >= state.due_on:
        state.timers.pop("notice", None)
        work.settled("extension_notice_near")
    elif moved and start_of(last) > work.now:
        # A pause moves the answer, and never the day until which an extension may be announced.
        work.timer("notice", start_of(days_from(last, -days)))


def notice_near(work: Work) -> None:
    """The last day to announce an extension comes near."""
    last = notice_by(work.state)
    todo = "if it takes longer than the answer is due: `expunge extend`, until the day named here"
    work.warn(Attention("extension_notice_near", "dpo", todo, work.now, detail=last))
