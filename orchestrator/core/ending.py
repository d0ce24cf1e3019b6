"""A request that ends before its work is done: withdrawn, refused, nobody identified.

Nothing new is sent, at once. What has not left yet is called back; what is out is waited for, or until its lease is
over (decision 4). Then it is answered and closed, and the record says what was done before (S29, section 6).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

import msgspec

from orchestrator.core import aggregate, documents, recipients
from orchestrator.core.commands import RequestWithdrawn
from orchestrator.core.effects import Recall
from orchestrator.core.events import Recalled
from orchestrator.core.model import Phase, RequestState, Result, SystemState
from orchestrator.core.moments import later
from orchestrator.core.plan import Plan
from orchestrator.core.transitions import move
from orchestrator.core.work import Work
from schemas.outcomes import Anonymised, Changed, Deleted
from schemas.requests import Right
from schemas.tasks import Action

WHY_UNFINISHED = "not looked at to the end: the request ended before"
"""Stands in the record for a system whose work was not finished."""


def withdrawn(work: Work, _: RequestWithdrawn) -> str:
    """Take in that the person withdrew the request."""
    end(work, Result.WITHDRAWN)
    return ""


def end(work: Work, result: Result) -> None:
    """Stop everything that is not out yet, and close as soon as nothing is out any more."""
    state, limits = work.state, work.plan.limits
    state.ending = result
    # Nobody has to mend anything for it any more; who is silent still shows, and what has to be deleted.
    state.attention = tuple(one for one in state.attention if one.reason in {"system_silent", documents.HELD})
    if result is not Result.LAPSED:
        documents.after_check(work)
    # A lift of what an earlier episode restricted is another matter: somebody ordered it, and the person was told.
    over = ("retry:", "pending:") if state.right is Right.RESTRICTION else ("retry:", "pending:", "lift")
    state.timers = {name: one for name, one in state.timers.items() if not name.startswith(over)}
    state.package = state.package_sha256 = state.package_job = ""
    state.review = None
    for name in ("silent:_package", "lapse", "notice"):
        state.timers.pop(name, None)
    for name in state.recipients:
        for kind in (recipients.ANSWER, recipients.REMIND):
            state.timers.pop(f"{kind}:{name}", None)
    for system in state.systems.values():
        system.retry = False
    recall(work)
    for name, system in state.systems.items():
        if system.task:
            # What left before this moment has expired by then, whoever carries it.
            wait = max(limits.lease_minutes, limits.silent_minutes)
            work.timer(f"silent:{name}", later(work.now, minutes=wait))


def recall(work: Work) -> None:
    """Call back what has not left yet; the engine says with ``Recalled`` what that was."""
    out = tuple(one.task for one in work.state.systems.values() if one.task)
    if out:
        work.effects.append(Recall(out))


def recalled(work: Work, event: Recalled) -> str:
    """Take in that these tasks never left."""
    gone = set(event.tasks)
    found = [(name, one) for name, one in work.state.systems.items() if one.task in gone]
    for name, system in found:
        _never_heard(work, system)
        system.task = ""
        system.retry = work.state.ending is None
        system.stops = False
        work.state.timers.pop(f"silent:{name}", None)
        work.settled("system_silent", name)
    return "" if found else "none of these tasks is awaited"


def given_up(work: Work, name: str) -> None:
    """The lease of what is out is over, and nothing came back: end without it."""
    system = work.state.systems[name]
    _never_heard(work, system)
    system.task = ""
    work.settled("system_silent", name)


def _never_heard(work: Work, system: SystemState) -> None:
    """A search that ends without its answer leaves nothing behind: what an older one found proves nothing now (I1)."""
    if work.state.ending is not None and system.action is Action.LOCATE:
        system.located = {}


def step(work: Work) -> bool:
    """Close, once nothing is out."""
    if any(one.task for one in work.state.systems.values()):
        return False
    move(work.state, Phase.ANSWERING)
    return True


def unfinished(plan: Plan, state: RequestState) -> dict[str, str]:
    """Give the systems in scope that the record has no lines of, and why."""
    found: dict[str, str] = {}
    for name in state.scope:
        system = state.systems.get(name)
        if system is None or finished(plan, state, name):
            continue
        copy = msgspec.structs.replace(system)
        aggregate.search_again(copy)
        lost = sum(copy.unproven.values())
        done = sum(one.before for one in copy.past.values() if isinstance(one, Deleted | Anonymised))
        found[name] = WHY_UNFINISHED
        if done:
            found[name] += f"; {done} records were erased before"
        found[name] += "".join(_changed_before(system))
        if lost:
            found[name] += f"; {lost} records may have been erased, unproven"
    return found


def _changed_before(system: SystemState) -> Iterator[str]:
    """Say what earlier legs have done there, which was looked at; the record has no line of it."""
    counts: Counter[str] = Counter()
    for some in system.earlier.values():
        for one in some:
            if isinstance(one, Changed):
                counts[aggregate.tag(one)] += one.count
    for word, count in sorted(counts.items()):
        yield f"; {word}: {count} record{'s'[: count != 1]} before"


def finished(plan: Plan, state: RequestState, name: str) -> bool:
    """Tell whether a system's lines may stand in the record."""
    system = state.systems[name]
    return bool(system.asked) and aggregate.lines(plan.system(name), system) is not None


def tags(plan: Plan, state: RequestState, missing: tuple[str, ...]) -> set[str]:
    """Give what the headline is taken from: the lines there are, and that others are missing.

    ``missing``: what could not be searched (``aggregate.unsearched``).
    """
    found = {"not_searched"} if missing or unfinished(plan, state) or not state.systems else set()
    for name in state.systems:
        if finished(plan, state, name):
            found |= aggregate.system_tags(plan.system(name), state.systems[name])
    return found
