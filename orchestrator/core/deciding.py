"""Deciding: per record set, erase or keep, by which rule (I7, I8). Pure; the law's tables say what a text is worth."""

from __future__ import annotations

import datetime as dt

from orchestrator.core.model import Attention, SystemState
from orchestrator.core.plan import RecordSetPlan, SystemPlan
from orchestrator.law.periods import add_months, last_expired_anchor
from orchestrator.law.texts import objection_to
from schemas.outcomes import Located
from schemas.tasks import Instruction

ERASE_RULE = "erase:gdpr-17-1"
EXPORT_RULE = "export:gdpr-15-3"
NOTHING_RULE = "nothing-found"


def decide_erasure(
    plan: SystemPlan, system: SystemState, now: str, today: dt.date
) -> tuple[dict[str, Instruction], dict[str, str], list[Attention]]:
    """Decide for every record set of one system.

    Returns:
        Instructions and rules by record set, and what a person must decide first (then nothing may be sent).
    """
    instructions: dict[str, Instruction] = {}
    rules: dict[str, str] = {}
    blocked: list[Attention] = []
    for one in _parents_first(plan.record_sets):
        located = system.located.get(one.name)
        found = located if isinstance(located, Located) else None
        count = found.count if found else 0
        parent = instructions.get(one.parent or "")
        if one.erase == "with_parent" and parent is not None:
            instructions[one.name] = Instruction(
                parent.keep, parent.text, parent.erase_up_to, parent.period_months, count
            )
            rules[one.name] = f"with_parent:{rules[one.parent or '']}" if count else NOTHING_RULE
        elif found is None or one.retain is None:
            instructions[one.name] = Instruction(found=count)
            rules[one.name] = ERASE_RULE if count else NOTHING_RULE
        else:
            objection = _objection(plan.system, one, found, now, today)
            if objection:
                blocked.append(objection)
            instructions[one.name], rules[one.name] = _retain(one, found, today)
    return instructions, rules, blocked


def _parents_first(sets: tuple[RecordSetPlan, ...]) -> list[RecordSetPlan]:
    by_name = {one.name: one for one in sets}
    ordered: dict[str, RecordSetPlan] = {}

    def add(one: RecordSetPlan, depth: int = 0) -> None:
        # A cycle of parents is refused when the data map is loaded; the depth keeps a bad plan from hanging.
        if one.parent in by_name and depth < len(by_name):
            add(by_name[one.parent], depth + 1)
        ordered.setdefault(one.name, one)

    for one in sets:
        add(one)
    return list(ordered.values())


def _retain(one: RecordSetPlan, found: Located, today: dt.date) -> tuple[Instruction, str]:
    retain = one.retain
    assert retain is not None  # noqa: S101 - the caller's branch, for the type checker
    over = last_expired_anchor(today, retain.months)
    last = found.facts.anchor_last
    if last is not None and not found.facts.anchor_missing and dt.date.fromisoformat(last) <= over:
        return Instruction(found=found.count), f"retention-over:{retain.text}:{retain.months}m"
    keep = Instruction(retain.why, retain.text, over.isoformat(), retain.months, found.count)
    return keep, f"retain:{retain.text}:{retain.months}m"


def _objection(system: str, one: RecordSetPlan, found: Located, now: str, today: dt.date) -> Attention | None:
    assert one.retain is not None  # noqa: S101 - the caller's branch, for the type checker
    if found.facts.anchor_missing or found.facts.anchor_last is None:
        todo = "records without an anchor date cannot be dated: complete them, then `expunge retry`"
        return Attention("retention_without_date", "dpo", todo, now, system, one.name, str(found.facts.anchor_missing))
    objection = objection_to(one.retain.text, today)
    if objection:
        todo = "decide on which text these records are kept, correct the data map, then `expunge retry`"
        return Attention(objection, "dpo", todo, now, system, one.name, one.retain.text)
    if add_months(dt.date.fromisoformat(found.facts.anchor_last), one.retain.months) > today.replace(
        year=today.year + 100
    ):
        todo = "an anchor date lies absurdly far in the future: correct the record, then `expunge retry`"
        return Attention("retention_without_end", "dpo", todo, now, system, one.name)
    return None
