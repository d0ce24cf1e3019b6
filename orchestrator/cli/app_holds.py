"""The commands about what stays and what may go: ``hold``, ``preview``, ``approve``, ``decline``, ``decide``."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import Home, Id, Out, Role, desk

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Legal holds: stops on erasure, with an owner.")

Hold = Annotated[str, typer.Argument(metavar="HOLD", help="Id of the hold.", show_default=False)]


@app.command(short_help="Stop the erasure of what it is about, at once.")
def place(
    ctx: typer.Context,
    owner: Annotated[str, typer.Option(help="The role that answers for it, never a name.")] = "",
    reason: Annotated[str, typer.Option(help="Why, as a code word, e.g. litigation.")] = "",
    text: Annotated[str, typer.Option(help="Id of the legal text it rests on, e.g. gdpr-17-3-e.")] = "",
    review: Annotated[str, typer.Option(metavar="DATE", help="When its owner looks at it again.")] = "",
    system: Annotated[list[str] | None, typer.Option(metavar="S[/SET]", help="Only there; may stand twice.")] = None,
    from_: Annotated[str | None, typer.Option("--from", metavar="DATE", help="Only records from then on.")] = None,
    to: Annotated[str | None, typer.Option("--to", metavar="DATE", help="Only records up to then.")] = None,
    person_file: Annotated[
        str | None, typer.Option("--person-file", metavar="FILE|-", help="Only one person: identifiers as JSON.")
    ] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Stop the erasure of what it is about, at once; of everybody, or of one person. Prints the hold's id."""
    from orchestrator.cli import holding
    from orchestrator.engine.holds import Order

    order = Order(owner, reason, text, review, tuple(system or ()), from_, to)
    return holding.place(desk(ctx, home, output), order, person_file)


@app.command(short_help="End a hold: what it kept is decided afresh.")
def release(
    ctx: typer.Context,
    hold_id: Hold,
    role: Annotated[str, typer.Option(help="Who releases it: a role, never a name.")],
    home: Home = None,
    output: Out = None,
) -> int:
    """End a hold: what it kept is decided afresh, in closed requests with a further record."""
    from orchestrator.cli import holding

    return holding.release(desk(ctx, home, output), hold_id, role)


@app.command(name="list")
def list_(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """List the holds; exit code 1 if somebody has to look at one again."""
    from orchestrator.cli import holding

    return holding.show(desk(ctx, home, output))


def preview(ctx: typer.Context, request_id: Id, home: Home = None, output: Out = None) -> int:
    """Show what is about to happen to each record set, by which rule, and what stays; exit code 1 if it waits."""
    from orchestrator.cli import ruling

    return ruling.preview(desk(ctx, home, output), request_id)


def approve(
    ctx: typer.Context,
    request_id: Id,
    preview: Annotated[str, typer.Option(metavar="SHA", help="SHA-256 of what `expunge preview` showed.")],
    by: Annotated[str, typer.Option(metavar="SIGN", help="A sign of whoever approves, never a name.")],
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Let happen exactly what a preview showed; many records need two different persons."""
    from orchestrator.cli import ruling

    return ruling.approve(desk(ctx, home, output), request_id, preview, by, role)


def decline(
    ctx: typer.Context,
    request_id: Id,
    ground: Annotated[str, typer.Option(help="Why the controller need not act.")],
    reason: Annotated[str, typer.Option(help="The fact that it rests on, as a code word.")],
    text: Annotated[str, typer.Option(help="Id of the legal text, e.g. gdpr-12-5.")],
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Do not approve what waits: the request is refused, and its answer says why."""
    from orchestrator.cli import ruling
    from orchestrator.core.commands_identity import Refused

    one = Refused(request_id=request_id, observed_at="", role=role, ground=ground, reason=reason, text=text)
    return ruling.decline(desk(ctx, home, output), request_id, one)


def decide(
    ctx: typer.Context,
    request_id: Id,
    place: Annotated[str, typer.Argument(metavar="SYSTEM/SET", help="The record set.", show_default=False)],
    keep: Annotated[bool, typer.Option("--keep", help="It stays: with --why, --text and --review.")] = False,
    erase: Annotated[bool, typer.Option("--erase", help="It goes: with --ground.")] = False,
    why: Annotated[str | None, typer.Option(metavar="WHY", help="exception_17_3_a to _e, or no_ground.")] = None,
    text: Annotated[str, typer.Option(help="Id of the legal text it rests on.")] = "",
    review: Annotated[str, typer.Option(metavar="DATE", help="When somebody looks at it again.")] = "",
    ground: Annotated[str, typer.Option(metavar="a-f", help="Ground of GDPR Art. 17(1).")] = "",
    decider: Annotated[str, typer.Option(help="Who decides: a role, never a name.")] = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Decide about one record set: an exception with text and review date, no ground, or erasure on a ground."""
    from orchestrator.cli import ruling
    from orchestrator.core.commands_deciding import SetDecided

    if keep == erase:
        raise typer.BadParameter("either --keep or --erase")
    if keep and (why is None or ground):
        raise typer.BadParameter("--keep takes --why, --text and --review")
    if erase and (why or text or review):
        raise typer.BadParameter("--erase takes --ground")
    one = SetDecided(
        request_id=request_id, observed_at="", role=decider, system="", record_set="", ground=ground, text=text,
        review_by=review,
    )  # fmt: skip
    return ruling.decide(desk(ctx, home, output), one, place, why)


def register(root: typer.Typer) -> None:
    """Add these commands to the others."""
    root.command(short_help="Show what is about to be erased.")(preview)
    root.command(short_help="Approve exactly what a preview showed.")(approve)
    root.command(short_help="Do not approve it: the request is refused.")(decline)
    root.command(short_help="Decide what becomes of one record set.")(decide)
    root.add_typer(app, name="hold")
