"""Commands of a person in charge in words. Pure."""

from __future__ import annotations

from orchestrator.core.commands import AnyCommand, RequestWithdrawn


def said(command: AnyCommand) -> str:
    """Say what was decided, in one line, and by which role."""
    return f"{command.role}: {_what(command)}"


def _what(command: AnyCommand) -> str:
    match command:
        case RequestWithdrawn():
            return "the person withdrew the request"
