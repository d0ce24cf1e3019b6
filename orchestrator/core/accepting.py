"""How a request begins: its first state, the receipt, and what it waits for before anything is searched."""

from __future__ import annotations

from orchestrator.core import acting, clock, fees, identity, procedures, requester
from orchestrator.core.asked import Progress
from orchestrator.core.asking import VERIFIED, Identity
from orchestrator.core.events import RequestAccepted
from orchestrator.core.model import LOGIC, Attention, Phase, RequestState, SystemState
from orchestrator.core.moments import days_from, start_of
from orchestrator.core.plan import Plan
from orchestrator.core.transitions import move
from orchestrator.core.work import Work


def state_of(plan: Plan, event: RequestAccepted) -> RequestState:
    """Give the first state of a request: nothing is searched yet, and its dates are known."""
    scope = event.scope or tuple(one.system for one in plan.systems)
    if event.retention is not None:
        scope = (event.retention.system,)
    if procedures.answered_by_a_person(event.right):
        scope = ()
    state = RequestState(
        logic=LOGIC,
        request_id=event.request_id,
        right=event.right,
        received_at=event.received_at,
        due_on="",
        due_rule="",
        plan_sha256=event.plan_sha256,
        phase=Phase.RECEIVED,
        controllers=event.controllers or plan.controllers,
        scope=scope,
        locale=event.locale,
        known=event.identifiers,
        identity=VERIFIED if event.identity == "verified" else Identity(event.identity),
        requester=event.requester,
        minor_at_collection=event.minor_at_collection,
        copies=event.copies,
        continues=event.follows,
        waits_for=event.others,
        asked=event.asked,
        systems={one.system: SystemState() for one in plan.systems if one.system in scope},
        holds=event.holds,
        ended=event.ended,
        hold_version=len(event.holds),
        retention=event.retention,
        receipt_sha256=event.receipt_sha256,
    )
    if procedures.of(plan, state).at_receipt:
        state.progress = Progress(at_receipt=True)
    clock.set_dates(plan, state)
    return state


def begin(work: Work, event: RequestAccepted) -> None:
    """Acknowledge it, say what it cannot reach, and wait for what has to be known first."""
    state = work.state
    work.notice("receipt", requester.addressee(state, work.now), due_on=state.due_on)
    work.timer("deadline", start_of(days_from(state.due_on, -work.plan.limits.warn_days_before_due)))
    for name in state.scope:
        if name not in state.systems:
            todo = "the request names a system that is not connected: connect it, or submit with a right scope"
            work.stop(Attention("unknown_system", "dpo", todo, work.now, detail=name))
    acting.begin(work)
    move(state, Phase.VERIFYING)
    identity.begin(work, event)
    fees.begin(work)
