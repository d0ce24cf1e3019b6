"""Legal holds in the life of one request (decision 4): stop at once, wait for what is out, decide afresh.

What has not left is called back. What is out is waited for, or until its lease is over, when nobody carries it out any
more. Then the systems are searched again and everything is decided afresh; the record tells what went before.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

import msgspec

from orchestrator.core import adopting, aggregate
from orchestrator.core.answers import reopen
from orchestrator.core.commands_deciding import HoldPlaced, HoldReleased
from orchestrator.core.effects import Recall
from orchestrator.core.model import Obligation, Phase, RequestState
from orchestrator.core.moments import days_from, later
from orchestrator.core.rulings import holds_of
from orchestrator.core.transitions import move
from orchestrator.core.work import Work
from schemas.requests import Right
from schemas.tasks import Action

RIGHTS: Final = frozenset({Right.ERASURE, Right.RECTIFICATION})
"""Rights whose orders a hold stops: evidence neither goes nor changes."""
REMIND_DAYS = 30
"""A hold whose day of review has passed is recalled to its owner so often, until it is released or placed anew."""


def placed(work: Work, event: HoldPlaced) -> str:
    """Take in that a hold reaches this request."""
    state, hold = work.state, event.hold
    if state.forgotten:
        return "nothing leads to the person any more"
    if any(one.hold_id == hold.hold_id for one in state.holds):
        return "the hold is known"
    state.holds = (*state.holds, hold)
    state.hold_version += 1
    if _decides(state):
        afresh(work, [name for name in state.systems if hold.reaches(name) and not _done(work, name)])
    return ""


def released(work: Work, event: HoldReleased) -> str:
    """Take in that a hold is over: what it kept is decided afresh, in a closed request by a new episode."""
    state = work.state
    left = tuple(one for one in state.holds if one.hold_id != event.hold_id)
    if len(left) == len(state.holds):
        return "the hold does not reach this request"
    state.holds = left
    state.hold_version += 1
    if state.phase is Phase.CLOSED:
        kept = {one.system for one in state.obligations if event.hold_id in one.holds}
        if kept:
            reopen_by_newest(work, tuple(sorted(kept)), event.plan_sha256)
    elif _decides(state):
        at_once(work, [one for one in state.obligations if event.hold_id in one.holds])
        afresh(work, [name for name in state.systems if event.hold_id in _keeping(state, name)])
    return ""


def at_once(work: Work, owed: Collection[Obligation]) -> None:
    """Have what is kept looked at as soon as the episode that runs is over: that may be about something else."""
    today = work.now[:10]
    work.state.obligations = tuple(
        msgspec.structs.replace(one, due=min(one.due, today)) if one in owed else one for one in work.state.obligations
    )


def _decides(state: RequestState) -> bool:
    return state.right in RIGHTS and state.phase is not Phase.CLOSED and state.ending is None


def _done(work: Work, name: str) -> bool:
    system = work.state.systems[name]
    return bool(system.outcomes) and not system.task and aggregate.lines(work.plan.system(name), system) is not None


def _keeping(state: RequestState, name: str) -> set[str]:
    return {hold for rule in state.systems[name].rules.values() for hold in holds_of(rule)}


def reopen_by_newest(work: Work, systems: tuple[str, ...], plan_sha256: str) -> None:
    """Begin a new episode of a closed request under the plan of that day, as with what comes due.

    Or a person is told why it cannot go on under it (decision 21).
    """
    lacks = adopting.lacking(work, work.newer) if work.newer is not None else []
    if work.newer is not None and not lacks:
        adopting.adopt(work, work.newer, plan_sha256)
    reopen(work, systems)
    work.stop(*lacks)


def afresh(work: Work, names: Iterable[str]) -> None:
    """Decide afresh about these systems: send nothing more, call back what has not left, search again."""
    state, limits = work.state, work.plan.limits
    work.settled("approval_needed")
    tasks: list[str] = []
    again = False
    for name in sorted(names):
        system = state.systems[name]
        if system.task and system.action in {Action.ERASE, Action.RECTIFY}:
            tasks.append(system.task)
            system.stops = True
            wait = max(limits.lease_minutes, limits.silent_minutes)
            work.timer(f"silent:{name}", later(work.now, minutes=wait))
            again = True
        elif state.phase is Phase.ACTING and system.asked:
            look_again(work, name)
            again = True
    if tasks:
        work.effects.append(Recall(tuple(tasks)))
    if again and state.phase is Phase.ACTING:
        move(state, Phase.DISCOVERING)


def look_again(work: Work, name: str) -> None:
    """Search a system again before anything is decided about it; what is out is given up, and its answer is late."""
    system = work.state.systems[name]
    system.task, system.stops, system.retry = "", False, True
    for kind in ("retry", "pending", "silent"):
        work.state.timers.pop(f"{kind}:{name}", None)
    work.settled("system_silent", name)


def outdated(work: Work) -> None:
    """Search again what was kept by a hold that was released while the order was out."""
    state = work.state
    standing = {one.hold_id for one in state.holds}
    for name, system in state.systems.items():
        if not system.task and system.outcomes and _keeping(state, name) - standing:
            look_again(work, name)


def asleep(state: RequestState, one: Obligation) -> bool:
    """Tell whether what is due is still under a hold: then there is nothing to look at, but somebody to remind."""
    return bool({hold.hold_id for hold in state.holds} & set(one.holds))


def remind(work: Work, one: Obligation, today: str) -> Obligation:
    """Remind the owners of the holds, and look at it again later."""
    for hold in work.state.holds:
        if hold.hold_id in one.holds:
            facts = {"hold": hold.hold_id, "review_by": hold.review_by, "system": one.system}
            work.notice("hold_review_due", hold.owner, record_set=one.record_set, **facts)
    due = days_from(today, REMIND_DAYS)
    return Obligation(one.kind, due, one.system, one.record_set, one.text, max(due, one.last or ""), one.holds)
