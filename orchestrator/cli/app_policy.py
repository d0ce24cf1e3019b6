"""The commands about law and policy: ``deadline``, and ``policy lint``, ``show``, ``inform``, ``record`` and others."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import typer

from orchestrator.cli.options import Home, Out, desk

policy = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The published policy: lint, show, inform.")
PolicyFile = Annotated[
    Path | None,
    typer.Argument(metavar="FILE", help="A policy file; default: that of the home folder.", show_default=False),
]
On = Annotated[
    datetime | None,
    typer.Option(
        "--on", metavar="DATE", formats=["%Y-%m-%d"], help="As of that day; default: today.", show_default=False
    ),
]


@policy.command(name="lint", short_help="Say what does not hold in a policy, and what to ask.")
def policy_lint(
    ctx: typer.Context, file: PolicyFile = None, on: On = None, home: Home = None, output: Out = None
) -> int:
    """Say what contradicts itself, rests on nothing, or was never decided, and what to ask the DPO.

    Exit code 0 if no finding is an error (warnings are shown), 1 if one is, 2 if the file is wrong.
    """
    from orchestrator.cli import policing

    return policing.run_lint(desk(ctx, home, output), file, on)


@policy.command(name="record", short_help="The record of processing activities (Art. 30), with its gaps.")
def policy_record(
    ctx: typer.Context,
    file: PolicyFile = None,
    on: On = None,
    form: Annotated[
        Literal["html", "pdf", "md", "csv", "json"] | None,
        typer.Option("--format", help="Default: by the name of the file of -O, else md.", show_default=False),
    ] = None,
    out: Annotated[Path | None, typer.Option("-O", metavar="FILE", help="Write to a new file.")] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Write the record of processing activities (GDPR Art. 30(1)) from the policy and the data maps, with its gaps.

    Exit code 0 if it has no gap, 1 if it has one. With FILE only that policy is looked at, and no data map.
    """
    from orchestrator.cli import recording

    return recording.record(desk(ctx, home, output), file, on, form, out)


@policy.command(name="answer", short_help="Answer a finding of the linter, dated.")
def policy_answer(
    ctx: typer.Context,
    finding: Annotated[str, typer.Argument(metavar="FINDING", help="Its id, as lint shows it.", show_default=False)],
    text: Annotated[str, typer.Option(help="The answer; about the policy, never about a person.", show_default=False)],
    until: Annotated[
        datetime,
        typer.Option(metavar="DATE", formats=["%Y-%m-%d"], help="Last day on which it holds.", show_default=False),
    ],
    role: Annotated[str, typer.Option(help="Who answers: a role, never a name.")] = "dpo",
    file: Annotated[
        Path | None, typer.Option("--file", help="A policy file; default: that of the home folder.")
    ] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Answer a finding of the linter. It is noted beside the policy file, and quoted by lint until the entry changes.

    An answer mends nothing: what was found still does not hold in the policy.
    """
    from orchestrator.cli import policing

    return policing.answer(desk(ctx, home, output), finding, text, role, until, file)


@policy.command(name="show", short_help="Show what a policy says on a day.")
def policy_show(
    ctx: typer.Context, file: PolicyFile = None, on: On = None, home: Home = None, output: Out = None
) -> int:
    """Show the version in force on a day, controllers, promises, activities with how long, walls."""
    from orchestrator.cli import policing

    return policing.show(desk(ctx, home, output), file, on)


@policy.command(name="inform", short_help="Say what a person has to be told of each activity.")
def policy_inform(
    ctx: typer.Context,
    file: PolicyFile = None,
    activity: Annotated[
        str | None, typer.Option("--activity", metavar="ID", help="Of one activity only.", show_default=False)
    ] = None,
    on: On = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Say purpose, basis, categories, source, how long and who gets the data, for each activity (GDPR Art. 15(1)).

    `expunge show ID --why` says the same of each record set of a request, from the register it was begun under.
    """
    from orchestrator.cli import policing

    return policing.inform(desk(ctx, home, output), file, activity, on)


@policy.command(name="diff", short_help="Which past decisions another policy would change.")
def policy_diff(
    ctx: typer.Context,
    new: PolicyFile = None,
    map_: Annotated[
        list[str] | None, typer.Option("--map", metavar="SYSTEM=FILE", help="Another data map; may stand twice.")
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", metavar="DATE", formats=["%Y-%m-%d"], help="Only requests received since then."),
    ] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Hold every past request against another policy or data map: what would be decided or dated differently.

    Each is decided again by what was known when it was, at the time of then; nothing is changed. Exit code 0 if nothing
    would differ, 1 if something would.
    """
    from orchestrator.cli import comparing

    return comparing.diff(desk(ctx, home, output), new, map_ or [], since.date().isoformat() if since else "")


@policy.command(name="schema", short_help="Print the JSON Schema of a policy file.")
def policy_schema(ctx: typer.Context, output: Out = None) -> int:
    """Print the JSON Schema of a policy file, for an editor."""
    from orchestrator.cli import policing

    return policing.schema(desk(ctx, None, output).screen)


def deadline(
    ctx: typer.Context,
    received: Annotated[
        str, typer.Option("--received", metavar="DATE", help="Date, or RFC 3339 time.", show_default=False)
    ],
    calendar: Annotated[
        list[str], typer.Option("--calendar", metavar="CODE", help="FR, GB-ENG, ...; once a controller.")
    ],
    right: Annotated[str, typer.Option("--right", help="access, erasure, ...")] = "access",
    extended: Annotated[bool, typer.Option("--extended", help="The person was told of an extension in time.")] = False,
    pause: Annotated[
        list[str] | None,
        typer.Option(
            "--pause", metavar="FROM..TO[,REASON]", help="Waiting for identity (default), clarification or fee."
        ),
    ] = None,
    on: Annotated[str | None, typer.Option("--on", metavar="DATE", help="As seen on this day.")] = None,
    output: Out = None,
) -> int:
    """Say by when a request has to be answered, each step with its legal text; needs no home.

    Of several calendars the earliest date counts. A pause without TO is still open: with --on it counts until then.
    --on also says whether an extension may still be told of.
    """
    from orchestrator.cli import dating

    screen = desk(ctx, None, output).screen
    return dating.deadline(screen, received, calendar, right, extended=extended, pauses=pause or [], on=on)


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(short_help="When a request has to be answered, and why.")(deadline)
    app.add_typer(policy, name="policy")
