"""Every right as a procedure: what is done, to which record sets, in which order, and by which rule (ADR 29).

One entry per right; mypy has a new right break the build. A procedure is a row of *legs*, each of them one action on
the record sets that it reaches: most have one, an objection stops marketing, restricts the rest while it is weighed,
and then stops it or lets it go on. What a leg does not reach is named in the record with the article, so that silence
is not read as "no data".
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, Literal

import msgspec

from orchestrator.core import bases
from orchestrator.core.asked import Balance
from orchestrator.core.model import Attention, RequestState
from orchestrator.core.plan import MARKETING, Plan, RecordSetPlan
from schemas.requests import Right
from schemas.tasks import Action


class Leg(msgspec.Struct, frozen=True):
    """One action. ``rule`` stands in the record with each of its lines; ``purposes``: which of them it is about."""

    action: Action
    rule: str
    purposes: tuple[str, ...] = ()


class Procedure(msgspec.Struct, frozen=True):
    """What is particular to a right.

    Attributes:
        legs: What systems are asked to do, as far as it is known by now; none: a person answers.
        at_receipt: It takes effect when it arrives, and does not wait until it is known who asks.
        reviews: Copies are put together and looked through before they are handed over.
    """

    legs: tuple[Leg, ...] = ()
    at_receipt: bool = False
    reviews: bool = False


STAYS: Final = "stays restricted by request "
"""Begins the reason of a record set whose mark another restriction needs; the verifier knows it too."""
NEITHER: Final = "GDPR Art. 20(1)(a): rests on neither consent nor contract"
NOT_PROVIDED: Final = "GDPR Art. 20(1): nothing in it was provided by the person"
LIFT_RULE: Final = "lift:gdpr-18-3"


def of(plan: Plan, state: RequestState) -> Procedure:
    """Give the procedure of a request."""
    if state.progress.lifting:
        return Procedure((Leg(Action.LIFT, LIFT_RULE),))
    match state.right:
        case Right.ACCESS:
            return Procedure((Leg(Action.EXPORT, "export:gdpr-15-3"),), reviews=True)
        case Right.PORTABILITY:
            return Procedure((Leg(Action.EXPORT, "export:gdpr-20-1"),), reviews=True)
        case Right.ERASURE:
            return Procedure((Leg(Action.ERASE, "erase:gdpr-17-1"),))
        case Right.RECTIFICATION:
            return Procedure((Leg(Action.RECTIFY, "rectify:gdpr-16"),))
        case Right.RESTRICTION:
            return Procedure((Leg(Action.RESTRICT, "restrict:gdpr-18-1"),))
        case Right.WITHDRAWAL_OF_CONSENT:
            legs = tuple(Leg(Action.STOP, "stop:gdpr-7-3", (one,)) for one in state.asked.purposes)
            return Procedure(legs, at_receipt=True)
        case Right.OBJECTION:
            return _objection(plan, state)
        case _:
            _: Literal[Right.COMPLAINT, Right.SAFEGUARD_COPY] = state.right  # a new right does not type-check here
            return Procedure()


def leg(plan: Plan, state: RequestState) -> Leg:
    """Give the leg that is being acted on."""
    return of(plan, state).legs[state.progress.leg]


def answered_by_a_person(right: Right) -> bool:
    """Tell whether no system is asked anything."""
    return right in {Right.COMPLAINT, Right.SAFEGUARD_COPY}


def _objection(plan: Plan, state: RequestState) -> Procedure:
    purposes = state.asked.purposes or tuple(
        sorted({one.purpose for _, one in _sets(plan, state) if bases.letter(one.basis) in _INTERESTS})
    )
    named = plan.marketing_purposes or MARKETING
    marketing = tuple(one for one in purposes if one in named)
    others = tuple(one for one in purposes if one not in named)
    legs = [Leg(Action.STOP, "stop:gdpr-21-3", (one,)) for one in marketing]
    # Once it was weighed, nothing is restricted for it again, however late something else is found.
    if (others or not marketing) and not (state.records and state.progress.balance):
        legs.append(Leg(Action.RESTRICT, "restrict:gdpr-18-1-d", others))
    if state.progress.balance is Balance.UPHELD:
        legs += [Leg(Action.STOP, "stop:gdpr-21-1", (one,)) for one in others]
        legs.append(Leg(Action.LIFT, LIFT_RULE, others))
    elif state.progress.balance is Balance.OVERRIDDEN:
        legs.append(Leg(Action.LIFT, "lift:gdpr-21-1", others))
    return Procedure(tuple(legs), at_receipt=bool(marketing))


_INTERESTS: Final = frozenset({"e", "f", ""})
"""Bases that one can object to; one that is not declared may be one of them."""


def _sets(plan: Plan, state: RequestState) -> Iterator[tuple[str, RecordSetPlan]]:
    for name in state.scope:
        if name in plan.by_name:
            yield from ((name, one) for one in plan.system(name).record_sets)


def out_of_reach(state: RequestState, of: Leg, system: str, one: RecordSetPlan) -> str:
    """Say why the right does not reach a record set, with the article; empty where it does."""
    basis = bases.letter(one.basis)
    shared = state.progress.shared
    if of.action is Action.LIFT and (other := shared.get(f"{system}/{one.name}") or shared.get(f"{system}/")):
        return f"{STAYS}{other}"
    match of.action:
        case Action.EXPORT if state.right is Right.PORTABILITY:
            if basis not in {"a", "b"}:
                return NEITHER
            return "" if one.provided else NOT_PROVIDED
        case Action.RECTIFY:
            return "" if f"{system}/{one.name}" in state.asked.corrected else "GDPR Art. 16: not named in the request"
        case Action.STOP:
            return _why_not_used(state.right, of, one, basis)
        case Action.RESTRICT | Action.LIFT if state.right is Right.OBJECTION and not state.progress.lifting:
            return _why_not_used(state.right, of, one, basis)
        case _:
            return ""


def never_reached(plan: Plan, state: RequestState, system: str, one: RecordSetPlan) -> bool:
    """Tell whether no leg reaches a record set; what the last one leaves out another may have been about (I1)."""
    if state.retention is not None:
        return one.name in state.systems[system].left_out
    return all(out_of_reach(state, leg, system, one) for leg in of(plan, state).legs)


def _why_not_used(right: Right, of: Leg, one: RecordSetPlan, basis: str) -> str:
    article = "GDPR Art. 7(3)" if right is Right.WITHDRAWAL_OF_CONSENT else "GDPR Art. 21"
    if set(of.purposes) & set(one.stoppable):
        return ""
    if not bases.is_among(one.purpose, of.purposes):
        return f"{article}: not used for the purpose"
    if of.rule == "stop:gdpr-7-3" and basis not in {"a", ""}:
        return f"{article}: does not rest on consent"
    if right is Right.OBJECTION and of.rule != "stop:gdpr-21-3" and basis not in _INTERESTS:
        return f"{article}(1): rests on neither Art. 6(1)(e) nor (f)"
    return ""


def able(state: RequestState, of: Leg, system: str, one: RecordSetPlan) -> bool:
    """Tell whether a system can do it to a record set; where it cannot, a person has to."""
    match of.action:
        case Action.RECTIFY:
            return set(state.asked.corrected.get(f"{system}/{one.name}", ())) <= set(one.rectifiable)
        case Action.RESTRICT | Action.LIFT:
            return one.restrictable
        case Action.STOP:
            return set(of.purposes) <= set(one.stoppable)
        case _:
            _: Literal[Action.LOCATE, Action.ERASE, Action.EXPORT, Action.SWEEP] = of.action  # a new action fails here
            return True


def unknown(plan: Plan, state: RequestState, now: str) -> list[Attention]:
    """Say what a request names that the data map does not know; then nothing may be changed."""
    found: list[Attention] = []
    sets = {f"{name}/{one.name}": one for name, one in _sets(plan, state)}
    for path, fields in state.asked.corrected.items():
        system, _, record_set = path.partition("/")
        todo = "no data map has it: correct the map and `expunge retry`, or `expunge withdraw` and submit it anew"
        if path not in sets:
            found.append(Attention("unknown_record_set", "dpo", todo, now, system, record_set, path))
            continue
        one = sets[path]
        strange = sorted(set(fields) - set(one.rectifiable)) if one.rectifiable else []
        if strange:
            detail = f"{path}: {', '.join(strange)}"
            found.append(Attention("unknown_field", "dpo", todo, now, system, record_set, detail))
    known = {
        purpose
        for _, one in _sets(plan, state)
        for purpose in (one.purpose, bases.purpose_id(one.purpose), *one.stoppable)
    }
    strange = [one for one in state.asked.purposes if one not in known]
    if strange:
        todo = "no system uses data for it: correct the data map and `expunge retry`, or `expunge withdraw` it"
        found.append(Attention("unknown_purpose", "dpo", todo, now, detail=", ".join(strange)))
    return found


def to_be_balanced(plan: Plan, state: RequestState) -> bool:
    """Tell whether somebody has yet to weigh an objection."""
    if state.right is not Right.OBJECTION or state.progress.balance is not None or state.progress.lifting:
        return False
    return any(one.action is Action.RESTRICT for one in of(plan, state).legs)
