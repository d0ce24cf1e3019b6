"""The commands about what is past its period: ``retention sweep`` and ``retention list``."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import Home, Out, desk

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What is past its period, without a request.")


@app.command(short_help="Look for what is past its period, and erase it.")
def sweep(
    ctx: typer.Context,
    system: Annotated[
        str | None, typer.Argument(metavar="[SYSTEM]", help="Only there; by default everywhere.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Count what is past, and touch nothing.")] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Look for what is past its period, and erase it: a request per data subject, decided and looked at again."""
    from orchestrator.cli import retaining

    return retaining.sweep(desk(ctx, home, output), system, dry_run=dry_run)


@app.command(name="list")
def list_(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """List where each sweep is; exit code 1 if one stopped, or left what it could not tell apart."""
    from orchestrator.cli import retaining

    return retaining.show(desk(ctx, home, output))
