"""Holds an answer against what was asked: what does not fit is never final, whoever says it (I1).

A connector's word is taken only for what it was asked: a search cannot claim an erasure, an erasure has to account
for every record found before, records stay only by the order that was given, and dates exist in the calendar. All
else becomes ``Unverifiable`` with a stable code, which stops the request and names the record set.
"""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.core.model import SystemState
from orchestrator.core.moments import is_date, is_moment
from orchestrator.core.plan import RecordSetPlan, SystemPlan
from schemas.outcomes import (
    Anonymised,
    Attested,
    Changed,
    Deleted,
    Exported,
    Failed,
    Kept,
    Lifted,
    Located,
    NothingHeld,
    Outcome,
    Pending,
    Rectified,
    Restricted,
    Stopped,
    Survived,
    Unverifiable,
)
from schemas.tasks import CHANGES, WHOLE_SYSTEM, Action, Instruction

_ANSWERS = {
    Rectified: Action.RECTIFY,
    Restricted: Action.RESTRICT,
    Lifted: Action.LIFT,
    Stopped: Action.STOP,
}


def fitting_answer(plan: SystemPlan, system: SystemState, outcomes: Mapping[str, Outcome]) -> dict[str, Outcome]:
    """Give one outcome per record set of the plan; one that is missing, or that nobody knows, is never fine."""
    # Record sets that an order did not name are left out of its answer.
    names = plan.names if system.action is Action.LOCATE or system.sets is None else plan.names & set(system.sets)
    if WHOLE_SYSTEM in outcomes:
        return dict.fromkeys(sorted(names), _for_the_whole(outcomes[WHOLE_SYSTEM]))
    answer: dict[str, Outcome] = {}
    files = {(one.file, one.sha256) for one in outcomes.values() if isinstance(one, Exported)}
    for one in sorted((one for one in plan.record_sets if one.name in names), key=lambda one: one.name):
        outcome = outcomes.get(one.name)
        if outcome is None:
            answer[one.name] = Unverifiable("no_answer_for_record_set")
            continue
        doubt = _doubt(plan, one, system, outcome)
        if isinstance(outcome, Exported) and len(files) > 1:
            doubt = "several_files"
        answer[one.name] = Unverifiable(doubt) if doubt else outcome
    for name in sorted(set(outcomes) - names):
        answer[name] = Unverifiable("record_set_not_asked" if name in plan.names else "record_set_not_in_plan")
    return answer


def _for_the_whole(outcome: Outcome) -> Outcome:
    """A system that cannot name its record sets may fail, and nothing else."""
    match outcome:
        case Failed() | Unverifiable():
            return outcome
        case _:
            return Unverifiable("whole_system_answer")


def _doubt(plan: SystemPlan, one: RecordSetPlan, system: SystemState, outcome: Outcome) -> str:
    """Say why the outcome does not fit; empty if it does."""
    action = system.action
    instruction = system.instructions.get(one.name, Instruction())
    fits, doubt = True, ""
    match outcome:
        case Survived() | Unverifiable() | Failed():
            return ""
        case Pending():
            return "" if is_moment(outcome.check_after) else "malformed_date"
        case Located():
            fits = action is Action.LOCATE
            facts = outcome.facts
            days = (facts.anchor_first, facts.anchor_last, facts.since_first, facts.since_last)
            dated = all(is_date(day) for day in days)
            doubt = "" if dated else "malformed_date"
        case NothingHeld():
            before = system.located.get(one.name) if action is Action.EXPORT or action in CHANGES else None
            found = before.count if isinstance(before, Located) else 0
            found = instruction.found if action is Action.ERASE else found
            doubt = "nothing_held_after_found" if found else ""
        case Deleted():
            fits = action is Action.ERASE
            doubt = "fewer_than_found" if outcome.before < instruction.found else ""
        case Anonymised():
            fits = action is Action.ERASE
            ordered = one.erase != "delete" or instruction.keep is not None
            fewer = "fewer_than_found" if outcome.before < instruction.found else ""
            doubt = fewer if ordered else "anonymised_without_order"
        case Kept():
            fits = action is Action.ERASE
            doubt = _doubt_about_kept(outcome, instruction)
        case Exported():
            fits = action is Action.EXPORT
            before = system.located.get(one.name)
            doubt = "fewer_than_found" if isinstance(before, Located) and outcome.count < before.count else ""
        case Rectified() | Restricted() | Lifted() | Stopped():
            fits = action is _ANSWERS[type(outcome)]
            doubt = _doubt_about_change(outcome, system.located.get(one.name))
            if isinstance(outcome, Stopped) and set(outcome.purposes) != set(system.purposes):
                doubt = "other_purposes"
        case Attested():
            fits = action is not Action.LOCATE
            doubt = "" if plan.attested else "attestation_not_allowed"
        case _:
            fits = False  # of rights that come later: not asked for, so never an answer
    return doubt if fits else f"not_an_answer_to_{action.value}"


def _doubt_about_change(outcome: Changed, before: Outcome | None) -> str:
    if outcome.looked_at is None:
        return "no_second_look"
    # To have changed nothing is to have found nothing, which is said otherwise.
    least = before.count if isinstance(before, Located) else 1
    return "fewer_than_found" if outcome.count < max(1, least) else ""


def _doubt_about_kept(outcome: Kept, instruction: Instruction) -> str:
    if instruction.keep is None or (outcome.why, outcome.text) != (instruction.keep, instruction.text):
        return "kept_without_order"
    if outcome.until is None and outcome.review_by is None:
        return "kept_without_date"
    if not (is_date(outcome.until) and is_date(outcome.review_by)):
        return "malformed_date"
    return "fewer_than_found" if outcome.count + outcome.erased < instruction.found else ""
