"""What one processor is asked, or one recipient told, and what came back. Plain data (ADR 35)."""

from __future__ import annotations

from typing import Literal

import msgspec

from schemas.outcomes import Attested, Kept, Notified


class RecipientTask(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """A task for a person: write to a processor or recipient, and note what it says.

    Attributes:
        role: As in the policy; it stands here because a newer policy may not know the recipient any more.
        number: Counts the times that it was asked anew, because more was found.
        does: What it is asked to do, or told was done. ``purposes``: what to stop.
        sets: Record sets (system/record set) that it is about.
        refs: References of the identifiers by which these are found.
        opened_at: When the task was made; ``due``: the day by which it has to be answered.
        sent_at: When it was asked or told, as somebody noted.
        found: Records that it says it found.
        outcome: What it ended with; ``why_not``: why it was not told, which is an end as well.
        document_sha256: Of what proves it.
        owed: It kept something before, and is asked again.
    """

    role: str
    does: Literal["erase", "rectify", "restrict", "stop"]
    sets: tuple[str, ...]
    refs: tuple[str, ...]
    opened_at: str
    due: str
    number: int = 1
    purposes: tuple[str, ...] = ()
    sent_at: str = ""
    found: int | None = None
    outcome: Attested | Kept | Notified | None = None
    why_not: str = ""
    document_sha256: str = ""
    owed: bool = False

    @property
    def open(self) -> bool:
        """Tell whether it is waited for."""
        return self.outcome is None and not self.why_not
