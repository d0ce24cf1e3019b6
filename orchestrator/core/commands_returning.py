"""Commands about what comes back after it was erased: a restored backup, or the person themselves (I14)."""

from __future__ import annotations

from orchestrator.core.happened import Command


class Restored(Command, frozen=True, kw_only=True):
    """A system was restored from a snapshot: what was erased in it since has to be erased again.

    Attributes:
        system: The system that was restored.
        snapshot: When the snapshot was taken, RFC 3339 in UTC.
        plan_sha256: The plan in force when it is applied (decision 21).
    """

    system: str
    snapshot: str
    plan_sha256: str = ""


class CameBack(Command, frozen=True, kw_only=True):
    """The person is a data subject again: by fresh consent, or a new relationship.

    Attributes:
        since: ISO date.
        reason: One of ``returning.REASONS``.
        system: Where; empty: in every system of the request.
    """

    since: str
    reason: str
    system: str = ""
