"""What a person in charge decides about a request, as events: journaled like any other, and replayed (I5, I7).

Each carries the *role* of who decided, never a name. ``commanding`` says what each does; ``engine.commands`` takes them
in, beside a running process as well.
"""

from __future__ import annotations

from orchestrator.core.happened import Happened


class Command(Happened, frozen=True, kw_only=True):
    """Somebody in charge decided. ``role``: who, e.g. ``dpo``."""

    role: str


class RequestWithdrawn(Command, frozen=True, kw_only=True):
    """The person does not want it any more. What was done stays done, and the record tells it."""


AnyCommand = RequestWithdrawn
"""Closed union; ``commanding.HANDLERS`` has an entry for each."""
COMMANDS: tuple[type[AnyCommand], ...] = (RequestWithdrawn,)
