"""Answers of systems: take them in, judge what a retry may mend and what a person has to."""

from __future__ import annotations

from orchestrator.core import discovery, troubles
from orchestrator.core.asked import Balance, again
from orchestrator.core.events import Confirmed
from orchestrator.core.fitting import fitting_answer
from orchestrator.core.model import Attention, Phase, RequestState, Result, SystemState
from orchestrator.core.moments import date_of, days_from, later, start_of
from orchestrator.core.procedures import answered_by_a_person
from orchestrator.core.transitions import move
from orchestrator.core.work import Work
from orchestrator.errors import IllegalTransitionError
from orchestrator.law.periods import response_due
from schemas.outcomes import Located, NothingHeld, Outcome, Survived
from schemas.tasks import Action

_DIGEST = 16
"""Hex digits of a confirmation's digest that are remembered; enough to recognise it, too few to fill the state."""


def confirmed(work: Work, event: Confirmed) -> str:
    """Take in one confirmation; returns why it was ignored, or nothing."""
    state = work.state
    if event.system not in work.plan.by_name:
        raise IllegalTransitionError("a confirmation from a system that is not in the plan")
    if not event.task_id.startswith(f"{state.request_id}."):
        raise IllegalTransitionError("a confirmation for a task of another request")
    if event.sha256[:_DIGEST] in state.heard:
        return "the confirmation was heard before"
    system = state.systems.get(event.system)
    if system is None or event.task_id != system.task:
        return _late(work, event)
    if event.action != system.action:
        raise IllegalTransitionError("a confirmation of another action than was asked")
    state.heard = (*state.heard, event.sha256[:_DIGEST])
    system.task, system.answered, system.stops = "", event.task_id, False
    system.connector, system.confirmed_at = event.connector, event.acted_at
    system.confirmation_sha256 = event.sha256
    # It speaks again. Any other reason to stop stays: a person has to act on it, not the next answer.
    work.settled("system_silent", event.system)
    state.timers.pop(f"silent:{event.system}", None)
    answer = fitting_answer(work.plan.system(event.system), system, event.outcomes)
    if event.action is Action.LOCATE:
        system.located = answer
        discovery.absorb(state, event.links)
    else:
        system.outcomes = answer
    _judge(work, event.system, system, answer)
    return ""


def _judge(work: Work, name: str, system: SystemState, answer: dict[str, Outcome]) -> None:
    if work.state.ending is not None:
        return  # nothing is tried again; what is not final stands in the record as unfinished
    survived = any(isinstance(one, Survived) for one in answer.values())
    if survived and system.survived < work.plan.limits.survived_retries and not _worse(answer):
        # Once more: between the erasure and the second look another program may have written.
        system.survived += 1
        _retry_later(work, name, system)
        return
    found = [
        attention
        for record_set, one in answer.items()
        if (attention := troubles.trouble(name, record_set, one, work.now)) is not None
    ]
    if found:
        work.stop(*found)
        return
    failed = sorted({one.code for one in answer.values() if troubles.is_transient(one)})  # type: ignore[union-attr]
    if failed:
        system.failures += 1
        if system.failures > work.plan.limits.transient_retries:
            todo = "the system keeps failing: mend it, then `expunge retry`"
            work.stop(Attention("keeps_failing", "system_owner", todo, work.now, name, detail=failed[0]))
        else:
            _retry_later(work, name, system)
        return
    system.failures = 0
    pending = troubles.pending_until(answer)
    if pending is not None:
        earliest = later(work.now, seconds=work.plan.limits.retry_first_seconds)
        work.timer(f"pending:{name}", max(pending, earliest))


def _worse(answer: dict[str, Outcome]) -> bool:
    return any(not isinstance(one, Survived) and troubles.trouble("", "", one, "") for one in answer.values())


def _retry_later(work: Work, name: str, system: SystemState) -> None:
    limits = work.plan.limits
    wait = limits.retry_first_seconds * 4 ** max(0, system.failures - 1)
    work.timer(f"retry:{name}", later(work.now, seconds=min(wait, limits.retry_most_seconds)))


def _late(work: Work, event: Confirmed) -> str:
    """An answer nobody waits for: ignored, unless it contradicts what was believed or leads further (decision 11)."""
    state = work.state
    if answered_by_a_person(state.right):
        return "no system was asked anything"
    if state.ending is not None:
        return "the task is not awaited, and the request is about to end"
    if ended_early(state):
        if not _contradicts(state.systems.get(event.system), event):
            return "the task is not awaited"
        # Nothing is begun again for somebody who does not ask; but who answers for the record has to hear of it (I1).
        state.heard = (*state.heard, event.sha256[:_DIGEST])
        work.notice("record_contradicted", "dpo", system=event.system, record=f"{state.request_id}.{state.records}")
        return ""
    if _contradicts(state.systems.get(event.system), event):
        _look_again(work, event.system)
        return ""
    before = state.known
    if event.action is Action.LOCATE:
        discovery.absorb(state, event.links)
    if not discovery.opens_a_search(work.plan, state, before):
        return "the task is not awaited"
    if state.phase is Phase.CLOSED:
        reopen(work, tuple(name for name in state.scope if name in work.plan.by_name and searchable(work, name)))
    else:
        back_to_discovery(work)
    return ""


def ended_early(state: RequestState) -> bool:
    """Tell whether a closed request was withdrawn, refused, or nobody's: whatever is learnt, nobody asks for it now."""
    refused = state.result is Result.REFUSED and state.progress.balance is not Balance.OVERRIDDEN
    early = {Result.WITHDRAWN, Result.IDENTITY_NOT_ESTABLISHED, Result.LAPSED}
    return state.phase is Phase.CLOSED and (refused or state.result in early)


def _contradicts(system: SystemState | None, event: Confirmed) -> bool:
    """Tell whether a late answer says that data is there which was believed gone, or never there."""
    if system is not None and system.task:
        return False  # the answer that is awaited will tell
    if any(isinstance(one, Survived) for one in event.outcomes.values()):
        return True
    return (
        system is not None
        and event.action is Action.LOCATE
        and any(
            isinstance(one, Located) and isinstance(system.located.get(name), NothingHeld)
            for name, one in event.outcomes.items()
        )
    )


def _look_again(work: Work, name: str) -> None:
    state = work.state
    todo = "a late answer says that data is still there: look at the system, then `expunge retry`"
    if state.phase is Phase.CLOSED:
        reopen(work, (name,))
        if searchable(work, name):
            return
        todo = "a late answer says that data is still there, and nothing is left to find it by: look at the system"
    state.systems.setdefault(name, SystemState())
    work.stop(Attention("contradictory_answer", "system_owner", todo, work.now, name))


def searchable(work: Work, name: str) -> bool:
    """Tell whether something is known that finds the person in a system."""
    return bool(discovery.refs_for(work.plan, work.plan.system(name), work.state.known))


def back_to_discovery(work: Work) -> None:
    """Look again before deciding: something was learnt after the search had ended (decision 11)."""
    state = work.state
    if state.phase in {Phase.VERIFYING, Phase.DISCOVERING}:
        return  # it is not known who asks, or it is looking
    move(state, Phase.DISCOVERING)
    # All legs are gone through again, over what is found now; what is as ordered is left as it is.
    state.progress = again(state.progress)
    for system in state.systems.values():
        if system.asked and not system.task:
            system.retry = True
    state.package = state.package_sha256 = state.package_job = ""
    state.review = None
    state.timers.pop("silent:_package", None)
    work.settled("package_silent")


def reopen(work: Work, systems: tuple[str, ...]) -> None:
    """Begin a new episode over these systems; it ends with a record of its own (I8)."""
    state, limits = work.state, work.plan.limits
    move(state, Phase.DISCOVERING)
    # It was seen to be gone when its system answered: processors and other systems may have taken weeks from then on.
    days = {name: one.confirmed_at[:10] for name, one in state.systems.items() if name in state.erased}
    state.gone = {name: day for name, day in days.items() if "" < day < state.erased[name][:10]} | state.gone
    state.episode += 1
    state.round = 0
    state.result = None
    state.package = state.package_sha256 = state.package_job = ""
    state.review = None
    # What these systems kept stays owed until the episode ends: a newer plan must not lose sight of it meanwhile.
    state.systems = {name: SystemState() for name in systems}
    state.recipients = {}
    # The end of the episode sets the timer of what is owed anew; meanwhile somebody has to hear of it (I6).
    state.timers.pop("owed", None)
    due, _ = response_due(date_of(work.now))
    work.timer("deadline", start_of(days_from(due.isoformat(), -limits.warn_days_before_due)))


def silent(work: Work, name: str) -> None:
    """A task is out and nothing came back: visible, never skipped (I12)."""
    todo = "no answer: see that the connector runs and reaches its store; `expunge retry` asks it again"
    work.warn(Attention("system_silent", work.plan.system(name).owner, todo, work.now, name))
    work.timer(f"silent:{name}", later(work.now, minutes=work.plan.limits.silent_minutes))


def silent_package(work: Work) -> None:
    """The access package is awaited and did not come."""
    todo = "the package was not written: see that the exports can be read and written, then `expunge retry`"
    work.warn(Attention("package_silent", "system_owner", todo, work.now))
    work.timer("silent:_package", later(work.now, minutes=work.plan.limits.silent_minutes))
