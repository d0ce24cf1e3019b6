"""Aggregation that fails closed: a request completes only on final outcomes for everything in its plan (I1)."""

from __future__ import annotations

from collections.abc import Collection

import msgspec

from orchestrator.core import procedures
from orchestrator.core.discovery import unreached
from orchestrator.core.model import Obligation, RequestState, Result, SystemState
from orchestrator.core.plan import Plan, SystemPlan
from orchestrator.errors import IllegalTransitionError
from schemas.outcomes import (
    Anonymised,
    Attested,
    Deleted,
    Exported,
    Final,
    Kept,
    Lifted,
    Located,
    NothingHeld,
    Notified,
    Outcome,
    Rectified,
    Restricted,
    Stopped,
    is_final,
)

WEAKEST_FIRST = (
    "not_searched",
    "kept",
    "attested",
    "anonymised",
    "deleted",
    "lifted",
    "restricted",
    "stopped",
    "rectified",
    "exported",
    "nothing_held",
    "not_subject",
)
"""Order of the headline: the weakest line speaks for the record (architecture.md section 6)."""


def held(system: SystemState) -> bool:
    """Tell whether there is something the system acts on: found now, or found before and not accounted for since."""
    return bool(system.unproven) or any(
        isinstance(one, Located) and name not in {*system.left_out, *system.manual, *system.kept}
        for name, one in system.located.items()
    )


def searched(plan: SystemPlan, system: SystemState) -> bool:
    """Tell whether the search of this system has an answer for every record set."""
    return all(isinstance(system.located.get(one.name), Located | NothingHeld) for one in plan.record_sets)


def lines(plan: SystemPlan, system: SystemState) -> dict[str, Final] | None:
    """Give the final outcome per record set, or None if one is missing (then nothing may be completed).

    What the right does not reach has none; what a person has to do has theirs, and never the system's.
    """
    acted = held(system)
    found: dict[str, Final] = {}
    for one in plan.record_sets:
        name = one.name
        if name in system.left_out:
            continue
        outcome: Outcome | None
        if name in system.kept:
            outcome = system.kept[name]
        elif name in system.manual:
            outcome = system.attested.get(name)
        elif acted and (system.sets is None or name in system.sets):
            outcome = system.outcomes.get(name)
        else:
            outcome = system.located.get(name)
        if outcome is None or not is_final(outcome):
            return None
        found[name] = joined(system.past.get(name), outcome)  # type: ignore[assignment]  # narrowed above
    return found


def final_lines(plan: SystemPlan, system: SystemState) -> dict[str, Final]:
    """Give the final outcomes of a system that is about to be completed.

    Raises:
        IllegalTransitionError: one is missing. The last fence before a false completion (I1).
    """
    found = lines(plan, system)
    if found is None:
        raise IllegalTransitionError("a record set has no final outcome: nothing may be completed")
    return found


def told(plan: SystemPlan, system: SystemState) -> dict[str, tuple[Final, ...]]:
    """Give what a record tells of each record set: its line, and what else was done to it in earlier legs.

    Raises:
        IllegalTransitionError: as ``final_lines``.
    """
    now = final_lines(plan, system)
    found: dict[str, tuple[Final, ...]] = {}
    for one in plan.record_sets:
        every = [*system.earlier.get(one.name, ()), *([now[one.name]] if one.name in now else [])]
        if every:
            found[one.name] = _gathered(every)
    return found


def _gathered(every: list[Outcome]) -> tuple[Final, ...]:
    """Say each thing once, the lasting one first: a use that is stopped outlasts what was restricted meanwhile."""
    stopped = [one for one in every if isinstance(one, Stopped)]
    lifted = any(isinstance(one, Lifted) for one in every)
    rest: list[Outcome] = [
        one
        for one in every
        if not isinstance(one, Stopped | NothingHeld) and not (lifted and isinstance(one, Restricted))
    ]
    if stopped:
        purposes = tuple(sorted({purpose for one in stopped for purpose in one.purposes}))
        rest.append(msgspec.structs.replace(stopped[-1], purposes=purposes, count=max(one.count for one in stopped)))
    return tuple(reversed(rest or every[-1:]))  # type: ignore[arg-type]  # every line is final


def search_again(system: SystemState) -> None:
    """Forget the old answers before a new search, but not what was erased: the record has to tell it once (I2, I3)."""
    past, unproven = dict(system.past), dict(system.unproven)
    for name, instruction in system.instructions.items():
        outcome = system.outcomes.get(name)
        if isinstance(outcome, Kept) and instruction.review_by is not None:
            # It stayed as it was, for as long as somebody said so: nothing is said of it now, but it was there (I2).
            unproven[name] = outcome.count + outcome.erased
        elif outcome is not None and is_final(outcome):
            past[name] = joined(past.get(name), outcome)
            unproven.pop(name, None)
        elif instruction.found:
            unproven[name] = instruction.found
    system.past, system.unproven = past, unproven
    system.outcomes, system.instructions, system.rules = {}, {}, {}
    # Somebody's word was about what was found then; and what is found now may be another thing to do.
    system.attested, system.manual, system.left_out, system.sets, system.kept = {}, (), {}, None, {}


def joined(past: Outcome | None, now: Outcome) -> Outcome:
    """Join what an earlier erasure of the same episode did with what is true now; the weaker word counts."""
    if past is None or isinstance(now, Attested):
        return now
    if isinstance(now, NothingHeld) or isinstance(past, Attested):
        return past
    match past, now:
        case Kept(), Kept():
            return msgspec.structs.replace(
                now,
                count=max(past.count, now.count),
                erased=past.erased + now.erased,
                until=max(filter(None, (past.until, now.until)), default=None),
                review_by=min(filter(None, (past.review_by, now.review_by)), default=None),
            )
        case Kept(), Deleted() | Anonymised():
            # What is kept and masked in a file cannot be found again: that it was not, does not mean it is gone.
            return msgspec.structs.replace(past, erased=past.erased + now.before)
        case Deleted() | Anonymised(), Kept():
            return msgspec.structs.replace(now, erased=now.erased + past.before)
        case Anonymised(), Deleted():
            return msgspec.structs.replace(past, before=past.before + now.before, looked_at=now.looked_at)
        case Deleted() | Anonymised(), Deleted() | Anonymised():
            return msgspec.structs.replace(now, before=past.before + now.before)
        case _:
            return now


def unsearched(plan: Plan, state: RequestState) -> tuple[str, ...]:
    """Give the systems in scope, and the record sets, that neither this episode nor an earlier one could search."""
    asked = {name for name, one in state.systems.items() if one.asked}
    # Later episodes know only the identifiers that are still owed: what could be reached was told by the first.
    before = (*state.scope, *unreached(plan, state)) if state.episode == 1 else state.unsearched
    found = {f"{name}/{of}" for name, one in state.systems.items() for of in (*_held_sets(one), *one.past)}
    return tuple(sorted(one for one in {*before, *state.systems} - asked - found if not _needless(plan, state, one)))


def _needless(plan: Plan, state: RequestState, place: str) -> bool:
    """Tell whether nothing had to be searched there: the right does not reach it."""
    name, _, record_set = place.partition("/")
    system = state.systems.get(name)
    if system is None or not system.left_out or name not in plan.by_name:
        return False
    asked = [one for one in plan.system(name).record_sets if record_set in {"", one.name}]
    return all(procedures.never_reached(plan, state, name, one) for one in asked)


def _held_sets(system: SystemState) -> list[str]:
    return [name for name, one in system.located.items() if isinstance(one, Located)]


def result_of(
    plan: Plan, state: RequestState, missing: tuple[str, ...], others: Collection[str] = ()
) -> tuple[Result, str]:
    """Give the result and the headline: this episode's lines, and what earlier ones left open.

    Args:
        plan: The plan the request goes by.
        state: Its state.
        missing: What could not be searched (``unsearched``).
        others: How processors count (``recipients_told.tags``).

    Raises:
        IllegalTransitionError: a line is not final.
    """
    tags = {"not_searched", *others} if missing else set(others)
    if any(_elsewhere(state, one) for one in state.obligations):
        tags.add("kept")
    for name, system in state.systems.items():
        if system.asked:
            tags |= system_tags(plan.system(name), system)
    tags |= {
        "restricted" if why.startswith(procedures.STAYS) else "not_subject"
        for one in state.systems.values()
        for why in one.left_out.values()
    }
    if state.progress.attested is not None:
        tags.add("attested")
    headline = headline_of(tags)
    if tags <= {"not_searched"}:
        return Result.UNIDENTIFIABLE, headline
    if tags == {"not_subject"}:
        return Result.NOT_SUBJECT, headline
    if tags <= {"nothing_held", "not_subject"}:
        return Result.NOTHING_HELD, headline
    if tags & {"kept", "not_searched"}:
        return Result.PARTLY_FULFILLED, headline
    return Result.FULFILLED, headline


def _elsewhere(state: RequestState, one: Obligation) -> bool:
    """Tell whether something is kept of which this episode has no line."""
    if one.kind == "recipient":
        return one.recipient not in state.recipients
    return one.kind == "retention" and one.system not in state.systems


def system_tags(plan: SystemPlan, system: SystemState) -> set[str]:
    """Give the words by which the lines of a system count for the headline."""
    return {tag(outcome) for some in told(plan, system).values() for outcome in some}


def headline_of(tags: set[str]) -> str:
    """Give the weakest of these."""
    return next((one for one in WEAKEST_FIRST if one in tags), "not_searched")


def tag(outcome: Final) -> str:
    """Give the word by which a line counts for the headline."""
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
        case Rectified():
            return "rectified"
        case Restricted():
            return "restricted"
        case Lifted():
            return "lifted"
        case Stopped():
            return "stopped"
        case _:
            _: Notified = outcome  # a new outcome does not type-check here
            return "not_searched"  # of nothing that is done yet: fail closed, the weakest line
