"""Decides an erasure as a whole: system by system, and whether it may be acted on yet."""

from __future__ import annotations

from orchestrator.core import aggregate, approving, requester
from orchestrator.core.deciding import decide_erasure
from orchestrator.core.model import Attention
from orchestrator.core.moments import date_of
from orchestrator.core.rulings import Rulings
from orchestrator.core.work import Work


def decide(work: Work) -> bool:
    """Decide what is not decided and done; False: a person has to decide or approve first, and was called."""
    state, plan, today = work.state, work.plan, date_of(work.now)
    rulings = Rulings(state.holds, state.decisions)
    blocked: list[Attention] = []
    for name, system in state.systems.items():
        if system.outcomes and aggregate.lines(plan.system(name), system) is not None:
            continue  # what is done was decided by what was known then, and the record says so (I7)
        decided = decide_erasure(plan.system(name), system, work.now, today, rulings)
        system.instructions, system.rules = decided[0], requester.rules(state, decided[1])
        blocked += decided[2]
    if blocked:
        work.stop(*blocked)
        return False
    return approving.settled(work)
