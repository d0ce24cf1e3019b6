"""Commands about the clock: it stands still while the person is asked, and it may be extended once, in time."""

from __future__ import annotations

import msgspec

from orchestrator.core import clock
from orchestrator.core.asking import Extension, Pause
from orchestrator.core.commands_clock import ClockPaused, ClockResumed, Extended
from orchestrator.core.model import RequestState
from orchestrator.core.moments import date_of, is_moment
from orchestrator.core.requester import addressee
from orchestrator.core.work import Work

Wrong = tuple[str, str] | None
"""What is wrong, and the fix."""


def pause(work: Work, reason: str, asked_at: str) -> None:
    """Note that the person was asked; the law says what it is worth once they answered."""
    work.state.pauses = (*work.state.pauses, Pause(reason, asked_at))
    clock.follow(work)


def end_pause(work: Work, answered_at: str, *, identity: bool) -> None:
    """Note that the person answered: who they are, or else what was asked besides."""
    work.state.pauses = tuple(
        one
        if one.answered_at or (one.reason == "identity") is not identity
        else msgspec.structs.replace(one, answered_at=max(answered_at, one.asked_at))
        for one in work.state.pauses
    )
    clock.follow(work)


def paused(work: Work, command: ClockPaused) -> str:
    """Take in that the person was asked for something."""
    pause(work, command.reason, command.asked_at or command.when)
    return ""


def resumed(work: Work, command: ClockResumed) -> str:
    """Take in that the person answered."""
    open_one = clock.paused(work.state)
    end_pause(
        work, command.answered_at or command.when, identity=open_one is not None and open_one.reason == "identity"
    )
    return ""


def extended(work: Work, command: Extended) -> str:
    """Take two months more, and tell the person why."""
    work.state.extension = Extension(command.reason, command.when)
    clock.follow(work)
    work.notice("extension", addressee(work.state, work.now), reason=command.reason, due_on=work.state.due_on)
    return ""


def no_pause(state: RequestState, command: ClockPaused) -> Wrong:
    """Say why the clock may not be paused."""
    asked = command.asked_at or command.when
    if (again := answered(state)) is not None:
        return again
    if command.reason not in clock.PAUSES:
        return f"{command.reason!r} does not pause a clock", f"one of: {', '.join(clock.PAUSES)}"
    if (open_one := clock.paused(state)) is not None:
        return f"the clock stands still since {open_one.asked_at[:10]}", "`expunge resume-clock` when they answered"
    return _impossible(state, asked, command.when)


def no_resumption(state: RequestState, command: ClockResumed) -> Wrong:
    """Say why the clock may not go on."""
    open_one = clock.paused(state)
    if open_one is None:
        return "the clock is not paused", "see `expunge show`"
    if open_one.reason == "identity" and state.identity.level == "doubted":
        fix = "`expunge identity confirm` or `expunge identity refuse`: both let it go on"
        return "the clock waits for the identity", fix
    answer = command.answered_at or command.when
    if is_moment(answer) and answer < open_one.asked_at:
        return "the answer lies before the question", "give the day on which they answered"
    return _impossible(state, answer, command.when)


def no_extension(state: RequestState, command: Extended) -> Wrong:
    """Say why the answer may not take longer."""
    last = clock.notice_by(state)
    if (again := answered(state)) is not None:
        return again
    if command.reason not in clock.EXTENSIONS:
        return f"{command.reason!r} is no reason to extend", f"one of: {', '.join(clock.EXTENSIONS)}"
    if state.extension is not None:
        return "it is extended already, and may be only once", f"the answer is due on {state.due_on}"
    if not last:
        return "no extension is allowed: the policy promises none", f"the answer is due on {state.due_on}"
    if date_of(command.when).isoformat() > last:
        fix = f"answer by {state.due_on}; what cannot be done is refused or kept, with its reason"
        return f"an extension had to be announced by {last} (GDPR Art. 12(3)); a pause does not move that", fix
    return None


def answered(state: RequestState) -> Wrong:
    """Say that the clock has ended, where the person was answered before."""
    if state.episode > 1:
        return "the request was answered; this is what was still owed", "see `expunge show`"
    return None


def _impossible(state: RequestState, moment: str, now: str) -> Wrong:
    if not is_moment(moment):
        return "not a time", "RFC 3339 in UTC, or a day: 2026-01-31"
    if moment > now:
        return "the time lies in the future", "give the day on which it happened"
    if date_of(moment) < date_of(state.received_at):
        return f"the time lies before the receipt ({state.received_at[:10]})", "give the day on which it happened"
    return None
