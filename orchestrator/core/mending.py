"""What happens when a person says that the cause is mended (``expunge retry``)."""

from __future__ import annotations

from orchestrator.core import adopting, aggregate, answers, clock
from orchestrator.core.model import Phase, SystemState
from orchestrator.core.work import DECISIONS, Work
from schemas.requests import Right


def resume(work: Work, plan_sha256: str = "") -> str:
    """Somebody mended the cause: ask again what was named, and look again before anything is decided on it.

    What was corrected may be the plan: then the request goes on under it, where that lacks nothing (decision 21).

    What waits for a decision is nothing one can mend: it stays in the list until that is taken (I6).
    """
    state = work.state
    if state.ending is not None:
        return "the request is about to end"
    mended = [one for one in state.attention if one.reason not in DECISIONS]
    if not mended:
        return "nothing waits for a person"
    if work.newer is not None:
        lacks = adopting.lacking(work, work.newer)
        if lacks:
            state.attention = tuple(one for one in state.attention if one.reason != adopting.GONE)
            work.stop(*lacks)
            return ""
    state.attention = tuple(one for one in state.attention if one.reason in DECISIONS)
    # What could not be applied may have been the answer to any task that is out, or the package.
    lost = any(one.reason == "internal_error" for one in mended)
    changed = set() if work.newer is None else adopting.adopt(work, work.newer, plan_sha256)
    if work.newer is not None and state.episode == 1:
        clock.follow(work)  # the newer plan may name other controllers, or promise more
    stuck = {one.system for one in mended if one.reason != adopting.GONE and one.system in work.plan.by_name}
    stuck &= {*state.scope, *state.systems}  # nothing else was ever asked anything
    stuck |= {name for name, one in state.systems.items() if lost and one.task} | changed
    for name in sorted(stuck):
        _ask_again(work, name)
    state.round = 0
    acting = state.phase is Phase.ACTING and state.right is Right.ERASURE
    if not acting or work.newer is not None or any(not aggregate.held(state.systems[name]) for name in stuck):
        answers.back_to_discovery(work)
    return ""


def _ask_again(work: Work, name: str) -> None:
    """Give up the task that is out, if any: its answer, should it still come, is a late one."""
    system = work.state.systems.setdefault(name, SystemState())
    work.state.timers.pop(f"silent:{name}", None)
    system.task = ""
    system.failures = system.survived = 0
    system.retry = bool(system.asked)
