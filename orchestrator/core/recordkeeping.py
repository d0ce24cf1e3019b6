"""How long the evidence of a request is kept, and what keeps it longer (ADR 45).

A record names nobody, but is about somebody, so it has a purpose and an end as well: it is kept to answer for what was
done (Art. 5(2)) as long as somebody may still claim something, Art. 17(3)(e), and no longer, Art. 5(1)(e).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import NamedTuple

from orchestrator.core.model import Phase, RequestState
from orchestrator.law.periods import last_expired_anchor


class Standing(NamedTuple):
    """A legal hold that was not released: ``systems`` that it names; none: all of them."""

    hold_id: str
    systems: frozenset[str]


def last_day(today: dt.date, months: int) -> str:
    """Give the latest day (ISO 8601) on which something may have happened to a request whose period is over."""
    return last_expired_anchor(today, months).isoformat()


def kept_by(state: RequestState, last: str, until: str, holds: Iterable[Standing]) -> str:
    """Say what keeps the evidence of a request; empty: nothing does, and it has to go.

    A hold about persons keeps everything that touches its systems, whoever it is about: of a request whose capsule is
    gone nobody can tell any more whose it was.

    Args:
        state: The request.
        last: When the last thing was noted about it (RFC 3339): the period begins anew with everything that happens.
        until: ``last_day``.
        holds: Those that stand.
    """
    if state.phase is not Phase.CLOSED or state.attention:
        return "open"
    if state.obligations or state.timers or not state.forgotten:
        return "owed"
    if last[:10] > until:
        return "period"
    touched = {*state.systems, *state.unsearched, *state.scope}
    for one in holds:
        if not one.systems or not touched or one.systems & touched:
            return f"hold:{one.hold_id}"
    return ""
