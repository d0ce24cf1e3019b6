"""What a person has to do about an answer, and what time may mend. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.core.model import Attention
from schemas.outcomes import Failed, FailureKind, Outcome, Pending, Survived, Unverifiable


def trouble(system: str, record_set: str, outcome: Outcome, now: str) -> Attention | None:
    """Say what a person has to do about an outcome that no retry mends; None where there is nothing."""
    match outcome:
        case Survived():
            todo = "find out why the data is still there (trigger, sync, import), mend it, then `expunge retry`"
            return Attention("survived", "system_owner", todo, now, system, record_set, outcome.detail)
        case Unverifiable():
            todo = "the answer proves nothing: mend the connector or its data map, then `expunge retry`"
            return Attention("unverifiable", "system_owner", todo, now, system, record_set, outcome.reason)
        case Failed(kind=FailureKind.MISCONFIGURED):
            todo = "run `expunge check`, correct what it names, then `expunge retry`"
            return Attention("misconfigured", "system_owner", todo, now, system, record_set, outcome.code)
        case Failed(kind=FailureKind.PERMANENT):
            todo = "look at the system, mend the cause, then `expunge retry`"
            return Attention("failed", "system_owner", todo, now, system, record_set, outcome.code)
        case _:
            return None


def is_transient(outcome: Outcome) -> bool:
    """Tell whether time may mend it."""
    return isinstance(outcome, Failed) and outcome.kind is FailureKind.TRANSIENT


def pending_until(outcomes: Mapping[str, Outcome]) -> str | None:
    """Give the earliest time at which a pending record set can be looked at again."""
    return min((one.check_after for one in outcomes.values() if isinstance(one, Pending)), default=None)
