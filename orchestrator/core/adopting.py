"""A newer plan: when an open request, or one whose obligation came due, may go on under it (decision 21).

A request never loses what it still has to answer for: where the newer plan lacks it, the older plan stays and a person
is called (I1, I6). Otherwise every system that the newer plan sees differently is searched again, from the beginning.
"""

from __future__ import annotations

import msgspec

from orchestrator.core import aggregate
from orchestrator.core.commands_deciding import HoldReleased, SetDecided
from orchestrator.core.commands_returning import Restored
from orchestrator.core.discovery import refs_for
from orchestrator.core.events import Event, Resumed, TimerFired
from orchestrator.core.model import Attention, Phase, RequestState, SystemState
from orchestrator.core.plan import Plan, SystemPlan
from orchestrator.core.work import Work
from schemas.outcomes import NothingHeld

GONE = "system_gone"
_TODO = {
    "system": "the request still needs this system: connect it again under this name, then `expunge retry`",
    "record_set": "records were erased or are kept in this record set: give it back its name, then `expunge retry`",
    "identifier": "nothing that is known of the person searches this system any more: let its data map match by"
    " what it did before, then `expunge retry`",
}


def brought(state: RequestState, event: Event) -> str:
    """Give the digest of the newer plan that an event brings; empty if it brings none."""
    match event:
        case Resumed() | TimerFired() | HoldReleased() | Restored() if event.plan_sha256 != state.plan_sha256:
            return event.plan_sha256
        case SetDecided() if state.phase is Phase.CLOSED and event.plan_sha256 != state.plan_sha256:
            return event.plan_sha256
        case _:
            return ""


def lacking(work: Work, newer: Plan) -> list[Attention]:
    """Say what the request still needs and the newer plan does not have; then it may not be adopted."""
    state = work.state
    systems = {} if state.phase is Phase.CLOSED else state.systems
    owing = {one.system for one in state.obligations if one.system}
    found: list[Attention] = []
    for name in sorted({*systems, *owing}):
        if name not in newer.by_name:
            found.append(_gone(work, name, "system"))
            continue
        kept = {one.record_set for one in state.obligations if one.system == name and one.record_set}
        needed = kept | (_touched(systems[name]) if name in systems else set())
        lost = sorted(needed - newer.system(name).names)
        found += [_gone(work, name, "record_set", one) for one in lost]
        if needed and not lost and not refs_for(newer, newer.system(name), state.known):
            found.append(_gone(work, name, "identifier"))
    return found


def _gone(work: Work, name: str, what: str, record_set: str = "") -> Attention:
    return Attention(GONE, "dpo", _TODO[what], work.now, name, record_set, what)


def _touched(system: SystemState) -> set[str]:
    """Give the record sets that an erasure of this episode changed, or may have changed."""
    copy = msgspec.structs.replace(system)
    aggregate.search_again(copy)
    return {name for name, one in copy.past.items() if not isinstance(one, NothingHeld)} | set(copy.unproven)


def adopt(work: Work, newer: Plan, digest: str) -> set[str]:
    """Go on under the newer plan, which lacks nothing; gives the systems of which nothing that was said counts now."""
    state, older = work.state, work.plan
    work.plan, state.plan_sha256 = newer, digest
    if state.phase is Phase.CLOSED:
        return set()  # a new episode begins: it asks afresh whatever it needs
    if state.episode == 1:
        _widen(state, older, newer)
    changed = {
        name for name in state.systems if name in older.by_name and _differ(older.system(name), newer.system(name))
    }
    for name in changed:
        _distrust(work, name)
    return changed


def _widen(state: RequestState, older: Plan, newer: Plan) -> None:
    """Take in systems that were connected since: a request for all systems is one for these too, none is left out."""
    if set(state.scope) >= older.by_name.keys():
        state.scope = (*state.scope, *(one.system for one in newer.systems if one.system not in state.scope))
    for name in state.scope:
        if name in newer.by_name:
            state.systems.setdefault(name, SystemState())


def _differ(older: SystemPlan, newer: SystemPlan) -> bool:
    return msgspec.structs.replace(older, owner="") != msgspec.structs.replace(newer, owner="")


def _distrust(work: Work, name: str) -> None:
    """Forget what a system said under the older plan, but not what was erased in it (``past``, ``unproven``)."""
    state, system = work.state, work.state.systems[name]
    aggregate.search_again(system)
    system.located = {}
    if not refs_for(work.plan, work.plan.system(name), state.known):
        # It cannot be searched any more, and nothing was erased in it (``lacking``): the record says "not searched".
        system.asked = ()
    for kind in ("retry", "pending"):
        state.timers.pop(f"{kind}:{name}", None)
