"""The commands: their names, arguments and help. Nothing here works; each command imports its module when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import (
    app_correcting,
    app_holds,
    app_incidents,
    app_intake,
    app_ledger,
    app_letters,
    app_links,
    app_policy,
    app_receipts,
    app_reports,
    app_requests,
    app_retention,
    app_returning,
    app_review,
    app_services,
    app_tasks,
)
from orchestrator.cli.app_receipts import Receipts
from orchestrator.cli.format import Bus
from orchestrator.cli.options import Home, Id, Out
from orchestrator.cli.options import desk as _desk

app = typer.Typer(
    name="expunge",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def root(ctx: typer.Context, home: Home = None, output: Out = None) -> None:
    """Erasure and access under the GDPR: nothing is called done that was not looked at again.

    Exit codes: 0 fine, 1 findings or needs attention, 2 usage or configuration, 3 dependency unreachable,
    4 verification failed, 130 interrupted.
    """
    ctx.obj = (home, output)


@app.command()
def init(
    ctx: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Folder to make or to bring up to date.")],
    output: Out = None,
) -> int:
    """Make a home folder: configuration, keys, database. Run it again: it adds what is missing, nothing else."""
    from orchestrator.cli import homes

    return homes.init(_desk(ctx, None, output).screen, folder)


@app.command(short_help="Both kinds of request on a small made-up company.")
def demo(
    ctx: typer.Context,
    keep: Annotated[Path | None, typer.Option("--keep", metavar="DIR", help="Keep the home folder there.")] = None,
    seed: Annotated[int, typer.Option(help="Which made-up company.")] = 1,
    output: Out = None,
) -> int:
    """One access and one erasure request on a small made-up company, in ten seconds."""
    from orchestrator.cli.demo import demo as play

    return play(_desk(ctx, None, output).screen, keep, seed)


@app.command(short_help="Check configuration, keys, database and data maps.")
def check(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Check configuration, keys, database, and every data map against its real store."""
    from orchestrator.cli import checking

    return checking.check(_desk(ctx, home, output))


@app.command()
def submit(
    ctx: typer.Context,
    source: Annotated[
        str | None, typer.Argument(metavar="FILE|-", help="JSON, a JSON array or JSON Lines; without it, asks.")
    ] = None,
    hidden: Annotated[bool, typer.Option("--hidden", help="When asking, do not show what is typed.")] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Take requests in: all of them or none. Identifiers never stand on the command line."""
    from orchestrator.cli import submitting

    return submitting.submit(_desk(ctx, home, output), source, hidden=hidden)


@app.command()
def run(
    ctx: typer.Context,
    until_idle: Annotated[bool, typer.Option("--until-idle", help="End when nothing is left to do now.")] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Work on requests. Ctrl-C ends after what is running; exit code 1 if one needs attention, 3 if a store is away."""
    from orchestrator.cli import running

    return running.run(_desk(ctx, home, output), until_idle=until_idle)


@app.command(short_help="Work on requests over Kafka, one process of any number.")
def orchestrate(
    ctx: typer.Context,
    bus: Annotated[Bus, typer.Option("--bus", help="Client that reads the topics: faust or plain.")] = Bus.FAUST,
    home: Home = None,
    output: Out = None,
) -> int:
    """Work on requests as one process of any number, over Kafka; the systems are worked by `expunge connect`.

    SIGTERM ends it after what is running. Exit code 3 if store or brokers are away, or do not fit.
    """
    from orchestrator.cli import orchestrating

    return orchestrating.orchestrate(_desk(ctx, home, output), bus.value)


@app.command(short_help="Run one worker of a system over Kafka.")
def connect(
    ctx: typer.Context,
    system: Annotated[str, typer.Argument(metavar="SYSTEM", help="Id of the system, as under [systems].")],
    home: Home = None,
    output: Out = None,
) -> int:
    """Run one worker of a system over Kafka; start as many as you like. SIGTERM ends after what is running."""
    from orchestrator.cli import connecting

    return connecting.connect(_desk(ctx, home, output), system)


@app.command(name="list")
def list_(
    ctx: typer.Context,
    only_open: Annotated[bool, typer.Option("--open", help="Only open requests.")] = False,
    attention: Annotated[bool, typer.Option("--attention", help="Only those that need a person.")] = False,
    obligations: Annotated[bool, typer.Option("--obligations", help="What is still owed after the close.")] = False,
    dead: Annotated[bool, typer.Option("--dead", help="Events that could not be applied.")] = False,
    parked: Annotated[bool, typer.Option("--parked", help="Events that cannot be applied yet.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
    home: Home = None,
    output: Out = None,
) -> int:
    """List requests: open ones first, by deadline."""
    from orchestrator.cli import listing

    lists = {"open": only_open, "attention": attention, "obligations": obligations, "dead": dead, "parked": parked}
    chosen = [name for name, one in lists.items() if one]
    if len(chosen) > 1:
        raise typer.BadParameter(f"one list at a time: --{chosen[0]} or --{chosen[1]}")
    return listing.show_list(_desk(ctx, home, output), listing.what(chosen), limit)


@app.command(short_help="Show one request: found, decided, done, still owed.")
def show(
    ctx: typer.Context,
    request_id: Id,
    why: Annotated[bool, typer.Option("--why", help="With rule, text, facts and dates of every line.")] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Show one request: what was found, decided and done, by which rule; exit code 1 if it needs attention."""
    from orchestrator.cli import showing

    return showing.show(_desk(ctx, home, output), request_id, why=why)


@app.command(short_help="Write the signed completion record of a request.")
def record(
    ctx: typer.Context,
    request_id: Id,
    number: Annotated[int | None, typer.Option(help="Which record; default: the newest.", show_default=False)] = None,
    file: Annotated[Path | None, typer.Option("-O", metavar="FILE", help="Write to a new file.")] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Write the signed completion record of a request (JWS); with -o json its content."""
    from orchestrator.cli import proving

    return proving.record(_desk(ctx, home, output), request_id, number, file)


@app.command(short_help="Check a record, a bundle, a ledger or a copy with the issuer's public keys.")
def verify(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A record; a bundle or a copy: a folder or a zip.")],
    key: Annotated[
        list[Path] | None,
        typer.Option("--key", metavar="KEY", help="The issuer's keys/record.pub.jwk; may be repeated."),
    ] = None,
    ledger_key: Annotated[
        list[str] | None,
        typer.Option("--ledger-key", metavar="KEY", help="Line of `expunge ledger key`, or a file of such."),
    ] = None,
    trust: Annotated[
        Path | None, typer.Option("--trust", metavar="FILE", help="TOML: keys, when they were retired, witnesses.")
    ] = None,
    proof: Annotated[
        Path | None, typer.Option("--proof", metavar="FILE", help="Of a record: its proof (.tlog-proof).")
    ] = None,
    earlier: Annotated[
        Path | None, typer.Option("--earlier", metavar="FILE", help="Of a whole ledger: a checkpoint that you kept.")
    ] = None,
    tsa_root: Annotated[
        list[Path] | None,
        typer.Option("--tsa-root", metavar="FILE", help="Root of a time-stamp authority (PEM): wants its stamp."),
    ] = None,
    receipts: Receipts = None,
    output: Out = None,
) -> int:
    """Check evidence offline, with keys that you got by another way. Exit code 4 if it does not hold.

    A record needs --key; with --proof and --ledger-key, its place in the ledger too. A bundle needs both keys.
    """
    from orchestrator.cli import proving

    roots = tuple(tsa_root or ())
    given = proving.Given(tuple(key or ()), tuple(ledger_key or ()), trust, proof, earlier, roots, receipts)
    return proving.verify(_desk(ctx, None, output).screen, file, given)


@app.command(short_help="Let a request go on after its cause was mended.")
def retry(
    ctx: typer.Context,
    request_id: Id,
    role: Annotated[str, typer.Option(help="Who says that the cause is mended: a role, never a name.")] = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Let a request that needs attention go on, after its cause was mended."""
    from orchestrator.cli import mending

    return mending.retry(_desk(ctx, home, output), request_id, role)


@app.command()
def withdraw(
    ctx: typer.Context,
    request_id: Id,
    role: Annotated[str, typer.Option(help="Who notes it: a role, never a name.")] = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """End a request that the person withdrew."""
    from orchestrator.cli import deciding

    return deciding.withdraw(_desk(ctx, home, output), request_id, role)


@app.command()
def lift(
    ctx: typer.Context,
    request_id: Id,
    role: Annotated[str, typer.Option(help="Who decides it: a role, never a name.")] = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Lift a restriction; the person is told before it is done."""
    from orchestrator.cli import deciding

    return deciding.lift(_desk(ctx, home, output), request_id, role)


@app.command(short_help="Decide whose grounds weigh more in an objection.")
def balance(
    ctx: typer.Context,
    request_id: Id,
    uphold: Annotated[bool, typer.Option("--uphold/--override", help="Stop the use, or let it go on.")],
    reason: Annotated[str, typer.Option(help="One word, e.g. fraud_prevention; never about the person.")],
    role: Annotated[str, typer.Option(help="Who decides it: a role, never a name.")] = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Decide on an objection: --uphold stops the use, --override lets it go on and tells the person why."""
    from orchestrator.cli import deciding
    from orchestrator.core.asked import Balance

    decided = Balance.UPHELD if uphold else Balance.OVERRIDDEN
    return deciding.balance(_desk(ctx, home, output), request_id, role, decided, reason)


@app.command(short_help="Hand the copy over, in clear or as an age file.")
def package(
    ctx: typer.Context,
    request_id: Id,
    file: Annotated[Path, typer.Option("-O", metavar="FILE", help="New file for the zip; only you can read it.")],
    recipient: Annotated[str, typer.Option(metavar="AGE1...", help="Encrypt it with age to this key.")] = "",
    passphrase_file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Encrypt it with age; a new passphrase goes there (-: shown).")
    ] = None,
    home: Home = None,
    output: Out = None,
) -> int:
    """Decrypt the copy of an access request, to hand it over; or encrypt it anew for its way (age)."""
    from orchestrator.cli import mending

    if recipient and passphrase_file is not None:
        raise typer.BadParameter("either --recipient or --passphrase-file")
    sealing = mending.Sealing(recipient, passphrase_file)
    return mending.deliver(_desk(ctx, home, output), request_id, file, sealing)


app_intake.register(app)
app_requests.register(app)
app_tasks.register(app)
app_holds.register(app)
app_ledger.register(app)
app_returning.register(app)
app_receipts.register(app)
app_letters.register(app)
app_links.register(app)
app_incidents.register(app)
app_reports.register(app)
app_review.register(app)
app_correcting.register(app)
app.add_typer(app_retention.app, name="retention")
app_services.register(app)


@app.command(short_help="Look at the whole installation; unknown is not green.")
def doctor(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Look at keys, tables, clocks, backlog, cache, broker and systems; what cannot be told is never green."""
    from orchestrator.cli import examining

    return examining.doctor(_desk(ctx, home, output))


app_policy.register(app)


@app.command()
def version(ctx: typer.Context, output: Out = None) -> int:
    """Print the version."""
    import importlib.metadata

    found = importlib.metadata.version("expunge")
    _desk(ctx, None, output).screen.data({"version": found}, lambda out: out.print(f"expunge {found}"))
    return 0
