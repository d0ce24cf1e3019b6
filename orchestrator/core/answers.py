"""Answers of systems: take them in, judge what a retry may mend and what a person has to."""

from __future__ import annotations

from orchestrator.core import aggregate, discovery
from orchestrator.core.events import Confirmed
from orchestrator.core.fitting import fitting_answer
from orchestrator.core.model import Attention, Obligation, Phase, SystemState
from orchestrator.core.moments import later
from orchestrator.core.transitions import move
from orchestrator.core.work import Work
from orchestrator.errors import IllegalTransitionError
from schemas.outcomes import Outcome, Survived
from schemas.tasks import Action


def confirmed(work: Work, event: Confirmed) -> str:
    """Take in one confirmation; returns why it was ignored, or nothing."""
    state = work.state
    if not any(one.system == event.system for one in work.plan.systems):
        raise IllegalTransitionError("a confirmation from a system that is not in the plan")
    system = state.systems.get(event.system)
    if system is None or event.task_id != system.task:
        return _late(work, event)
    if event.action != system.action:
        raise IllegalTransitionError("a confirmation of another action than was asked")
    system.task, system.answered = "", event.task_id
    system.connector, system.confirmed_at = event.connector, event.acted_at
    system.confirmation_sha256 = event.sha256
    state.attention = tuple(one for one in state.attention if one.system != event.system)
    if not any(one.task for one in state.systems.values()):
        state.timers.pop("silent", None)
    answer = fitting_answer(work.plan.system(event.system), system, event.outcomes)
    if event.action is Action.LOCATE:
        system.located = answer
        discovery.absorb(state, event.links)
    else:
        system.outcomes = answer
    _judge(work, event.system, system, answer)
    return ""


def _judge(work: Work, name: str, system: SystemState, answer: dict[str, Outcome]) -> None:
    survived = any(isinstance(one, Survived) for one in answer.values())
    if survived and system.survived < work.plan.limits.survived_retries and not _worse(answer):
        # Once more: between the erasure and the second look another program may have written.
        system.survived += 1
        _retry_later(work, name, system)
        return
    found = [
        attention
        for record_set, one in answer.items()
        if (attention := aggregate.trouble(name, record_set, one, work.now)) is not None
    ]
    if found:
        work.stop(*found)
        return
    failed = sorted({one.code for one in answer.values() if aggregate.is_transient(one)})  # type: ignore[union-attr]
    if failed:
        system.failures += 1
        if system.failures > work.plan.limits.transient_retries:
            todo = "the system keeps failing: mend it, then `expunge retry`"
            work.stop(Attention("keeps_failing", "system_owner", todo, work.now, name, detail=failed[0]))
        else:
            _retry_later(work, name, system)
        return
    system.failures = 0
    pending = aggregate.pending_until(answer)
    if pending is not None:
        earliest = later(work.now, seconds=work.plan.limits.retry_first_seconds)
        work.timer(f"pending:{name}", max(pending, earliest))


def _worse(answer: dict[str, Outcome]) -> bool:
    return any(not isinstance(one, Survived) and aggregate.trouble("", "", one, "") for one in answer.values())


def _retry_later(work: Work, name: str, system: SystemState) -> None:
    limits = work.plan.limits
    wait = limits.retry_first_seconds * 4 ** max(0, system.failures - 1)
    work.timer(f"retry:{name}", later(work.now, seconds=min(wait, limits.retry_most_seconds)))


def _late(work: Work, event: Confirmed) -> str:
    """An answer nobody waits for: ignored, unless it brings new identifiers or contradicts what was believed."""
    state = work.state
    if not event.task_id.startswith(f"{state.request_id}."):
        raise IllegalTransitionError("a confirmation for a task of another request")
    system = state.systems.get(event.system)
    if system is not None and any(isinstance(one, Survived) for one in event.outcomes.values()) and not system.task:
        todo = "a late answer says that data is still there: look at the system, then `expunge retry`"
        if state.phase is Phase.CLOSED:
            reopen(work, (event.system,))
            return ""
        work.stop(Attention("contradictory_answer", "system_owner", todo, work.now, event.system))
        return ""
    if event.action is not Action.LOCATE or not discovery.absorb(state, event.links):
        return "the task is not awaited"
    if state.phase is Phase.CLOSED:
        reopen(work, state.scope)
    else:
        back_to_discovery(work)
    return ""


def back_to_discovery(work: Work) -> None:
    """Look again before deciding: something was learnt after the search had ended (decision 11)."""
    state = work.state
    if state.phase is Phase.DISCOVERING:
        return
    move(state, Phase.DISCOVERING)
    for system in state.systems.values():
        if system.asked and not system.task:
            system.retry = True
            system.outcomes = {}
    if state.package:
        state.package = state.package_sha256 = state.package_job = ""


def reopen(work: Work, systems: tuple[str, ...]) -> None:
    """Begin a new episode over these systems; it ends with a record of its own (I8)."""
    state = work.state
    move(state, Phase.DISCOVERING)
    state.episode += 1
    state.round = 0
    state.result = None
    state.obligations = tuple(one for one in state.obligations if one.system not in systems or _outlives(one))
    state.systems = {name: SystemState() for name in systems if any(p.system == name for p in work.plan.systems)}


def _outlives(one: Obligation) -> bool:
    return one.kind != "retention"


def silent(work: Work) -> None:
    """A task is out and nothing came back: visible, never skipped (I12)."""
    quiet = [name for name, one in sorted(work.state.systems.items()) if one.task]
    for name in quiet:
        todo = "no answer: see that the connector runs and reaches its store"
        owner = work.plan.system(name).owner
        work.warn(Attention("system_silent", owner, todo, work.now, name))
    if quiet:
        work.timer("silent", later(work.now, minutes=work.plan.limits.silent_minutes))
