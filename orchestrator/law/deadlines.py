"""Deadlines that explain themselves: by when a request has to be answered, why, and whether that may be extended.

A request to joint controllers may be made to each of them (GDPR Art. 26(3)), and then binds all: every calendar is
computed, the earliest date counts, the trace shows all. The period ends when the person *is told*, not when the systems
are done.
"""

from __future__ import annotations

import datetime as dt

import msgspec

from orchestrator.law.calendars import UndatableError, calendar_of
from orchestrator.law.clock import Course, TraceStep, run
from orchestrator.law.questions import Question, check, date_of_receipt, target
from orchestrator.law.regimes import Regime, regime_of
from orchestrator.law.wording import date_words


class Deadline(msgspec.Struct, frozen=True):
    """A date with its reasons.

    Attributes:
        due: Last day on which the person can be told (for a complaint in the UK: its receipt acknowledged).
        rule: In one line, ASCII only.
        trace: Every step of every calendar.
        calendar: Code of the calendar that decided.
        regime: ``eu``, ``uk`` or ``california``.
        received: The date of receipt that was taken.
        extended: The date is that of an extended period.
        promised: A promise of the policy decided, and not the law.
        notice_by: Last day to tell the person of an extension; None: there is none.
        confirm_by: Last day to confirm the receipt (California); None: no such duty.
        target_by: The controller's own aim, never after ``due``.
        waiting: A pause that counts is open: the date may still move.
    """

    due: dt.date
    rule: str
    trace: tuple[TraceStep, ...]
    calendar: str
    regime: str
    received: dt.date
    extended: bool
    promised: bool
    notice_by: dt.date | None
    confirm_by: dt.date | None
    target_by: dt.date
    waiting: bool


class Extension(msgspec.Struct, frozen=True):
    """Whether an extension may be told of on a day, and why (not)."""

    allowed: bool
    reason: str
    notice_by: dt.date | None = None


def answer_due(question: Question) -> Deadline:
    """Give the last day to answer a request.

    Raises:
        UndatableError: the question contradicts itself, names what nobody knows, or asks for an extension that there
            is not; the field says where.
    """
    received = date_of_receipt(question.received, question.calendars)
    check(question, received)
    courses, unknown = _courses(question, received)
    first = min(courses, key=lambda one: (one.due, one.calendar))
    notice_by = min((one.notice_by for one in courses if one.notice_by), default=None)
    _check_extension(question, received, notice_by)
    moment = (
        "" if question.received == received.isoformat() else f": the earliest date there was at {question.received}"
    )
    trace = [TraceStep(f"received {date_words(received)}{moment}", received), *unknown]
    for one in courses:
        trace += one.trace
    if len(courses) > 1:
        named = " and ".join(one.calendar for one in courses if one.due == first.due)
        trace.append(TraceStep(f"of {len(courses)} calendars, the earliest date: {named}", first.due, "gdpr-26-3"))
    return Deadline(
        due=first.due,
        rule=first.rule,
        trace=tuple(trace),
        calendar=first.calendar,
        regime=first.regime,
        received=received,
        extended=first.extended,
        promised=first.promised,
        notice_by=notice_by,
        confirm_by=min((one.confirm_by for one in courses if one.confirm_by), default=None),
        target_by=min(target(question, received), first.due),
        waiting=any(one.waiting for one in courses),
    )


def extension_on(question: Question, today: dt.date) -> Extension:
    """Say whether an extension may still be told of today; a pause does not give more time for that.

    GDPR Art. 12(3): the person is told of an extension, with its reasons, within one month of receipt.

    Raises:
        UndatableError: as `answer_due`.
    """
    if question.extended_on is not None:
        return Extension(
            False, f"extended already, on {date_words(question.extended_on)}; there is no second extension"
        )
    deadline = answer_due(question)
    if deadline.notice_by is None:
        return Extension(False, _why_none(question))
    last = date_words(deadline.notice_by)
    if today < deadline.received:
        return Extension(False, "the request is not there yet", deadline.notice_by)
    if today > deadline.notice_by:
        return Extension(False, f"the person had to be told by {last}; a pause does not move that", deadline.notice_by)
    return Extension(True, f"the person has to be told, with the reasons, by {last}", deadline.notice_by)


def _courses(question: Question, received: dt.date) -> tuple[list[Course], list[TraceStep]]:
    courses, unknown = [], []
    for code in dict.fromkeys(question.calendars):
        calendar = calendar_of(code)
        regime = regime_of(calendar, received)
        period = regime.period(question.right, received)
        if period is None:
            unknown.append(TraceStep(_no_right(question, regime), received, "", code))
        else:
            courses.append(run(question, received, calendar, regime, period))
    if not courses:
        what = unknown[0].what
        raise UndatableError("right", what, why="a date that no text gives would be made up", fix="name another right")
    return courses, unknown


def _no_right(question: Question, regime: Regime) -> str:
    return f"{regime.name} sets no time for {question.right.replace('_', ' ')}"


def _check_extension(question: Question, received: dt.date, notice_by: dt.date | None) -> None:
    told = question.extended_on
    if told is None:
        return
    if notice_by is None:
        raise UndatableError("extended_on", _why_none(question), fix="answer within the first period")
    if told < received:
        what = f"extended on {told}, before the receipt on {received}"
        raise UndatableError("extended_on", what, fix="check the day of the notice")
    if told > notice_by:
        raise UndatableError(
            "extended_on",
            f"extended on {told}, but the person had to be told by {notice_by}",
            why="the notice is due in the first period, and no pause moves that (GDPR Art. 12(3))",
            fix="answer within the first period",
        )


def _why_none(question: Question) -> str:
    if question.promise and not question.promise.extension:
        return "the policy promises no extension for this right"
    return f"there is no extension for {question.right.replace('_', ' ')}"
