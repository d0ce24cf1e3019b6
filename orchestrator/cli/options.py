"""Options that many commands share, and the desk that they lead to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orchestrator.cli.format import Format

if TYPE_CHECKING:
    from orchestrator.cli.desk import Desk

Home = Annotated[Path | None, typer.Option("--home", envvar="EXPUNGE_HOME", help="Home folder; default: this one.")]
Out = Annotated[Format | None, typer.Option("-o", "--output", help="How data is printed: text or json.")]
Id = Annotated[str, typer.Argument(metavar="ID", help="Id of the request.", show_default=False)]
Role = Annotated[str, typer.Option(help="Who decides: a role, never a name.")]


def desk(ctx: typer.Context, home: Path | None, output: Format | None) -> Desk:
    """Options count before and after the command's name; the nearer one wins."""
    from orchestrator.cli.desk import Desk
    from orchestrator.cli.screen import Screen

    before_home, before_output = ctx.obj
    return Desk(home or before_home or Path(), Screen(output or before_output or Format.TEXT))
