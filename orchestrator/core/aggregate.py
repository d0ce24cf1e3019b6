"""Aggregation that fails closed: a request completes only on final outcomes for everything in its plan (I1)."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.core.model import Attention, RequestState, Result, SystemState
from orchestrator.core.plan import Plan, SystemPlan
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Exported,
    Failed,
    FailureKind,
    Final,
    Kept,
    Located,
    NothingHeld,
    Outcome,
    Pending,
    Survived,
    Unverifiable,
    is_final,
)

WEAKEST_FIRST = ("not_searched", "kept", "attested", "anonymised", "deleted", "exported", "nothing_held")
"""Order of the headline: the weakest line speaks for the record (architecture.md section 6)."""


def trouble(system: str, record_set: str, outcome: Outcome, now: str) -> Attention | None:
    """Say what a person has to do about an outcome that no retry mends; None where there is nothing."""
    match outcome:
        case Survived():
            todo = "find out why the data is still there (trigger, sync, import), mend it, then `expunge retry`"
            return Attention("survived", "system_owner", todo, now, system, record_set, outcome.detail)
        case Unverifiable():
            todo = "the answer proves nothing: mend the connector or its data map, then `expunge retry`"
            return Attention("unverifiable", "system_owner", todo, now, system, record_set, outcome.reason)
        case Failed(kind=FailureKind.MISCONFIGURED):
            todo = "run `expunge check`, correct what it names, then `expunge retry`"
            return Attention("misconfigured", "system_owner", todo, now, system, record_set, outcome.code)
        case Failed(kind=FailureKind.PERMANENT):
            todo = "look at the system, mend the cause, then `expunge retry`"
            return Attention("failed", "system_owner", todo, now, system, record_set, outcome.code)
        case _:
            return None


def is_transient(outcome: Outcome) -> bool:
    """Tell whether time may mend it."""
    return isinstance(outcome, Failed) and outcome.kind is FailureKind.TRANSIENT


def pending_until(outcomes: Mapping[str, Outcome]) -> str | None:
    """Give the earliest time at which a pending record set can be looked at again."""
    return min((one.check_after for one in outcomes.values() if isinstance(one, Pending)), default=None)


def held(system: SystemState) -> bool:
    """Tell whether discovery found anything in this system."""
    return any(isinstance(one, Located) for one in system.located.values())


def lines(plan: SystemPlan, system: SystemState) -> dict[str, Final] | None:
    """Give the final outcome per record set, or None if one is missing (then nothing may be completed)."""
    source = system.outcomes if held(system) else system.located
    found: dict[str, Final] = {}
    for one in plan.record_sets:
        outcome = source.get(one.name)
        if outcome is None or not is_final(outcome):
            return None
        found[one.name] = outcome  # type: ignore[assignment]  # is_final narrows at run time only
    return found


def result_of(plan: Plan, state: RequestState) -> tuple[Result, str]:
    """Give the result and the headline over all systems of this episode. Call only when every line is final."""
    tags = set()
    for name, system in state.systems.items():
        if not system.asked:
            tags.add("not_searched")
            continue
        for outcome in (lines(plan.system(name), system) or {}).values():
            tags.add(_tag(outcome))
    headline = next((tag for tag in WEAKEST_FIRST if tag in tags), "not_searched")
    if tags <= {"not_searched"}:
        return Result.UNIDENTIFIABLE, headline
    if tags == {"nothing_held"}:
        return Result.NOTHING_HELD, headline
    if tags & {"kept", "not_searched"}:
        return Result.PARTLY_FULFILLED, headline
    return Result.FULFILLED, headline


def _tag(outcome: Final) -> str:
    match outcome:
        case Kept():
            return "kept"
        case Attested():
            return "attested"
        case Anonymised():
            return "anonymised"
        case Deleted():
            return "deleted"
        case NothingHeld():
            return "nothing_held"
        case Exported():
            return "exported"
        case _:
            return "not_searched"  # a right of a later version: fail closed, the weakest line
