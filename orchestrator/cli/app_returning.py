"""The commands about what comes back after it was erased: ``restored``, ``returned``."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import Home, Id, Out, Role, desk


def restored(
    ctx: typer.Context,
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="The system that was restored.", show_default=False)],
    snapshot: Annotated[str, typer.Option(metavar="TIME", help="When the snapshot was taken, RFC 3339 with a zone.")],
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Say that a system was restored from a backup: what was erased since is looked for, and erased again.

    Holds are respected; each request that is looked at again gets a further record. Exit code 1 where the person of an
    erasure cannot be found any more, since their identifiers are gone.
    """
    from orchestrator.cli import returning

    return returning.restored(desk(ctx, home, output), system, snapshot, role)


def returned(
    ctx: typer.Context,
    request_id: Id,
    since: Annotated[str, typer.Option(metavar="DATE", help="The day on which they came back.")],
    reason: Annotated[str, typer.Option(help="fresh_consent or new_relationship.")],
    system: Annotated[str, typer.Option(metavar="SYSTEM", help="Where; default: everywhere.")] = "",
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Say that a person whose data was erased came back themselves: what is there now is not erased again."""
    from orchestrator.cli import returning
    from orchestrator.core.commands_returning import CameBack

    one = CameBack(request_id=request_id, observed_at="", role=role, since=since, reason=reason, system=system)
    return returning.returned(desk(ctx, home, output), one)


def register(root: typer.Typer) -> None:
    """Add these commands to the others."""
    root.command(short_help="A system was restored from a backup.")(restored)
    root.command(short_help="A person who was erased came back themselves.")(returned)
