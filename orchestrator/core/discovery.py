"""Discovery: search everywhere, follow what is surely the same person, stop at limits (decision 11, I9)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from orchestrator.core import retention
from orchestrator.core.model import Attention, Known, RequestState
from orchestrator.core.plan import Plan, SystemPlan
from schemas.identifiers import Strength
from schemas.outcomes import Located

BY_KEY: Final = "record_key"
"""Kind of what leads to records that name nobody: their keys, in the handle, and nothing to search by (ADR 36)."""


def refs_for(plan: Plan, system: SystemPlan, known: Iterable[Known]) -> tuple[str, ...]:
    """Give the references this system may be searched by.

    What the person gave searches everything, once one of it is unique: a name or a shared address alone is not one
    person's (then nothing is searched, and the answer says what would help, Art. 11). What was found searches only if
    it is unique, and only within its own domain or one that the policy joins to it (I9).
    """
    known = tuple(known)
    if not any(one.strength is Strength.UNIQUE for one in known):
        return ()
    kinds = system.kinds | {BY_KEY}
    return tuple(one.ref for one in known if one.kind in kinds and (not one.domain or _may_follow(plan, one, system)))


def _may_follow(plan: Plan, one: Known, system: SystemPlan) -> bool:
    if one.strength is not Strength.UNIQUE:
        return False
    return one.domain == system.domain or (one.domain, system.domain) in plan.joined_domains


def unreached(plan: Plan, state: RequestState) -> tuple[str, ...]:
    """Give ``system/record set`` for every record set that no search can have reached, although its system was asked.

    A set is reached by a kind that is known or that a reached set would have led to, or by its parent. One that is
    found by phone alone, where nothing gives a phone, was not searched: that it is empty is not known (I1).

    A request that nobody made has its records by their key.
    """
    if state.retention is not None:
        return ()
    question = (
        tuple(sorted(name for name, one in state.systems.items() if one.asked)),
        frozenset((one.kind, one.domain) for one in state.known if not one.domain or one.strength is Strength.UNIQUE),
    )
    known = plan.reach.get(question)
    if known is None:
        if len(plan.reach) >= _REMEMBERED:
            plan.reach.clear()
        known = plan.reach[question] = _unreached(plan, *question)
    return known


_REMEMBERED = 1000
"""Questions whose answers a plan remembers; requests ask few different ones."""


def _unreached(plan: Plan, names: tuple[str, ...], given: frozenset[tuple[str, str]]) -> tuple[str, ...]:
    asked = [plan.system(name) for name in names]
    reached: set[tuple[str, str]] = set()
    leads = sorted(given)
    while True:
        fresh = set()
        for system in asked:
            joined = {"", system.domain, *(a for a, b in plan.joined_domains if b == system.domain)}
            kinds = {kind for kind, domain in leads if domain in joined}
            for one in system.record_sets:
                by_parent = one.parent is not None and (system.system, one.parent) in reached
                if by_parent or kinds & set(one.kinds) or not (one.kinds or one.parent):
                    fresh.add((system.system, one.name))
                    leads += [(kind, system.domain) for kind in one.yields if (kind, system.domain) not in leads]
        if fresh == reached:
            break
        reached = fresh
    every = {(system.system, one.name) for system in asked for one in system.record_sets}
    return tuple(sorted(f"{system}/{name}" for system, name in every - reached))


def next_round(plan: Plan, state: RequestState) -> dict[str, tuple[str, ...]]:
    """Give the systems to search (again), with all references each may be searched by. Empty: a fixed point."""
    wanted: dict[str, tuple[str, ...]] = {}
    for name, system in state.systems.items():
        refs = refs_for(plan, plan.system(name), state.known)
        if refs and (system.retry or not set(refs) <= set(system.asked)):
            wanted[name] = refs
    return wanted


_STRENGTHS = (Strength.WEAK, Strength.SHARED, Strength.UNIQUE)


def absorb(state: RequestState, links: Iterable[Known]) -> None:
    """Add what a system found to what is known.

    The same identifier may be found with several strengths; the strongest counts, whichever came first (I3): some
    record set vouches for it, and its own searches would have followed it.
    """
    given = tuple(one for one in state.known if not one.domain)
    refs = {one.ref for one in given}
    best = {(one.kind, one.ref, one.domain): one for one in state.known if one.domain}
    for one in links:
        key = (one.kind, one.ref, one.domain)
        have = best.get(key)
        if one.ref not in refs and (have is None or _STRENGTHS.index(one.strength) > _STRENGTHS.index(have.strength)):
            best[key] = one
    state.known = (*given, *(best[key] for key in sorted(best)))


def opens_a_search(plan: Plan, state: RequestState, before: tuple[Known, ...]) -> bool:
    """Tell whether what is known now leads somewhere that what was known before did not."""
    names = [name for name in state.scope if name in plan.by_name]
    return any(
        set(refs_for(plan, plan.system(name), state.known)) - set(refs_for(plan, plan.system(name), before))
        for name in names
    )


def limits_crossed(plan: Plan, state: RequestState, now: str) -> list[Attention]:
    """Say where discovery has to stop and ask.

    Too many rounds or identifiers mean that something links many people; more records than the data map allows,
    or one identifier on several persons, mean that the wrong person could be erased (I9).
    """
    found: list[Attention] = []
    counts = Counter(one.kind for one in state.known)
    for kind, count in sorted(counts.items()):
        if count > plan.limits.identifiers_per_kind:
            found.append(
                Attention(
                    "too_many_identifiers",
                    "dpo",
                    "check which record links many people; correct the data map's strength or split the request",
                    now,
                    detail=kind,
                )
            )
    for name, system in sorted(state.systems.items()):
        limits = {one.name: one.max_records for one in plan.system(name).record_sets}
        # Of a request that nobody made, only what it is about has to be surely one person's.
        meant = retention.sets(plan.system(name), state.retention.record_set) if state.retention else limits.keys()
        for record_set, outcome in sorted(system.located.items()):
            if not isinstance(outcome, Located) or record_set not in meant:
                continue
            if outcome.facts.persons > 1:
                todo = "several persons share an identifier: ask the person for a second one and submit anew"
                found.append(Attention("shared_identifier", "dpo", todo, now, name, record_set))
            if outcome.count > limits.get(record_set, 0):
                todo = (
                    "more records than max_records of the data map: check that they are one person's, raise the limit"
                )
                found.append(Attention("max_records", "dpo", todo, now, name, record_set, str(outcome.count)))
    return found
