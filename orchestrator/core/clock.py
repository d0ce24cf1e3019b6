"""The clock of a request: until when it has to be answered, and how long an extension may be announced.

Pure, and worked out anew whenever the state changes what it hangs on; the trace that explains it is worked out when
somebody asks. The law house dates it, by the calendars of all controllers of the plan: a request to one joint
controller binds them all (Art. 26(3)). Without controllers there is no calendar: one month from receipt, or three when
extended.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

import msgspec

from orchestrator.core import retention
from orchestrator.core.asking import Pause
from orchestrator.core.model import Attention, RequestState
from orchestrator.core.moments import date_of, days_from, later, start_of
from orchestrator.core.plan import Plan
from orchestrator.core.work import Work
from orchestrator.law import questions as law
from orchestrator.law.calendars import UndatableError
from orchestrator.law.clock import TraceStep
from orchestrator.law.deadlines import answer_due
from orchestrator.law.periods import add_months, response_due
from orchestrator.law.questions import Question

PAUSES: Final = ("identity", "clarification", "fee")
"""What may be asked of the person while the clock stands still."""
EXTENSIONS: Final = ("complexity", "number_of_requests")
"""Reasons for two months more (Art. 12(3))."""
_EXTENDED: Final = 3
"""Months from receipt, never from the first date (EDPB 01/2022)."""


_TARGET_HOURS: Final = 72
"""The controller's own aim where the policy names none (S56)."""


class Dates(msgspec.Struct, frozen=True):
    """What the law makes of a request. ``notice_by``: empty where no extension is allowed; ``target``: our own aim."""

    due: str
    rule: str
    notice_by: str
    target: str
    paused_days: int
    trace: tuple[str, ...]


def dates(plan: Plan, state: RequestState) -> Dates:
    """Work out the dates of a request, with every step that led there."""
    if not plan.controllers_info:
        return _plain(state)
    try:
        asked = _question(plan, state)
        found = answer_due(asked)
        unpaused = answer_due(msgspec.structs.replace(asked, pauses=())) if asked.pauses else found
    except UndatableError as error:
        # No step may fail on a date: the shortest period there is, and the trace says why.
        plain = _plain(msgspec.structs.replace(state, pauses=(), extension=None))
        return msgspec.structs.replace(
            plain, notice_by="", trace=(f"no calendar could date it: {error.what}", *plain.trace)
        )
    return Dates(
        due=found.due.isoformat(),
        rule=found.rule,
        notice_by=found.notice_by.isoformat() if found.notice_by else "",
        target=found.target_by.isoformat(),
        paused_days=max(0, (found.due - unpaused.due).days),
        trace=tuple(map(_said, found.trace)),
    )


def _question(plan: Plan, state: RequestState) -> Question:
    return Question(
        right=state.right.value,
        received=state.received_at,
        calendars=tuple(sorted({one.calendar for one in plan.controllers_info})),
        pauses=tuple(
            law.Pause(
                date_of(one.asked_at),
                date_of(one.answered_at) if one.answered_at else None,
                one.reason,
            )
            for one in state.pauses
        ),
        extended_on=date_of(state.extension.told_at) if state.extension is not None else None,
        promise=next(
            (law.Promise(one.months, one.days, one.extension) for one in plan.promises if one.right == state.right),
            None,
        ),
        target_hours=plan.target_hours or _TARGET_HOURS,
    )


def _said(step: TraceStep) -> str:
    place = f"{step.calendar}: " if step.calendar else ""
    return f"{place}{step.what}" + (f" [{step.text}]" if step.text else "")


def _plain(state: RequestState) -> Dates:
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
    aim = min(date_of(later(state.received_at, minutes=_TARGET_HOURS * 60)), due).isoformat()
    return Dates(due.isoformat(), rule, first.isoformat(), aim, credit, tuple(trace))


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
    if state.retention is not None:
        return (state.due_rule,)
    return dates(plan, state).trace


def target(plan: Plan, state: RequestState) -> str:
    """Give the day that the controller itself aims at (S56)."""
    return dates(plan, state).target


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
    if state.retention is not None:
        retention.dates(state, state.retention)
        return False
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
