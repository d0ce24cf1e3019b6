"""The commands about requests that come by mail: ``intake mail``, ``open``, ``settle``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import Home, Out, desk

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Requests that come by mail.")


@app.command(short_help="Read a mail folder: what is a request, and what needs a person.")
def mail(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="FOLDER", help="A Maildir, a folder of .eml files, or an mbox file.")
    ] = None,
    take: Annotated[bool, typer.Option("--take", help="Take them in; without it, only look.")] = False,
    waiting: Annotated[bool, typer.Option("--waiting", help="List the mails that need a person.")] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Read a mail folder by the rules under [mail]: each mail is a request or waits for a person.

    Nothing is taken in without --take, and nothing of anybody is shown. Exit code 1 if something needs a person.
    """
    from orchestrator.cli import mailing

    if waiting and (take or folder is not None):
        raise typer.BadParameter("--waiting stands alone")
    if waiting:
        return mailing.waiting(desk(ctx, home, output))
    if folder is None:
        raise typer.BadParameter("either FOLDER or --waiting")
    return mailing.read(desk(ctx, home, output), folder, take=take)


@app.command(name="open", short_help="Write what a mail says to a file, for whoever decides about it.")
def open_(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="MAIL|ID", help="Id of a mail, or of a request that came by mail.")],
    file: Annotated[Path, typer.Option("-O", metavar="FILE", help="New file for the mail; only you can read it.")],
    home: Home = None,
    output: Out = None,
) -> int:
    """Write what a mail says to a new file that only you can read; erase it when you are done."""
    from orchestrator.cli import mailing

    return mailing.open_(desk(ctx, home, output), name, file)


@app.command(short_help="Say what a mail that waits is: a request, a part of one, or none.")
def settle(
    ctx: typer.Context,
    mail_id: Annotated[str, typer.Argument(metavar="MAIL", help="Id of the mail.", show_default=False)],
    right: Annotated[
        str | None, typer.Option(metavar="RIGHT", help="It is a request of its sender for this right, e.g. erasure.")
    ] = None,
    form: Annotated[
        str | None, typer.Option("--form", metavar="FILE|-", help="It is this request, written as a form.")
    ] = None,
    request: Annotated[str, typer.Option("--request", metavar="ID", help="It belongs to this request.")] = "",
    no_request: Annotated[str, typer.Option("--no-request", metavar="WHY", help="It is none: a code, e.g. spam.")] = "",
    received: Annotated[
        str, typer.Option(metavar="TIME", help="When it arrived, where its server does not say; RFC 3339.")
    ] = "",
    role: Annotated[str, typer.Option(help="Who says so: a role, never a name.")] = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Say what a mail that waits is. The time to answer runs from its arrival, not from now."""
    from orchestrator.cli import mailing

    if sum((right is not None, form is not None, bool(request), bool(no_request))) != 1:
        raise typer.BadParameter("exactly one of --right, --form, --request, --no-request")
    said = mailing.Said(right, form, request, no_request, received, role)
    return mailing.settle(desk(ctx, home, output), mail_id, said)


def register(root: typer.Typer) -> None:
    """Add these commands to the others."""
    root.add_typer(app, name="intake")
