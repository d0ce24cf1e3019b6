"""The commands about links to copies: ``expunge link make|list|code|revoke|serve``."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import Home, Id, Out, Role, desk

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Links by which a person fetches their copy.")

Link = Annotated[str, typer.Argument(metavar="LINK", help="Id of the link, as `link list` shows it.")]


@app.command(short_help="Make a link to a copy, and the code it needs.")
def make(
    ctx: typer.Context,
    request_id: Id,
    role: Role = "dpo",
    days: Annotated[int, typer.Option(help="How long it works, 1 to 31.")] = 7,
    downloads: Annotated[int, typer.Option(help="How often it may be used, 1 to 10.")] = 3,
    verified_again: Annotated[
        bool, typer.Option("--verified-again", help="There was a link before; it is the same person still.")
    ] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Make a link to the copy of a request. Send the link one way and the code another; both are told only now."""
    from orchestrator.cli import linking

    given = linking.Wanted(role, days, downloads, verified_again)
    return linking.make(desk(ctx, home, output), request_id, given)


@app.command(name="list", short_help="List the links of a request.")
def list_(ctx: typer.Context, request_id: Id, home: Home = None, output: Out = None) -> int:
    """List the links of a request: until when they work, and how often they were used and refused."""
    from orchestrator.cli import linking

    return linking.listed(desk(ctx, home, output), request_id)


@app.command(short_help="Make a new code for a link.")
def code(ctx: typer.Context, link: Link, home: Home = None, output: Out = None) -> int:
    """Make a new code for a link: the one before was too old, or too often wrong. It opens nothing any more."""
    from orchestrator.cli import linking

    return linking.code(desk(ctx, home, output), link)


@app.command()
def revoke(ctx: typer.Context, link: Link, home: Home = None, output: Out = None) -> int:
    """Let a link open nothing more, from now on."""
    from orchestrator.cli import linking

    return linking.revoke(desk(ctx, home, output), link)


@app.command()
def serve(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Answer the links under [web] until stopped; put a proxy with TLS before it."""
    from orchestrator.cli import linking

    return linking.serve(desk(ctx, home, output))


def register(root: typer.Typer) -> None:
    """Add the group of commands."""
    root.add_typer(app, name="link")
