"""The commands about what a person does by hand: ``attest``, and ``task`` for processors and recipients."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli.options import Home, Id, Out, Role, desk

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Processors to ask and recipients to tell.",
)

Recipient = Annotated[str, typer.Argument(metavar="RECIPIENT", help="Its id in the policy.", show_default=False)]


def attest(
    ctx: typer.Context,
    request_id: Id,
    document: Annotated[Path, typer.Option(metavar="FILE", help="What proves it; only its SHA-256 is kept.")],
    place: Annotated[
        str, typer.Argument(metavar="[SYSTEM[/RECORD_SET]|RECIPIENT]", help="Where it was done, or who answers.")
    ] = "",
    found: Annotated[
        int | None, typer.Option(min=0, help="How many records the processor found.", show_default=False)
    ] = None,
    done: Annotated[bool, typer.Option("--done", help="The processor or recipient has done it.")] = False,
    exception: Annotated[
        str, typer.Option(metavar="a-e", help="What it keeps, by GDPR Art. 17(3); or why a recipient is not told.")
    ] = "",
    text: Annotated[str, typer.Option(help="Id of the legal text that an exception rests on.")] = "",
    until: Annotated[str, typer.Option(metavar="DATE", help="Until when it keeps it.")] = "",
    review: Annotated[str, typer.Option(metavar="DATE", help="When that is looked at again.")] = "",
    role: Annotated[str, typer.Option(help="Who says so: a role, never a name.")] = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Say that something was done by hand, or what a processor answers; shown as the weaker assurance."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_recipients import RecipientAnswered

    at = desk(ctx, home, output)
    if not (done or exception):
        if found is not None or text or until or review:
            raise typer.BadParameter("an answer of a processor says --done or --exception")
        return deciding.attest(at, request_id, role, place, document)
    if done and exception:
        raise typer.BadParameter("either --done or --exception")
    one = RecipientAnswered(
        request_id=request_id, observed_at="", role=role, recipient=place, found=found, exception=exception, text=text,
        until=until, review_by=review, document_sha256="",
    )  # fmt: skip
    return deciding.answer(at, one, document)


@app.command(name="list", short_help="List who has to be asked or told.")
def list_(
    ctx: typer.Context,
    everything: Annotated[bool, typer.Option("--all", help="Those that were answered, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many requests.")] = 50,
    home: Home = None,
    output: Out = None,
) -> int:
    """List who has to be asked or told, by day; exit code 1 if one did not answer in time."""
    from orchestrator.cli import tasks

    return tasks.show_all(desk(ctx, home, output), everything=everything, limit=limit)


@app.command(short_help="Show what is written to a processor or recipient.")
def show(
    ctx: typer.Context,
    request_id: Id,
    recipient: Recipient,
    reveal: Annotated[bool, typer.Option("--reveal", help="With the identifiers in clear.")] = False,
    file: Annotated[
        Path | None, typer.Option("-O", metavar="FILE", help="Write to a new file that only you can read.")
    ] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Show the text for mail or ticket; the identifiers stand in it only with --reveal."""
    from orchestrator.cli import tasks

    return tasks.show(desk(ctx, home, output), request_id, recipient, reveal=reveal, file=file)


@app.command(short_help="Note that a processor was asked, or a recipient told.")
def sent(
    ctx: typer.Context,
    request_id: Id,
    recipient: Recipient,
    on: Annotated[str, typer.Option("--on", metavar="DATE", help="The day, if not today.")] = "",
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Note that a processor was asked, or a recipient told: a recipient is told by that."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_recipients import RecipientAsked

    one = RecipientAsked(request_id=request_id, observed_at="", role=role, recipient=recipient, asked_on=on)
    return deciding.give(desk(ctx, home, output), one, f"knows that {recipient} was written to")


def register(root: typer.Typer) -> None:
    """Add these commands to the others."""
    root.command(short_help="Say that something was done by hand, with a document.")(attest)
    root.add_typer(app, name="task")
