"""A request that nobody made: records of one person that a sweep found past their period (ADR 36).

It is about one record set and what hangs on it, and decided afresh like any erasure. What is not over stays exactly as
it is: nobody asked for it.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from orchestrator.core.model import RequestState, Retention, SystemState
from orchestrator.core.moments import date_of, days_from
from orchestrator.core.plan import SystemPlan
from orchestrator.law.periods import last_expired_anchor
from schemas.outcomes import Located

DAYS: Final = 30
"""So many days after it was found it should be erased. A target of ours: no law gives a period for this."""
REQUESTER: Final = "controller"
NOT_MEANT: Final = "GDPR Art. 5(1)(e): not what was found past its period"
NOT_PAST: Final = "GDPR Art. 5(1)(e): looked at afresh, and not past its period"


def dates(state: RequestState, found: Retention) -> None:
    """Write the target into the state: nobody asked, so there is nobody to answer, and no clock of Art. 12."""
    state.due_on = days_from(date_of(state.received_at).isoformat(), DAYS)
    of = f"{found.system}/{found.record_set}"
    state.due_rule = f"GDPR Art. 5(1)(e): the period of {of} is over since {found.since}; {DAYS} days to erase it"
    state.notice_by = None


def sets(plan: SystemPlan, record_set: str) -> frozenset[str]:
    """Give the record set and all that hangs on it: records do not stay without what they belong to (I2)."""
    names = {record_set} & plan.names
    while more := {one.name for one in plan.record_sets if one.parent in names} - names:
        names |= more
    return frozenset(names)


def leave_out(found: Retention, plan: SystemPlan, system: SystemState, today: dt.date) -> None:
    """Say what the order is about, and of each other record set why not; nothing, if nothing is past any more."""
    named = sets(plan, found.record_set)
    meant = _meant(found.record_set, named, plan, system, today)
    system.left_out = {name: NOT_PAST if name in named else NOT_MEANT for name in sorted(plan.names - meant)}
    system.sets = tuple(sorted(meant))


def _meant(
    record_set: str, named: frozenset[str], plan: SystemPlan, system: SystemState, today: dt.date
) -> frozenset[str]:
    if any(system.unproven.get(name) for name in named):
        return named  # of what was found before an erasure that proved nothing, nothing is left out (I2)
    located = system.located.get(record_set)
    if not isinstance(located, Located):
        return named & {record_set}
    rule = next((one.period for one in plan.record_sets if one.name == record_set), None)
    first = located.facts.anchor_first
    if rule is None or first is None:
        return frozenset()
    return named if first <= last_expired_anchor(today, rule.months).isoformat() else frozenset()
