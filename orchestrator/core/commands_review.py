"""Commands about passages of a copy that may be about other people (ADR 46)."""

from __future__ import annotations

from orchestrator.core.happened import Command
from orchestrator.core.passages import Passage


class PassagesDecided(Command, frozen=True, kw_only=True):
    """Some passages are held back, or given, on a ground (``passages.GROUNDS``)."""

    ground: str
    passages: tuple[Passage, ...]


class ReviewDone(Command, frozen=True, kw_only=True):
    """Everything that a person has to read was read: the copy can be made."""
