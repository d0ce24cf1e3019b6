"""What stays although no period says so: under a legal hold, by somebody's decision, or while a contract runs. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Final, NamedTuple

import msgspec

from orchestrator.core.model import Attention, SystemState
from orchestrator.core.plan import RecordSetPlan, SystemPlan
from orchestrator.core.resting import objection as objection_to
from orchestrator.core.rulings import DECIDED_RULE, OPEN_RULE, WITH_CHILD, Rulings, SetDecision, hold_rule
from orchestrator.law.periods import add_months
from schemas.outcomes import KeptWhy, Located
from schemas.tasks import Instruction

REVIEW_DUE: Final = "review_due"
_TODO = {
    REVIEW_DUE: "the day to look at this decision again has come: decide anew with `expunge decide`",
    "text": "decide on which text these records are kept, with `expunge decide` or in the data map",
}


class Stay(NamedTuple):
    """A record set that stays, and by which rule."""

    instruction: Instruction
    rule: str


class _Case(NamedTuple):
    """One system that is decided about."""

    plan: SystemPlan
    system: SystemState
    rulings: Rulings
    now: str
    today: dt.date
    own: Mapping[str, int] | None

    def count(self, one: RecordSetPlan) -> int:
        return found_in(self.system, one.name)

    def attention(self, reason: str, one: RecordSetPlan, detail: str, todo: str = "text") -> Attention:
        return Attention(reason, "dpo", _TODO[todo], self.now, self.plan.system, one.name, detail)


def found_in(system: SystemState, record_set: str) -> int:
    """Give how many records have to be accounted for: found now, or before an erasure that proved nothing (I2)."""
    located = system.located.get(record_set)
    return max(located.count if isinstance(located, Located) else 0, system.unproven.get(record_set, 0))


def staying(
    plan: SystemPlan,
    system: SystemState,
    rulings: Rulings,
    now: str,
    today: dt.date,
    own: Mapping[str, int] | None = None,
) -> tuple[dict[str, Stay], list[Attention]]:
    """Give the record sets that stay whatever their periods say, and what a person must decide first.

    A parent stays with its children: without it nobody could tell whose they are, and no database would let it go.
    """
    case = _Case(plan, system, rulings, now, today, own)
    found: dict[str, Stay] = {}
    blocked: list[Attention] = []
    for one in plan.record_sets:
        stay, attention = _ruled(case, one)
        if stay is not None:
            found[one.name] = stay
        if attention is not None:
            blocked.append(attention)
    by_name = {one.name: one for one in plan.record_sets}
    for name in sorted(found):
        stay, above = found[name], by_name[name].parent
        seen = {name}
        while case.count(by_name[name]) and above in by_name and above not in seen and above not in found:
            seen.add(above)
            kept = msgspec.structs.replace(stay.instruction, found=case.count(by_name[above]))
            found[above] = Stay(kept, f"{WITH_CHILD}{stay.rule}")
            above = by_name[above].parent
    return found, blocked


def _ruled(case: _Case, one: RecordSetPlan) -> tuple[Stay | None, Attention | None]:
    located = case.system.located.get(one.name)
    holds = case.rulings.holds_on(case.plan.system, one.name, located)
    if holds:
        review_by = min(each.review_by for each in holds)
        kept = Instruction(KeptWhy.HOLD, holds[0].text, found=case.count(one), review_by=review_by)
        return Stay(kept, hold_rule(holds)), None
    decision = case.rulings.decision_on(case.plan.system, one.name)
    if decision is not None:
        return _decided(case, one, decision)
    return _open(case, one)


def _decided(case: _Case, one: RecordSetPlan, decision: SetDecision) -> tuple[Stay | None, Attention | None]:
    if decision.why is None:
        return None, None
    attention = None
    if case.count(one):
        objection = objection_to(decision.text, case.today, case.own)
        if objection:
            attention = case.attention(objection, one, decision.text)
        elif decision.review_by <= case.today.isoformat():
            attention = case.attention(REVIEW_DUE, one, decision.review_by, REVIEW_DUE)
    kept = Instruction(decision.why, decision.text, found=case.count(one), review_by=decision.review_by)
    return Stay(kept, f"{DECIDED_RULE}:{decision.why.value}:{decision.text}"), attention


def _open(case: _Case, one: RecordSetPlan) -> tuple[Stay | None, Attention | None]:
    """Keep what still runs: the period has not begun, and the policy says that there is no ground for erasure (S14)."""
    retain, located = one.retain, case.system.located.get(one.name)
    if retain is None or retain.open != KeptWhy.NO_GROUND or not isinstance(located, Located):
        return None, None
    if case.rulings.ground_of(one.purpose, one.basis):
        return None, None  # the person has ended the use: there is a ground
    if located.facts.anchor_last is not None and not located.facts.anchor_missing:
        return None, None
    objection = objection_to(retain.text, case.today, case.own)
    if objection:
        return None, case.attention(objection, one, retain.text)
    review_by = add_months(case.today, retain.review_months).isoformat()
    kept = Instruction(KeptWhy.NO_GROUND, retain.text, found=case.count(one), review_by=review_by)
    return Stay(kept, f"{OPEN_RULE}:{retain.text}:{retain.review_months}m"), None
