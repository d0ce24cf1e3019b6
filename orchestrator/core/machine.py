"""The machine: one event in, a new state and effects out (decision 1).

Invariants kept here, each with a test:

* the state passed in is never changed; an event that the tables do not allow raises and changes nothing;
* a task is issued only in a step whose effects become durable together with the state (I2);
* only ``closing.answering`` completes, and only with a final outcome for every record set (I1);
* a fact counts once: an answer to a task that is not awaited is ignored, unless it brings something new (I3);
* whenever work stops, there is a task out, a timer, or an ``Attention`` with an owner (I6).
"""

from __future__ import annotations

from typing import Final

import msgspec

from orchestrator.core import (
    accepting,
    acting,
    adopting,
    afresh,
    aggregate,
    answers,
    approving,
    clock,
    closing,
    commanding,
    discovery,
    ending,
    holding,
    identity,
    mending,
    procedures,
    recipients,
    requester,
    returning,
    reviewing,
    ruling,
)
from orchestrator.core.effects import Effect
from orchestrator.core.events import (
    Confirmed,
    Event,
    Incident,
    LaterEvent,
    OtherClosed,
    OtherOpened,
    PackageAssembled,
    Recalled,
    RequestAccepted,
    Resumed,
    ReviewFound,
    TimerFired,
)
from orchestrator.core.model import LOGIC, Attention, Phase, RequestState
from orchestrator.core.plan import Plan
from orchestrator.core.reviewing import AWAITED
from orchestrator.core.transitions import ACCEPTS, IGNORES, move
from orchestrator.core.work import Work, copy_of
from orchestrator.errors import IllegalTransitionError
from schemas.requests import Right
from schemas.tasks import Action

__all__ = ["AWAITED", "Step", "advance", "step"]


class Step(msgspec.Struct, frozen=True):
    """The result of one step. ``ignored``: why the event changed nothing; empty if it counted."""

    state: RequestState
    effects: tuple[Effect, ...] = ()
    ignored: str = ""


def step(plan: Plan, state: RequestState | None, event: Event, newer: Plan | None = None) -> Step:
    """Apply one event.

    Args:
        plan: The plan the request goes by (``state.plan_sha256``).
        state: What is known so far; None for a new request.
        event: What happened.
        newer: The plan that the event brings (``adopting.brought``), if it does.

    Raises:
        IllegalTransitionError: the event is impossible here; nothing changed.
    """
    if state is None:
        if not isinstance(event, RequestAccepted):
            raise IllegalTransitionError("nothing is known of this request")
        work = Work(plan, accepting.state_of(plan, event), event.observed_at)
        accepting.begin(work, event)
    else:
        if state.logic > LOGIC:
            raise IllegalTransitionError("the state was written by a newer version")
        if isinstance(event, RequestAccepted) or state.phase not in ACCEPTS[type(event)]:
            return Step(state, ignored=IGNORES[type(event)])
        if bool(adopting.brought(state, event)) != (newer is not None):
            raise IllegalTransitionError("the newer plan is not the one that the event names")
        work = Work(plan, copy_of(state), event.observed_at, newer)
        ignored = _apply(work, event)
        if ignored:
            return Step(state, ignored=ignored)
    advance(work)
    return Step(work.state, tuple(work.effects))


def _apply(work: Work, event: LaterEvent) -> str:
    match event:
        case Confirmed():
            return answers.confirmed(work, event)
        case PackageAssembled():
            if work.state.package != AWAITED or work.state.package_job != event.job_id:
                return "the package is not awaited"
            work.state.package, work.state.package_sha256 = event.file, event.sha256
            work.state.timers.pop("silent:_package", None)
            work.settled("package_silent")
        case ReviewFound():
            return reviewing.found(work, event)
        case TimerFired():
            return _timer(work, event)
        case OtherClosed():
            return afresh.other_closed(work, event)
        case OtherOpened():
            return acting.hold_back(work, event)
        case Resumed():
            return mending.resume(work, event.plan_sha256)
        case Recalled():
            return ending.recalled(work, event)
        case Incident():
            todo = "see the dead letters for what came in, mend the cause, then `expunge retry`"
            work.stop(Attention(event.reason, "system_owner", todo, work.now, event.system))
        case _:  # mypy has narrowed it to a command
            return commanding.obey(work, event)
    return ""


def advance(work: Work) -> None:
    """Walk as far as the facts allow."""
    while (ending.step if _ends(work.state) else _STEPS[work.state.phase])(work):
        pass


def _ends(state: RequestState) -> bool:
    return state.ending is not None and state.phase not in (Phase.ANSWERING, Phase.CLOSED)


def _discovering(work: Work) -> bool:
    state, plan = work.state, work.plan
    work.settled(approving.NEEDED)  # nothing is decided any more: what is found now is shown anew
    returning.afresh(work)
    if work.stopped():
        return False
    holding.outdated(work)
    wanted = discovery.next_round(plan, state)
    # A system that failed is asked again by itself: it waits for nobody, and nobody's slowness is its own.
    for name, refs in wanted.items():
        system = state.systems[name]
        if system.retry and not system.task:
            work.issue(name, Action.LOCATE, refs)
    if work.busy():
        return False
    crossed = discovery.limits_crossed(plan, state, work.now)
    if crossed:
        work.stop(*crossed)
        return False
    if wanted:
        if state.round >= plan.limits.rounds:
            todo = "the search does not come to an end: check the links that the data maps declare as unique"
            work.stop(Attention("too_many_rounds", "dpo", todo, work.now))
            return False
        state.round += 1
        for name, refs in wanted.items():
            work.issue(name, Action.LOCATE, refs)
        return False
    if _unanswered(
        work, [name for name, one in state.systems.items() if not aggregate.searched(plan.system(name), one)]
    ):
        return False
    move(state, Phase.DECIDING)
    return True


def _unanswered(work: Work, names: list[str]) -> bool:
    """Stop on systems that were asked and yet have no answer to go on with: a fence that no path should reach."""
    missing = [name for name in sorted(names) if work.state.systems[name].asked]
    for name in missing:
        # Nothing is out, nothing failed, and yet an answer is missing: never erase or complete on that (I1, I2).
        todo = "an answer is incomplete: look at the connector, then `expunge retry`"
        work.stop(Attention("not_final", "system_owner", todo, work.now, name))
    return bool(missing)


def _deciding(work: Work) -> bool:
    state, plan = work.state, work.plan
    if work.stopped() or state.waits_for:
        return False
    if state.right is Right.ERASURE and not (returning.judge(work) and ruling.decide(work)):
        return False
    if state.right not in {Right.ERASURE, Right.ACCESS} and not procedures.answered_by_a_person(state.right):
        work.stop(*procedures.unknown(plan, state, work.now))
        if work.stopped():
            return False
        acting.decide(work)
    move(state, Phase.ACTING)
    acting.start(work)
    return True


def _acting(work: Work) -> bool:
    state, plan = work.state, work.plan
    if work.stopped():
        return False
    for name, system in state.systems.items():
        if system.retry and not system.task:
            acting.send(work, name)
    if work.busy() or acting.by_hand(work):
        return False
    if _unanswered(
        work, [name for name, one in state.systems.items() if aggregate.lines(plan.system(name), one) is None]
    ):
        return False
    more = acting.next_leg(work)
    if more is not False:
        return bool(more)
    if identity.unfound(work) or recipients.waits(work):
        return False
    move(state, Phase.REVIEWING if procedures.of(plan, state).reviews else Phase.ANSWERING)
    return True


def _reviewing(work: Work) -> bool:
    state = work.state
    if work.stopped():
        return False
    parts = reviewing.parts_of(state)
    if parts and not state.package_sha256:
        if state.package != AWAITED:
            reviewing.assemble(work, parts)
        return False
    move(state, Phase.ANSWERING)
    return True


def _timer(work: Work, event: TimerFired) -> str:
    state = work.state
    timer = state.timers.get(event.name)
    if timer is None or timer.generation != event.generation:
        return "an older timer"
    del state.timers[event.name]
    kind, _, name = event.name.partition(":")
    match kind:
        case "retry" | "pending":
            state.systems[name].retry = True
        case "deadline":
            todo = "the answer is due soon: see what is open with `expunge show`"
            work.warn(Attention("deadline_near", "dpo", todo, work.now, detail=state.due_on))
        case recipients.REMIND | recipients.ANSWER:
            recipients.timer(work, kind, name)
        case "lift":
            acting.lift_is_due(work, event)
        case _ if kind in _TIMERS:
            _TIMERS[kind](work)
        case "silent" if name == "_package":
            answers.silent_package(work)
        case "silent" if _ends(state):
            ending.given_up(work, name)
        case "silent" if state.systems[name].stops:
            holding.look_again(work, name)
        case "silent":
            answers.silent(work, name)
        case _:
            (returning.recheck if kind == returning.TIMER else closing.owed)(work, event.plan_sha256)
    return ""


_TIMERS: Final = {
    "notice": clock.notice_near,
    "proof": requester.proof_ended,
    "lapse": identity.lapsed,
}


def _resting(_: Work) -> bool:
    return False


_STEPS = {
    Phase.VERIFYING: identity.verifying,
    Phase.DISCOVERING: _discovering,
    Phase.DECIDING: _deciding,
    Phase.ACTING: _acting,
    Phase.REVIEWING: _reviewing,
    Phase.ANSWERING: closing.answering,
    Phase.CLOSED: _resting,
}
