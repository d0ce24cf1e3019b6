"""The commands of an operator: topics, database, keys, dead letters, the cache, what producers ask."""

from __future__ import annotations

from typing import Annotated

import typer

from orchestrator.cli.options import Home, Out, desk

kafka_app = typer.Typer(no_args_is_help=True, help="Topics and rights of Kafka, as code.")


@kafka_app.command(name="plan", short_help="Show how topics and rights differ.")
def kafka_plan(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Show how topics and rights differ from what is wanted; exit code 1 if they do."""
    from orchestrator.cli import kafka

    return kafka.plan(desk(ctx, home, output))


@kafka_app.command(name="apply", short_help="Make what is missing, take nothing away, look again.")
def kafka_apply(
    ctx: typer.Context,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask, even on a terminal.")] = False,
    home: Home = None,
    output: Out = None,
) -> int:
    """Make what is missing, take nothing away, look again; prints what is left for an admin (exit code 1)."""
    from orchestrator.cli import kafka

    return kafka.apply(desk(ctx, home, output), yes=yes)


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
    return kafka.export(desk(ctx, home, output), chosen, cluster)


store = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The database: migrate, check, recover.")


@store.command()
def migrate(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Create the tables, or bring them to this version."""
    from orchestrator.cli import storing

    return storing.migrate(desk(ctx, home, output))


@store.command(name="check", short_help="Look at the store and its journal.")
def check_store(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Look at version, durability, what is parked, positions and lag, and the journal; exit code 1 with findings."""
    from orchestrator.cli import storing

    return storing.check(desk(ctx, home, output))


@store.command(short_help="After a restore: read the topics again.")
def recover(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """After a restore, or where a topic was made anew: read the topics again from where the store stands."""
    from orchestrator.cli import storing

    return storing.recover(desk(ctx, home, output))


keys = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Keys of systems, intake, records, ledger: how they rotate.",
)
System = Annotated[
    str, typer.Argument(metavar="SYSTEM", help="Id of a system; intake, record, ledger.", show_default=False)
]
Kid = Annotated[str, typer.Argument(metavar="KID", help="Id of the key.", show_default=False)]


@keys.command(name="list", short_help="List the keys in use, and those that are accepted.")
def keys_list(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """List the keys of every system: the one in use, and those that are accepted."""
    from orchestrator.cli import rotating

    return rotating.show(desk(ctx, home, output))


@keys.command(name="add")
def keys_add(ctx: typer.Context, system: System, home: Home = None, output: Out = None) -> int:
    """Make a further key of a system, accepted and not used yet. Copy its file to every worker."""
    from orchestrator.cli import rotating

    return rotating.add(desk(ctx, home, output), system)


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

    return rotating.activate(desk(ctx, home, output), system, kid, force=force)


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

    return rotating.retire(desk(ctx, home, output), system, kid, force=force)


dead_letters = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Events that could not be applied.")
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

    return burying.show_list(desk(ctx, home, output), limit)


@dead_letters.command(name="show", short_help="Show where one came from, and what was wrong.")
def dead_letters_show(ctx: typer.Context, number: Number, home: Home = None, output: Out = None) -> int:
    """Show where one came from, what was wrong, and whether it can be redriven; never its content."""
    from orchestrator.cli import burying

    return burying.show(desk(ctx, home, output), number)


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

    return letters.redrive_named(desk(ctx, home, output), names or [], everything=everything)


@dead_letters.command(name="workers", short_help="List what workers could not read.")
def dead_letters_workers(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """List what workers could not read as a task of theirs; redriven, it goes to the worker again."""
    from orchestrator.cli import letters

    return letters.show_workers(desk(ctx, home, output))


cache = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="The suppression cache in Redis.")


@cache.command(name="rebuild", short_help="Make the cache anew from the store.")
def cache_rebuild(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Make the suppression cache anew from the store; everything may run meanwhile."""
    from orchestrator.cli import caching

    return caching.rebuild(desk(ctx, home, output))


@cache.command(name="check", short_help="Hold the cache against the store.")
def cache_check(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Hold the cache against the store, entry by entry; exit code 1 if it is not complete."""
    from orchestrator.cli import caching

    return caching.check(desk(ctx, home, output))


suppression = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="What producers of events ask.")


@suppression.command(name="serve", short_help="Answer producers, and keep the cache fed.")
def suppression_serve(ctx: typer.Context, home: Home = None, output: Out = None) -> int:
    """Answer producers of events whether an identifier is erased, and keep the cache fed."""
    from orchestrator.cli import caching

    return caching.serve(desk(ctx, home, output))


@suppression.command(name="lift", short_help="A person came back: for a purpose, from a day on.")
def suppression_lift(
    ctx: typer.Context,
    person_file: Annotated[str, typer.Option("--person-file", metavar="FILE|-", help="Identifiers as JSON.")],
    since: Annotated[str, typer.Option(metavar="DATE", help="From which day on.")],
    reason: Annotated[str, typer.Option(help="fresh_consent or new_relationship.")],
    purpose: Annotated[str, typer.Option(metavar="ID", help="For which purpose of processing.")] = "",
    every: Annotated[bool, typer.Option("--all-purposes", help="For every purpose.")] = False,
    role: Annotated[str, typer.Option(help="Who says so: a role, never a name.")] = "dpo",
    home: Home = None,
    output: Out = None,
) -> int:
    """Let producers use data of an erased person again, for a purpose, from a day on; older data stays suppressed."""
    from orchestrator.cli import lifting

    return lifting.lift(desk(ctx, home, output), person_file, purpose, since, reason, role, every=every)


def register(app: typer.Typer) -> None:
    """Add the groups of commands."""
    app.add_typer(kafka_app, name="kafka")
    app.add_typer(store, name="store")
    app.add_typer(keys, name="keys")
    app.add_typer(dead_letters, name="dead-letters")
    app.add_typer(cache, name="cache")
    app.add_typer(suppression, name="suppression")
