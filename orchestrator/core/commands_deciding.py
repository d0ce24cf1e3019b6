"""Commands about what stays and what may go: legal holds, decisions per record set, approvals."""

from __future__ import annotations

from orchestrator.core.happened import Command
from orchestrator.core.rulings import Hold
from schemas.outcomes import KeptWhy


class HoldPlaced(Command, frozen=True, kw_only=True):
    """A legal hold reaches this request. Nothing that it is about is erased from now on."""

    hold: Hold


class HoldReleased(Command, frozen=True, kw_only=True):
    """A legal hold is over: what it kept is decided afresh.

    ``plan_sha256``: the plan in force when it is applied (decision 21).
    """

    hold_id: str
    plan_sha256: str = ""


class SetDecided(Command, frozen=True, kw_only=True):
    """Somebody decided about one record set: it stays (``why``, ``text``, ``review_by``), or goes (``ground``).

    ``plan_sha256``: the plan in force when it is applied; a closed request goes on under it (decision 21).
    """

    system: str
    record_set: str
    why: KeptWhy | None = None
    ground: str = ""
    text: str = ""
    review_by: str = ""
    plan_sha256: str = ""


class Approved(Command, frozen=True, kw_only=True):
    """Somebody approved what is about to be done. ``preview``: SHA-256 (hex) of exactly what was shown.

    ``by``: keyed digest of the sign of whoever approved; two of the same sign are one person.
    """

    preview: str
    by: str
