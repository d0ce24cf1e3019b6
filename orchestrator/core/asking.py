"""Who asks, how surely, and what was asked back: plain data of a request's state. Codes and dates, never a name."""

from __future__ import annotations

from typing import Final, Literal

import msgspec

Level = Literal["verified", "unverified", "doubted"]
"""How surely the requester is known; ``doubted`` only on a recorded doubt (S44, S45)."""


class Identity(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """How surely it is known who asks.

    Attributes:
        method: By which means it was confirmed, e.g. ``account_login``.
        reason, asks: The recorded doubt, and what was asked for.
        document: Whether a document was asked for; it has to go after the check.
        document_deleted_at: When somebody said that it is gone.
    """

    level: Level = "verified"
    method: str = ""
    reason: str = ""
    asks: str = ""
    document: Literal["", "asked", "to_delete", "deleted"] = ""
    document_deleted_at: str = ""


VERIFIED: Final = Identity()
"""What intake says, unless it says otherwise."""


class Pause(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The clock stands still while the person is asked: from ``asked_at`` until ``answered_at``; empty: still."""

    reason: str
    asked_at: str
    answered_at: str = ""


class Extension(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The answer takes longer, and the person was told why, and when."""

    reason: str
    told_at: str


class Fee(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What a further copy costs (S32); nothing is handed out before it is accepted."""

    cents: int
    currency: str
    quoted_at: str
    accepted_at: str = ""
