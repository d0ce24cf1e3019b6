"""Approval of what is about to be erased, bound to exactly what was shown (issue 5; S40).

The preview is data; its SHA-256 over the RFC 8785 form is what somebody approves. If anything in it changes before it
is acted on (what was found, a hold, a decision, the plan), the approval is void and is asked for again.
"""

from __future__ import annotations

import hashlib
from typing import Any, Final

import rfc8785

from orchestrator.core import aggregate
from orchestrator.core.commands_deciding import Approved
from orchestrator.core.model import Attention, Phase, RequestState, SystemState
from orchestrator.core.moments import to_date
from orchestrator.core.plan import Plan, RecordSetPlan
from orchestrator.core.rulings import OPEN_RULE, Approval, plain_rule
from orchestrator.core.work import Work
from orchestrator.law.periods import add_months
from schemas.outcomes import Located
from schemas.tasks import Instruction

NEEDED: Final = "approval_needed"
TWO: Final = 2


def preview(plan: Plan, state: RequestState) -> dict[str, Any]:
    """Give what will happen to every record set, by which rule, and what stays and why; JSON with integers only.

    Nothing in it hangs on the day on which it is made: only facts change it.
    """
    return {
        "request_id": state.request_id,
        "episode": state.episode,
        "plan_sha256": state.plan_sha256,
        "hold_version": state.hold_version,
        "record_sets": {
            f"{name}/{one.name}": line(one, system)
            for name, system in sorted(state.systems.items())
            for one in plan.system(name).record_sets
            if one.name in system.instructions and not done(plan, name, system)
        },
        "not_searched": sorted(name for name in state.scope if not _asked(state, name)),
    }


def done(plan: Plan, name: str, system: SystemState) -> bool:
    """Tell whether a system has carried out what was decided; nothing is to be decided about it any more."""
    return bool(system.outcomes) and aggregate.lines(plan.system(name), system) is not None


def _asked(state: RequestState, name: str) -> bool:
    return name in state.systems and bool(state.systems[name].asked)


def line(one: RecordSetPlan, system: SystemState) -> dict[str, Any]:
    """Say what will happen to a record set, by which rule, until when; JSON with integers only."""
    instruction, rule = system.instructions[one.name], system.rules[one.name]
    line: dict[str, Any] = {"found": instruction.found, "does": _does(one, instruction, system), "rule": rule}
    if instruction.keep is not None:
        line |= {"why": instruction.keep.value, "text": instruction.text}
        if instruction.review_by is None:
            line |= _until(instruction, system.located.get(one.name))
        elif plain_rule(rule).partition(":")[0] != OPEN_RULE:
            line["review_by"] = instruction.review_by
    return line


def _does(one: RecordSetPlan, instruction: Instruction, system: SystemState) -> str:
    if instruction.keep is not None and not _destroys(instruction, system.located.get(one.name)):
        return "keep"
    if instruction.keep is not None:
        return "erase_what_is_over"
    return "anonymise" if one.erase == "anonymise" else "erase"


def _until(instruction: Instruction, located: object) -> dict[str, Any]:
    last = located.facts.anchor_last if isinstance(located, Located) else None
    return {"until": add_months(to_date(last), instruction.period_months).isoformat()} if last else {}


def _destroys(instruction: Instruction, located: object) -> bool:
    """Tell whether something would be erased by this instruction."""
    if not instruction.found:
        return False
    if instruction.keep is None:
        return True
    if instruction.review_by is not None or instruction.erase_up_to is None:
        return False
    first = located.facts.anchor_first if isinstance(located, Located) else None
    return first is None or first <= instruction.erase_up_to


def digest(shown: dict[str, Any]) -> str:
    """SHA-256 (hex) of the RFC 8785 form."""
    return hashlib.sha256(rfc8785.dumps(shown)).hexdigest()


def wanted(plan: Plan, state: RequestState) -> int:
    """Give how many persons have to approve: none, one, or two different ones (four eyes)."""
    going = sum(
        instruction.found
        for name, system in state.systems.items()
        for of, instruction in system.instructions.items()
        if not done(plan, name, system) and _destroys(instruction, system.located.get(of))
    )
    if plan.four_eyes_records and going > plan.four_eyes_records:
        return TWO
    return int(bool(plan.approval_records) and going > plan.approval_records)


def settled(work: Work) -> bool:
    """Tell whether what was decided may be acted on; else call somebody."""
    state, plan = work.state, work.plan
    persons = wanted(plan, state)
    state.preview = digest(preview(plan, state)) if persons else ""
    # What was approved and is not so any more was approved by nobody.
    state.approvals = tuple(one for one in state.approvals if one.preview == state.preview)
    missing = persons - len({one.by for one in state.approvals})
    if missing <= 0:
        return True
    todo = f"{missing} more to approve: look with `expunge preview`, then `expunge approve` or `expunge decline`"
    work.stop(Attention(NEEDED, "dpo", todo, work.now, detail=f"{persons - missing}_of_{persons}"))
    return False


def refusal(state: RequestState, event: Approved) -> tuple[str, str] | None:
    """Say what is wrong with an approval, and the fix; None where it may be given."""
    if state.phase is not Phase.DECIDING or all(one.reason != NEEDED for one in state.attention):
        return "nothing waits for an approval", "see `expunge show`"
    if event.preview != state.preview:
        return "this preview is not true any more", f"look again: `expunge preview {state.request_id}`"
    if any(one.by == event.by for one in state.approvals):
        return "the same person has approved it already", "somebody else has to approve it, too"
    return None


def approved(work: Work, event: Approved) -> str:
    """Take in an approval."""
    work.state.approvals = (*work.state.approvals, Approval(event.preview, event.by, event.role, event.when))
    work.settled(NEEDED)
    return ""
