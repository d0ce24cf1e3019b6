"""The commands about other people's data in a copy: ``expunge review list|show|decide|mark|done``."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from orchestrator.cli.options import Home, Id, Out, Role, desk

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Other people's data in a copy.")

Ground = Annotated[
    str, typer.Option(metavar="WORD", help="Why: rights_of_others, own_data, ...; it says which of the two.")
]


@app.command(name="list", short_help="List the copies that wait for a review.")
def list_(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """List the requests whose copies wait until somebody has looked for other people's data."""
    from orchestrator.cli import reviewing

    return reviewing.listed(desk(ctx, home, output))


@app.command(short_help="Show what may be about others in a copy.")
def show(
    ctx: typer.Context,
    request_id: Id,
    reveal: Annotated[bool, typer.Option("--reveal", help="Show what stands there: personal data, in clear.")] = False,
    texts: Annotated[bool, typer.Option("--texts", help="Every text that somebody has to read.")] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Show the passages that may be about other people, numbered: addresses and numbers; no program finds names."""
    from orchestrator.cli import reviewing

    return reviewing.show(desk(ctx, home, output), request_id, reveal=reveal, texts=texts)


@app.command(short_help="Decide about passages: hold back or give.")
def decide(
    ctx: typer.Context,
    request_id: Id,
    ground: Ground,
    number: Annotated[list[int] | None, typer.Argument(metavar="[NUMBER]...", show_default=False)] = None,
    everything: Annotated[bool, typer.Option("--all", help="All that are undecided.")] = False,
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Decide about passages by the numbers of `review show`; the ground says whether they are held back."""
    from orchestrator.cli import reviewing

    return reviewing.decide(desk(ctx, home, output), request_id, role, ground, number or [], everything=everything)


@app.command(short_help="Decide about a text that no program proposes, e.g. a name.")
def mark(
    ctx: typer.Context,
    request_id: Id,
    place: Annotated[str, typer.Argument(metavar="SYSTEM/RECORD_SET")],
    ground: Ground,
    row: Annotated[int, typer.Option(help="Which record, as `review show` counts them.")],
    field: Annotated[str, typer.Option(help="Which field.")],
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Decide about every place of a text in one field. The text comes on stdin: arguments stay in the history."""
    from orchestrator.cli import reviewing

    at = desk(ctx, home, output)
    return reviewing.mark(at, request_id, role, ground, place, row, field, sys.stdin.read())


@app.command(short_help="Say that a copy was read, and may be made.")
def done(ctx: typer.Context, request_id: Id, role: Role = "dpo", home: Home = None, output: Out = None) -> int:
    """Say that everything that has to be read was read: the copy is made without what is held back."""
    from orchestrator.cli import reviewing

    return reviewing.done(desk(ctx, home, output), request_id, role)


def register(root: typer.Typer) -> None:
    """Add the group of commands."""
    root.add_typer(app, name="review")
