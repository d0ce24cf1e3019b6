"""What a record tells besides its lines: scope, identity, clock, deciders, what is still owed, sources (ADR 50). Pure.

It hangs on the plan that a request goes by: one that names its sources makes records of this form, and an older plan,
which names none, makes them as it always did. So an old history replays to the same bytes (I5).
"""

from __future__ import annotations

from typing import Any, Final

from orchestrator.core import clock
from orchestrator.core.model import Obligation, RequestState
from orchestrator.core.plan import Plan
from orchestrator.core.rulings import DECIDED_RULE, Rulings, holds_of, plain_rule
from schemas.completion import ExtensionLine, OwedLine, PauseLine

AUTHORITY: Final = "authority"
"""Role of those of whom the person may not be told (Art. 23)."""


def told(plan: Plan, state: RequestState) -> dict[str, Any]:
    """Give the fields of a record of the newer form; none for a plan that does not name its sources."""
    if plan.sources is None:
        return {}
    owed = {_owed(one) for one in state.obligations}
    asked = state.retention is None  # of what nobody asked for there is nobody to identify
    return {
        "scope": tuple(sorted(state.scope)),
        "identity": state.identity.level if asked else "",
        "identity_method": state.identity.method if asked else "",
        "due_trace": clock.trace(plan, state),
        "pauses": tuple(PauseLine(one.reason, one.asked_at, one.answered_at or None) for one in state.pauses),
        "extension": ExtensionLine(state.extension.reason, state.extension.told_at) if state.extension else None,
        "approved_by": tuple(one.role for one in state.approvals if one.preview == state.preview),
        "owed": tuple(sorted(owed, key=lambda one: (one.due, one.kind, one.place))),
        "sources": plan.sources,
    }


def _owed(one: Obligation) -> OwedLine:
    place = one.recipient or (f"{one.system}/{one.record_set}" if one.record_set else one.system)
    return OwedLine(one.kind, one.due, place)


def decided_by(plan: Plan, state: RequestState, system: str, name: str, rule: str) -> str:
    """Give the role of the person by whose decision a record set stays or goes; empty: by the rules alone."""
    if plan.sources is None or not (state.holds or state.decisions):
        return ""
    held = holds_of(rule)
    if held:
        return next((one.owner for one in state.holds if one.hold_id in held), "")
    of = Rulings(decisions=state.decisions).decision_on(system, name)
    if of is None and plain_rule(rule).startswith(f"{DECIDED_RULE}:"):
        # It stays with what it belongs to, or with what belongs to it, of which somebody decided.
        of = next((one for one in state.decisions if one.system == system and rule.endswith(f":{one.text}")), None)
    return of.role if of is not None else ""
