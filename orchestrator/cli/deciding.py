"""Commands by which a person in charge decides about a request: each is journaled with a role, never a name."""

from __future__ import annotations

from orchestrator.cli.desk import Desk
from orchestrator.core.commands import AnyCommand, RequestWithdrawn
from orchestrator.engine import commands
from orchestrator.runtime.clock import SystemClock
from orchestrator.store.migrate import check as check_tables


def withdraw(desk: Desk, request_id: str, role: str) -> int:
    """End a request because the person does not want it any more.

    Raises:
        UsageError: no such request, or it is closed.
    """
    return _give(desk, RequestWithdrawn(request_id=request_id, observed_at="", role=role), "ends")


def _give(desk: Desk, command: AnyCommand, what: str) -> int:
    with desk.store() as store:
        check_tables(store.engine)
        event_id = commands.give(store, SystemClock(), command)
    desk.screen.say(f"noted as {event_id}; request {command.request_id} {what} with the next turn of the orchestrator")
    return 0
