"""What a person in charge notes about the time there is to answer."""

from __future__ import annotations

from orchestrator.core.happened import Command


class ClockPaused(Command, frozen=True, kw_only=True):
    """The person was asked for something without which the request cannot be answered.

    ``reason``: one of ``clock.PAUSES``; ``asked_at``: when, if not when the command was given.
    """

    reason: str
    asked_at: str = ""


class ClockResumed(Command, frozen=True, kw_only=True):
    """What was asked for has come. ``answered_at``: when, if not when the command was given."""

    answered_at: str = ""


class Extended(Command, frozen=True, kw_only=True):
    """The answer takes two months more (Art. 12(3)). ``reason``: one of ``clock.EXTENSIONS``."""

    reason: str
