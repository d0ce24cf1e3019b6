"""Deciding: per record set, erase or keep, by which rule (I7, I8). Pure; the law's tables say what a text is worth."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import msgspec

from orchestrator.core.model import Attention, SystemState
from orchestrator.core.plan import ExpireRule, RecordSetPlan, RetainRule, SystemPlan
from orchestrator.core.resting import objection as objection_to
from orchestrator.core.rulings import NONE, Rulings
from orchestrator.core.staying import found_in, staying
from orchestrator.law.periods import add_months, last_expired_anchor
from schemas.outcomes import KeptWhy, Located
from schemas.tasks import Instruction

ERASE_RULE = "erase:gdpr-17-1"
EXPORT_RULE = "export:gdpr-15-3"
NOTHING_RULE = "nothing-found"
BEFORE_RULE = "gone-before"
FARTHEST_MONTHS = 1200
"""No retention ends later than in a hundred years: a date beyond is a mistake in the record."""


def decide_erasure(
    plan: SystemPlan,
    system: SystemState,
    now: str,
    today: dt.date,
    rulings: Rulings = NONE,
    own: Mapping[str, int] | None = None,
    *,
    swept: bool = False,
) -> tuple[dict[str, Instruction], dict[str, str], list[Attention]]:
    """Decide for every record set of one system that the order is about (``SystemState.sets``; None: all of them).

    ``own``: ``Plan.own_rules``, what the policy itself promises. ``swept``: nobody asked for it (ADR 36).

    Returns:
        Instructions and rules by record set, and what a person must decide first (then nothing may be sent).
    """
    instructions: dict[str, Instruction] = {}
    rules: dict[str, str] = {}
    stay, blocked = staying(plan, system, rulings, now, today, own)
    if system.sets is not None:
        blocked = [one for one in blocked if one.record_set in system.sets]
    for one in _parents_first(plan.record_sets):
        if system.sets is not None and one.name not in system.sets:
            continue
        located = system.located.get(one.name)
        found = located if isinstance(located, Located) else None
        count = found_in(system, one.name)
        decision = rulings.decision_on(plan.system, one.name)
        parent = instructions.get(one.parent or "")
        if one.name in stay:
            instructions[one.name], rules[one.name] = stay[one.name]
        elif parent is not None and (one.erase == "with_parent" or (swept and one.period is None)):
            # Nobody asked for what is not over: a set without a period of its own goes with what it belongs to.
            instructions[one.name] = msgspec.structs.replace(parent, found=count)
            rules[one.name] = f"with_parent:{rules[one.parent or '']}"
        elif swept and decision is None and one.period is not None:
            rule = _kept_until(one.period)
            objection = _objection(plan.system, one, rule, found, now, today, own) if found else None
            if objection:
                blocked.append(objection)
            kept, rules[one.name] = _retain(rule, found, count, today)
            instructions[one.name] = msgspec.structs.replace(kept, only_over=True)
        elif decision is not None or one.retain is None or _overtaken(one.retain, rulings.ground_of(*_use(one))):
            ground = rulings.ground_of(*_use(one)) if decision is None else decision.ground
            instructions[one.name] = Instruction(found=count)
            rules[one.name] = f"{ERASE_RULE}-{ground}" if ground else ERASE_RULE
        else:
            objection = _objection(plan.system, one, one.retain, found, now, today, own) if found else None
            if objection:
                blocked.append(objection)
            instructions[one.name], rules[one.name] = _retain(one.retain, found, count, today)
    return instructions, rules, blocked


def _kept_until(period: RetainRule | ExpireRule) -> RetainRule:
    """Give the rule by which what is not over stays: before a promised period ends, nobody has a ground to erase it."""
    if isinstance(period, RetainRule):
        return period
    return RetainRule(KeptWhy.NO_GROUND, period.text, period.months)


def _use(one: RecordSetPlan) -> tuple[str, str]:
    return one.purpose, one.basis


def _overtaken(retain: RetainRule, ground: str) -> bool:
    """Tell whether what stays for lack of a ground has one now; an exception of Art. 17(3) stands against any."""
    return bool(ground) and retain.why is KeptWhy.NO_GROUND


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


def _retain(retain: RetainRule, found: Located | None, count: int, today: dt.date) -> tuple[Instruction, str]:
    """Keep what is not over yet, even where nothing of it was found: a record may have come since the search.

    The connector erases what is over for good, and what it keeps it has to date (I8).
    """
    over = last_expired_anchor(today, retain.months)
    last = found.facts.anchor_last if found else None
    all_over = last is not None and dt.date.fromisoformat(last) <= over
    keep = Instruction(retain.why, retain.text, over.isoformat(), retain.months, count)
    return keep, f"{'retention-over' if all_over else 'retain'}:{retain.text}:{retain.months}m"


def _objection(
    system: str,
    one: RecordSetPlan,
    retain: RetainRule,
    found: Located,
    now: str,
    today: dt.date,
    own: Mapping[str, int] | None,
) -> Attention | None:
    last = found.facts.anchor_last
    if found.facts.anchor_missing or last is None:
        todo = "records without an anchor date cannot be dated: complete them, then `expunge retry`"
        return Attention("retention_without_date", "dpo", todo, now, system, one.name, str(found.facts.anchor_missing))
    objection = objection_to(retain.text, today, own, retain.months)
    if objection:
        todo = "decide on which text these records are kept, correct the data map, then `expunge retry`"
        return Attention(objection, "dpo", todo, now, system, one.name, retain.text)
    if dt.date.fromisoformat(last) > add_months(today, FARTHEST_MONTHS - retain.months):
        todo = "an anchor date lies absurdly far in the future: correct the record, then `expunge retry`"
        return Attention("retention_without_end", "dpo", todo, now, system, one.name)
    return None
