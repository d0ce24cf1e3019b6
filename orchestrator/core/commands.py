"""What a person in charge decides about a request, as events: journaled like any other, and replayed (I5, I7).

Each carries the *role* of who decided, never a name. ``commanding`` says what each does; ``engine.commands`` takes them
in, beside a running process as well.
"""

from __future__ import annotations

from typing import Final, get_args

from orchestrator.core.happened import Command


class RequestWithdrawn(Command, frozen=True, kw_only=True):
    """The person does not want it any more. What was done stays done, and the record tells it."""


AnyCommand = RequestWithdrawn
"""Closed union; ``commanding.HANDLERS`` has an entry for each."""
COMMANDS: Final[tuple[type[AnyCommand], ...]] = get_args(AnyCommand) or (RequestWithdrawn,)
