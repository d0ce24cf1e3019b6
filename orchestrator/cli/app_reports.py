"""The commands for the DPO's overview: ``expunge report`` and ``expunge today``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from orchestrator.cli.options import Home, Out, desk


def report(
    ctx: typer.Context,
    first: Annotated[
        str, typer.Option("--from", metavar="DATE", help="First day, e.g. 2026-01-01.", show_default=False)
    ],
    last: Annotated[str, typer.Option("--to", metavar="DATE", help="Last day; it counts too.", show_default=False)],
    log: Annotated[
        Literal["california"] | None,
        typer.Option("--log", help="The log a law asks for (11 CCR 7101, 7102), not the figures.", show_default=False),
    ] = None,
    form: Annotated[
        Literal["html", "pdf", "md", "csv", "json"] | None,
        typer.Option("--format", help="Default: by the name of FILE, else md.", show_default=False),
    ] = None,
    file: Annotated[Path | None, typer.Option("-O", metavar="FILE", help="Write to a new file.")] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Write the figures of a period: what came, how long it took, what is kept, what was caught. No personal data."""
    from orchestrator.cli import reporting

    return reporting.report(desk(ctx, home, output), first, last, log, form, file)


def today(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Say what needs whom, now; exit code 1 if anything does."""
    from orchestrator.cli import reporting

    return reporting.today(desk(ctx, home, output))


def register(app: typer.Typer) -> None:
    """Add these commands to the others."""
    app.command(short_help="What needs whom, now.")(today)
    app.command(short_help="Figures of a period, to read, print or compute with.")(report)
