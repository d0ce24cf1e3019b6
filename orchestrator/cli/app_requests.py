"""Commands by which a person in charge says who asks, how long it may take, and what is not carried out."""

# No `from __future__ import annotations`: typer reads the annotations of these functions.

from typing import Annotated

import typer

from orchestrator.cli.options import Home, Id, Out, Role, desk

Reason = Annotated[str, typer.Option(help="A code word, never a name.", show_default=False)]
_GOES_ON = "goes on"


def pause(
    ctx: typer.Context,
    request_id: Id,
    reason: Annotated[str, typer.Option(help="identity, clarification or fee.", show_default=False)],
    asked_on: Annotated[
        str | None, typer.Option(help="When the person was asked, if not now: a day or a time.")
    ] = None,
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Note that the person was asked for something: the clock stands still, if the law says so."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_clock import ClockPaused

    asked = deciding.moment(asked_on)
    one = ClockPaused(request_id=request_id, observed_at="", role=role, reason=reason, asked_at=asked)
    return deciding.give(desk(ctx, home, output), one, "waits for the person")


def resume_clock(
    ctx: typer.Context,
    request_id: Id,
    answered_on: Annotated[str | None, typer.Option(help="When they answered, if not now: a day or a time.")] = None,
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Note that the person answered: the clock goes on."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_clock import ClockResumed

    answered = deciding.moment(answered_on)
    one = ClockResumed(request_id=request_id, observed_at="", role=role, answered_at=answered)
    return deciding.give(desk(ctx, home, output), one, _GOES_ON)


def extend(
    ctx: typer.Context,
    request_id: Id,
    reason: Annotated[str, typer.Option(help="complexity or number_of_requests.", show_default=False)],
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Take two months more to answer, and tell the person why; within the first month only."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_clock import Extended

    one = Extended(request_id=request_id, observed_at="", role=role, reason=reason)
    return deciding.give(desk(ctx, home, output), one, "is extended")


def refuse(
    ctx: typer.Context,
    request_id: Id,
    ground: Annotated[str, typer.Option(help="e.g. manifestly_unfounded, excessive.", show_default=False)],
    reason: Annotated[str, typer.Option(help="The fact it rests on, a code word: you prove it.", show_default=False)],
    text: Annotated[str, typer.Option(help="Id of the legal text.", show_default=False)],
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Do not act on a request; the person is told why, and where to complain."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_identity import Refused

    one = Refused(request_id=request_id, observed_at="", role=role, ground=ground, reason=reason, text=text)
    return deciding.give(desk(ctx, home, output), one, "ends")


def decide_dead(
    ctx: typer.Context,
    request_id: Id,
    why: Annotated[str, typer.Option(help="directive, estate or account_closed.", show_default=False)],
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Let what an heir asks be carried out, on a ground of the law of the country (LIL Art. 84-86)."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_identity import DeadDecided

    one = DeadDecided(request_id=request_id, observed_at="", role=role, why=why)
    return deciding.give(desk(ctx, home, output), one, _GOES_ON)


identity_app = typer.Typer(no_args_is_help=True, help="Who asks: doubt, confirm, refuse.")


@identity_app.command(short_help="Record a doubt, and what is asked.")
def doubt(
    ctx: typer.Context,
    request_id: Id,
    reason: Reason,
    asks: Annotated[str, typer.Option(help="e.g. question, callback; document only if needed.", show_default=False)],
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Record a reasonable doubt and what the person is asked for; work and clock stop."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_identity import IdentityDoubted

    one = IdentityDoubted(request_id=request_id, observed_at="", role=role, reason=reason, asks=asks)
    return deciding.give(desk(ctx, home, output), one, "waits for the person")


@identity_app.command()
def confirm(
    ctx: typer.Context,
    request_id: Id,
    method: Annotated[str, typer.Option(help="e.g. account_login, callback.", show_default=False)],
    valid_until: Annotated[str, typer.Option(help="Last day of a requester's new proof.", show_default=False)] = "",
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """It is who they say: the request goes on."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_identity import IdentityConfirmed

    one = IdentityConfirmed(request_id=request_id, observed_at="", role=role, method=method, valid_until=valid_until)
    return deciding.give(desk(ctx, home, output), one, _GOES_ON)


@identity_app.command(name="refuse", short_help="End it: nobody knows who asks.")
def refuse_identity(
    ctx: typer.Context,
    request_id: Id,
    reason: Reason,
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """End a request of which it could not be established who asks."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_identity import IdentityRefused

    one = IdentityRefused(request_id=request_id, observed_at="", role=role, reason=reason)
    return deciding.give(desk(ctx, home, output), one, "ends")


@identity_app.command(short_help="Note that the document is deleted.")
def document_deleted(
    ctx: typer.Context, request_id: Id, role: Role = "dpo", home: Home = None, output: Out = None
) -> int:
    """Note that the document that was looked at is deleted."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_identity import DocumentDeleted

    one = DocumentDeleted(request_id=request_id, observed_at="", role=role)
    return deciding.give(desk(ctx, home, output), one, "owes it no more")


fee_app = typer.Typer(no_args_is_help=True, help="What a further copy costs.")


@fee_app.command(short_help="Say what a further copy costs.")
def quote(
    ctx: typer.Context,
    request_id: Id,
    amount_cents: Annotated[int, typer.Option(help="In cents.", show_default=False)],
    currency: Annotated[str, typer.Option(help="ISO 4217.")] = "EUR",
    role: Role = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Tell the person what a further copy costs; it is handed out once they accept."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_identity import FeeQuoted

    one = FeeQuoted(request_id=request_id, observed_at="", role=role, cents=amount_cents, currency=currency)
    return deciding.give(desk(ctx, home, output), one, "waits for the person")


@fee_app.command(short_help="Note that the person accepts it.")
def accept(ctx: typer.Context, request_id: Id, role: Role = "dpo", home: Home = None, output: Out = None) -> int:
    """Note that the person accepts what the copy costs."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_identity import FeeAccepted

    one = FeeAccepted(request_id=request_id, observed_at="", role=role)
    return deciding.give(desk(ctx, home, output), one, _GOES_ON)


@fee_app.command(short_help="Ask nothing for a further copy.")
def waive(ctx: typer.Context, request_id: Id, role: Role = "dpo", home: Home = None, output: Out = None) -> int:
    """Hand a further copy out for nothing."""
    from orchestrator.cli import deciding
    from orchestrator.core.commands_identity import FeeWaived

    one = FeeWaived(request_id=request_id, observed_at="", role=role)
    return deciding.give(desk(ctx, home, output), one, _GOES_ON)


def register(app: typer.Typer) -> None:
    """Add these commands to the others."""
    app.command(short_help="Note that the person was asked for something.")(pause)
    app.command(short_help="Note that the person answered.")(resume_clock)
    app.command(short_help="Take two months more, and say why.")(extend)
    app.command(short_help="Do not act on a request, and say why.")(refuse)
    app.command(short_help="Let an heir's request be carried out.")(decide_dead)
    app.add_typer(identity_app, name="identity")
    app.add_typer(fee_app, name="fee")
