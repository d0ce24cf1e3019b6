"""The commands about receipts: ``receipt``, ``claim``."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import Home, Id, Out, desk

Receipts = Annotated[
    str | None,
    typer.Option(
        "--receipt", metavar="-", help="Read the person's receipts: stdin, one a line, or asked.", show_default=False
    ),
]


def receipt(ctx: typer.Context, request_id: Id, home: Home = None, output: Out = None) -> int:
    """Give the receipt of an open request again, for whoever made the request. It goes when the request closes."""
    from orchestrator.cli import claiming

    return claiming.receipt(desk(ctx, home, output), request_id)


def claim(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Show the requests that a person's receipt opens. It is read from stdin (one a line), or asked without echo.

    Exit code 1 if one opens nothing, 2 if one is mistyped.
    """
    from orchestrator.cli import claiming

    return claiming.claim(desk(ctx, home, output))


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(short_help="Give the receipt of an open request again.")(receipt)
    app.command(short_help="Show the requests that a person's receipt opens.")(claim)
