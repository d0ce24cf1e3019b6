"""The commands: their names, arguments and help. Nothing here works; each command imports its module when it runs."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from orchestrator.cli import app_holds, app_requests
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


@app.command(short_help="Check a record with the issuer's public key.")
def verify(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `expunge record` wrote.")],
    key: Annotated[Path, typer.Option("--key", metavar="KEY", help="The issuer's keys/record.pub.jwk.")],
    output: Out = None,
) -> int:
    """Check a record with the issuer's public key; needs nothing else. Exit code 4 if it does not hold."""
    from orchestrator.cli import proving

    return proving.verify(_desk(ctx, None, output).screen, file, key)


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


@app.command(short_help="Say that something was done by hand, with a document.")
def attest(
    ctx: typer.Context,
    request_id: Id,
    document: Annotated[Path, typer.Option(metavar="FILE", help="What proves it; only its SHA-256 is kept.")],
    place: Annotated[str, typer.Argument(metavar="[SYSTEM[/RECORD_SET]]", help="Where it was done.")] = "",
    role: Annotated[str, typer.Option(help="Who says so: a role, never a name.")] = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Say that something was done by hand, which no system can do; shown as the weaker assurance."""
    from orchestrator.cli import deciding

    return deciding.attest(_desk(ctx, home, output), request_id, role, place, document)


@app.command()
def package(
    ctx: typer.Context,
    request_id: Id,
    file: Annotated[Path, typer.Option("-O", metavar="FILE", help="New file for the zip; only you can read it.")],
    home: Home = None,
    output: Out = None,
) -> int:
    """Decrypt the copy of an access request, to hand it over."""
    from orchestrator.cli import mending

    return mending.deliver(_desk(ctx, home, output), request_id, file)


app_requests.register(app)
app_holds.register(app)

kafka_app = typer.Typer(no_args_is_help=True, help="Topics and rights of Kafka, as code.")
app.add_typer(kafka_app, name="kafka")


@kafka_app.command(name="plan", short_help="Show how topics and rights differ.")
def kafka_plan(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Show how topics and rights differ from what is wanted; exit code 1 if they do."""
    from orchestrator.cli import kafka

    return kafka.plan(_desk(ctx, home, output))


@kafka_app.command(name="apply", short_help="Make what is missing, take nothing away, look again.")
def kafka_apply(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, even on a terminal.")] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Make what is missing, take nothing away, look again; prints what is left for an admin (exit code 1)."""
    from orchestrator.cli import kafka

    return kafka.apply(_desk(ctx, home, output), yes=yes)


@kafka_app.command(name="export", short_help="Write topics or rights for Kafka's tools, or Strimzi.")
def kafka_export(
    ctx: typer.Context,
    shape: Annotated[
        str, typer.Option("--format", metavar="topics|acl-commands|strimzi", help="For Kafka's own tools, or Strimzi.")
    ] = "topics",
    cluster: Annotated[str, typer.Option("--cluster", help="Name of Strimzi's Kafka resource.")] = "kafka",
    home: Home = None,
    output: Out = None,
) -> int:
    """Write topics or rights as commands of Kafka's tools, or both as Strimzi resources."""
    from orchestrator.cli import kafka

    try:
        chosen = kafka.Shape(shape)
    except ValueError:
        raise typer.BadParameter(f"--format is one of: {', '.join(kafka.Shape)}") from None
    return kafka.export(_desk(ctx, home, output), chosen, cluster)


store = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The database: migrate, check, recover.")
app.add_typer(store, name="store")


@store.command()
def migrate(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Create the tables, or bring them to this version."""
    from orchestrator.cli import storing

    return storing.migrate(_desk(ctx, home, output))


@store.command(name="check", short_help="Look at the store and its journal.")
def check_store(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Look at version, durability, what is parked, positions and lag, and the journal; exit code 1 with findings."""
    from orchestrator.cli import storing

    return storing.check(_desk(ctx, home, output))


@store.command(short_help="After a restore: read the topics again.")
def recover(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """After a restore, or where a topic was made anew: read the topics again from where the store stands."""
    from orchestrator.cli import storing

    return storing.recover(_desk(ctx, home, output))


@app.command(short_help="Look at the whole installation; unknown is not green.")
def doctor(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Look at keys, tables, clocks, backlog, cache, broker and systems; what cannot be told is never green."""
    from orchestrator.cli import examining

    return examining.doctor(_desk(ctx, home, output))


keys = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Keys of systems, intake, records: how they rotate.",
)
app.add_typer(keys, name="keys")
System = Annotated[str, typer.Argument(metavar="SYSTEM", help="Id of a system; intake; or record.", show_default=False)]
Kid = Annotated[str, typer.Argument(metavar="KID", help="Id of the key.", show_default=False)]


@keys.command(name="list", short_help="List the keys in use, and those that are accepted.")
def keys_list(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """List the keys of every system: the one in use, and those that are accepted."""
    from orchestrator.cli import rotating

    return rotating.show(_desk(ctx, home, output))


@keys.command(name="add")
def keys_add(ctx: typer.Context, system: System, home: Home = None, output: Out = None) -> int:
    """Make a further key of a system, accepted and not used yet. Copy its file to every worker."""
    from orchestrator.cli import rotating

    return rotating.add(_desk(ctx, home, output), system)


@keys.command(name="activate", short_help="Use a key that every worker holds.")
def keys_activate(
    ctx: typer.Context,
    system: System,
    kid: Kid,
    force: Annotated[bool, typer.Option("--force", help="Do not ask whether the workers hold it.")] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Use a key once every worker that is there holds it; processes that run take it up by themselves."""
    from orchestrator.cli import rotating

    return rotating.activate(_desk(ctx, home, output), system, kid, force=force)


@keys.command(name="retire", short_help="Destroy a key that nothing needs.")
def keys_retire(
    ctx: typer.Context,
    system: System,
    kid: Kid,
    force: Annotated[bool, typer.Option("--force", help="Of intake: do not wait for the topics' week.")] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Destroy a key that is not in use and that nothing in the store needs."""
    from orchestrator.cli import rotating

    return rotating.retire(_desk(ctx, home, output), system, kid, force=force)


dead_letters = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Events that could not be applied.")
app.add_typer(dead_letters, name="dead-letters")
Number = Annotated[int, typer.Argument(metavar="NUMBER", help="Number of the letter.", show_default=False)]


@dead_letters.command(name="list")
def dead_letters_list(
    ctx: typer.Context,
    limit: Annotated[int, typer.Option(min=1, help="At most so many rows.")] = 50,
    home: Home = None,
    output: Out = None,
) -> int:
    """List events that could not be applied, newest first."""
    from orchestrator.cli import burying

    return burying.show_list(_desk(ctx, home, output), limit)


@dead_letters.command(name="show", short_help="Show where one came from, and what was wrong.")
def dead_letters_show(ctx: typer.Context, number: Number, home: Home = None, output: Out = None) -> int:
    """Show where one came from, what was wrong, and whether it can be redriven; never its content."""
    from orchestrator.cli import burying

    return burying.show(_desk(ctx, home, output), number)


@dead_letters.command(name="redrive", short_help="Apply the original events again.")
def dead_letters_redrive(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(metavar="LETTER...", help="Numbers of the list, or places of workers'.", show_default=False),
    ] = None,
    everything: Annotated[bool, typer.Option("--all", help="All of the list.")] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Apply the original events again, once their cause is mended; exit code 1 if one fails again."""
    from orchestrator.cli import letters

    return letters.redrive_named(_desk(ctx, home, output), names or [], everything=everything)


@dead_letters.command(name="workers", short_help="List what workers could not read.")
def dead_letters_workers(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """List what workers could not read as a task of theirs; redriven, it goes to the worker again."""
    from orchestrator.cli import letters

    return letters.show_workers(_desk(ctx, home, output))


cache = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The suppression cache in Redis.")
app.add_typer(cache, name="cache")


@cache.command(name="rebuild", short_help="Make the cache anew from the store.")
def cache_rebuild(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Make the suppression cache anew from the store; everything may run meanwhile."""
    from orchestrator.cli import caching

    return caching.rebuild(_desk(ctx, home, output))


@cache.command(name="check", short_help="Hold the cache against the store.")
def cache_check(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Hold the cache against the store, entry by entry; exit code 1 if it is not complete."""
    from orchestrator.cli import caching

    return caching.check(_desk(ctx, home, output))


suppression = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What producers of events ask.")
app.add_typer(suppression, name="suppression")


@suppression.command(name="serve", short_help="Answer producers, and keep the cache fed.")
def suppression_serve(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Answer producers of events whether an identifier is erased, and keep the cache fed."""
    from orchestrator.cli import caching

    return caching.serve(_desk(ctx, home, output))


policy = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The published policy: lint, show.")
app.add_typer(policy, name="policy")
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

    return policing.run_lint(_desk(ctx, home, output), file, on)


@policy.command(name="show", short_help="Show what a policy says on a day.")
def policy_show(
    ctx: typer.Context, file: PolicyFile = None, on: On = None, home: Home = None, output: Out = None
) -> int:
    """Show the version in force on a day, controllers, promises, activities with how long, walls."""
    from orchestrator.cli import policing

    return policing.show(_desk(ctx, home, output), file, on)


@policy.command(name="schema", short_help="Print the JSON Schema of a policy file.")
def policy_schema(ctx: typer.Context, output: Out = None) -> int:
    """Print the JSON Schema of a policy file, for an editor."""
    from orchestrator.cli import policing

    return policing.schema(_desk(ctx, None, output).screen)


@app.command(short_help="When a request has to be answered, and why.")
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

    screen = _desk(ctx, None, output).screen
    return dating.deadline(screen, received, calendar, right, extended=extended, pauses=pause or [], on=on)


@app.command()
def version(ctx: typer.Context, output: Out = None) -> int:
    """Print the version."""
    import importlib.metadata

    found = importlib.metadata.version("expunge")
    _desk(ctx, None, output).screen.data({"version": found}, lambda out: out.print(f"expunge {found}"))
    return 0
