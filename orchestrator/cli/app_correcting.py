"""The command by which what people had noted wrongly in a record is taken back: ``expunge correct``."""

# No `from __future__ import annotations`: typer reads the annotations of these functions.

from typing import Annotated

import typer

from orchestrator.cli.options import Home, Id, Out, Role, desk

_NUMBER = "Number of the record, e.g. 1."
_PLACE = "A line: SYSTEM/RECORD_SET, the id of a processor or recipient, or the right. May be given again."
_REASON = "attestation_wrong, date_wrong, other_person or recipient_word_wrong."


def correct(
    ctx: typer.Context,
    request_id: Id,
    record: Annotated[int, typer.Option(help=_NUMBER)] = 0,
    place: Annotated[list[str] | None, typer.Option(help=_PLACE)] = None,
    reason: Annotated[str, typer.Option(help=_REASON)] = "",
    settled: Annotated[bool, typer.Option("--settled", help="What a correction left open was seen to.")] = False,
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Take back what people had noted wrongly in a record; a further record says so, and claims less."""
    from orchestrator.cli import correcting

    at = desk(ctx, home, output)
    if settled:
        return correcting.settled(at, request_id, role, alone=not (record or place or reason))
    return correcting.correct(at, request_id, role, record, tuple(place or ()), reason)


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(short_help="Take back what people had noted wrongly in a record.")(correct)
