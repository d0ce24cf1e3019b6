"""Decides an erasure as a whole: system by system, and whether it may be acted on yet."""

from __future__ import annotations

from orchestrator.core import approving, bases, requester, retention
from orchestrator.core.deciding import ERASE_RULE, decide_erasure
from orchestrator.core.model import Attention, RequestState
from orchestrator.core.moments import date_of
from orchestrator.core.plan import Plan, SystemPlan
from orchestrator.core.rulings import Rulings
from orchestrator.core.work import Work
from schemas.tasks import Instruction


def decide(work: Work) -> bool:
    """Decide what is not decided and done; False: a person has to decide or approve first, and was called."""
    state, plan = work.state, work.plan
    blocked: list[Attention] = []
    for name, system in state.systems.items():
        if approving.done(plan, name, system):
            continue  # what is done was decided by what was known then, and the record says so (I7)
        if state.retention is not None:
            retention.leave_out(state.retention, plan.system(name), system, date_of(work.now))
        system.instructions, system.rules, waits = decided(plan, state, name, work.now)
        blocked += waits
    if blocked:
        work.stop(*blocked)
        return False
    return approving.settled(work)


def decided(
    plan: Plan, state: RequestState, name: str, now: str
) -> tuple[dict[str, Instruction], dict[str, str], list[Attention]]:
    """Decide about one system by what is known of it: instructions, rules, and what a person must say first."""
    rulings = Rulings(state.holds, state.decisions, state.ended)
    of, system = plan.system(name), state.systems[name]
    swept = state.retention is not None
    instructions, rules, blocked = decide_erasure(of, system, now, date_of(now), rulings, plan.own_rules, swept=swept)
    return instructions, _grounded(of, requester.rules(state, rules)), blocked


def _grounded(plan: SystemPlan, rules: dict[str, str]) -> dict[str, str]:
    """Give the ground of each erasure that nobody gave one (Art. 17(1); S39): it follows from the legal basis.

    To ask for the erasure of what rests on consent withdraws it (b); all else is no longer necessary (a). Where the
    data map names no basis, none is claimed.
    """
    basis = {one.name: bases.letter(one.basis) for one in plan.record_sets}
    return {
        name: f"{rule}-{'b' if basis[name] == 'a' else 'a'}" if rule == ERASE_RULE and basis[name] else rule
        for name, rule in rules.items()
    }
