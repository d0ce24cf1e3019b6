"""The commands about letters: ``letter``, and ``letters list``, ``check``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import Home, Id, Out, desk

letters = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Templates of letters: list, check.")


def letter(
    ctx: typer.Context,
    request_id: Id,
    language: Annotated[
        str | None, typer.Option(help="e.g. fr; default: that of the request.", show_default=False)
    ] = None,
    kind: Annotated[
        str | None, typer.Option(help="answer, receipt, extension, ...; default: the newest.", show_default=False)
    ] = None,
    notice: Annotated[
        str | None, typer.Option(metavar="NOTICE", help="Id of the notice, as its event has it.", show_default=False)
    ] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Write what a person has to be told, in plain language. It says no more than the signed record does.

    Salutation and signature are yours: no name is known here. Exit code 4 if it would say more than the record.
    """
    from orchestrator.cli import telling

    return telling.letter(desk(ctx, home, output), request_id, language, kind, notice)


@letters.command(name="list", short_help="The languages that letters can be written in.")
def list_(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """List the languages, those of your own included, and the kinds of letters."""
    from orchestrator.cli import telling

    return telling.languages(desk(ctx, home, output))


@letters.command(short_help="Check your own templates.")
def check(
    ctx: typer.Context,
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="[FILE...]", help="Language files; default: those of the home folder."),
    ] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Check templates: every fact is known, no sentence says more than it answers for; and try them on sample records.

    Exit code 2 if one is wrong, with file, line and fix. Needs no home where files are named.
    """
    from orchestrator.cli import telling

    return telling.check(desk(ctx, home, output), files or [])


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(short_help="What a person has to be told, in plain language.")(letter)
    app.add_typer(letters, name="letters")
