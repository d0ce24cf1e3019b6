"""The commands about incidents: ``incident report``, ``list``, ``show``, ``tell``, ``amend``, ``close``."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import Home, Out, desk

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Incidents with personal data: breaches, misuse.")

Incident = Annotated[str, typer.Argument(metavar="INCIDENT", help="Id of the incident.", show_default=False)]
Who = Annotated[str, typer.Option(help="Who says so: a role, never a name.")]
Action = Annotated[str, typer.Option(metavar="CODE", help="What was done against it, e.g. access_revoked.")]
Subjects = Annotated[int | None, typer.Option(help="About how many persons.", show_default=False)]
Records = Annotated[int | None, typer.Option(help="About how many records.", show_default=False)]


@app.command(short_help="Report an incident: from when it is known, 72 hours run.")
def report(
    ctx: typer.Context,
    cause: Annotated[str, typer.Option(metavar="CODE", help="E.g. lost_device, wrong_recipient.", show_default=False)],
    misuse: Annotated[bool, typer.Option("--misuse", help="Somebody did what they may not; else: a breach.")] = False,
    detected: Annotated[str, typer.Option(metavar="TIME", help="When it was detected, if not now; RFC 3339.")] = "",
    system: Annotated[list[str] | None, typer.Option(metavar="S[/SET]", help="What it hit; may stand twice.")] = None,
    category: Annotated[list[str] | None, typer.Option(metavar="CODE", help="Kind of data, e.g. contact.")] = None,
    subjects: Subjects = None,
    records: Records = None,
    action: Action = "",
    request: Annotated[str, typer.Option(metavar="ID", help="The request in which it happened.")] = "",
    owner: Annotated[str, typer.Option(help="The role that answers for it.")] = "dpo",
    role: Who = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Report an incident. Codes and counts only, never who is affected. Prints its id.

    By when each controller has to tell its authority is worked out from when it was detected (GDPR Art. 33).
    """
    from orchestrator.cli import incidents
    from orchestrator.engine.incidents import Report

    told = Report(
        "misuse" if misuse else "breach", cause, owner, role, detected, tuple(system or ()), tuple(category or ()),
        subjects, records, action, request,
    )  # fmt: skip
    return incidents.report(desk(ctx, home, output), told)


@app.command(name="list")
def list_(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """List the incidents, open ones first; exit code 1 if an authority is still to be told."""
    from orchestrator.cli import incidents

    return incidents.show_list(desk(ctx, home, output))


@app.command(short_help="Show an incident: scope, dates with their trace, what was done.")
def show(ctx: typer.Context, incident_id: Incident, home: Home = None, output: Out = None) -> int:
    """Show an incident: cause, scope, every authority with its date and how it came about, and what was done."""
    from orchestrator.cli import incidents

    return incidents.show(desk(ctx, home, output), incident_id)


@app.command(short_help="Note that a controller told its authority.")
def tell(
    ctx: typer.Context,
    incident_id: Incident,
    controller: Annotated[str, typer.Option(metavar="ID", help="Which controller.", show_default=False)],
    at: Annotated[str, typer.Option(metavar="TIME", help="When, if not now; RFC 3339.")] = "",
    role: Who = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Note that a controller told its authority; this tells nobody."""
    from orchestrator.cli import incidents

    return incidents.tell(desk(ctx, home, output), incident_id, controller, at, role)


@app.command(short_help="Note what was done since, or what is known better.")
def amend(
    ctx: typer.Context,
    incident_id: Incident,
    action: Action = "",
    subjects: Subjects = None,
    records: Records = None,
    role: Who = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Note what was done against it since, or how many it is about."""
    from orchestrator.cli import incidents

    if not action and subjects is None and records is None:
        raise typer.BadParameter("--action, --subjects or --records")
    return incidents.amend(desk(ctx, home, output), incident_id, role, action, subjects, records)


@app.command(short_help="Close an incident: how it ended, and whether the persons know.")
def close(
    ctx: typer.Context,
    incident_id: Incident,
    outcome: Annotated[str, typer.Option(help="notified, risk_unlikely or no_personal_data.", show_default=False)],
    persons: Annotated[
        str,
        typer.Option(help="told, no_high_risk, unreadable_to_others, risk_averted, public_notice.", show_default=False),
    ],
    role: Who = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Close an incident. It stays: the authority may ask for its documentation (GDPR Art. 33(5))."""
    from orchestrator.cli import incidents

    return incidents.close(desk(ctx, home, output), incident_id, outcome, persons, role)


def register(root: typer.Typer) -> None:
    """Add these commands to the others."""
    root.add_typer(app, name="incident")
