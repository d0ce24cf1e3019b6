"""Decides an erasure as a whole: system by system, and whether it may be acted on yet."""

from __future__ import annotations

from orchestrator.core import approving, bases, requester
from orchestrator.core.deciding import ERASE_RULE, decide_erasure
from orchestrator.core.model import Attention
from orchestrator.core.moments import date_of
from orchestrator.core.plan import SystemPlan
from orchestrator.core.rulings import Rulings
from orchestrator.core.work import Work


def decide(work: Work) -> bool:
    """Decide what is not decided and done; False: a person has to decide or approve first, and was called."""
    state, plan, today = work.state, work.plan, date_of(work.now)
    rulings = Rulings(state.holds, state.decisions, state.ended)
    blocked: list[Attention] = []
    for name, system in state.systems.items():
        if approving.done(plan, name, system):
            continue  # what is done was decided by what was known then, and the record says so (I7)
        decided = decide_erasure(plan.system(name), system, work.now, today, rulings, plan.own_rules)
        system.instructions = decided[0]
        system.rules = _grounded(plan.system(name), requester.rules(state, decided[1]))
        blocked += decided[2]
    if blocked:
        work.stop(*blocked)
        return False
    return approving.settled(work)


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
