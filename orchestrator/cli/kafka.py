"""``expunge kafka``: topics and rights as code. Shows what differs, makes what is missing, writes it for others."""

from __future__ import annotations

import enum

import msgspec
import typer
from rich.console import Console
from rich.text import Text

from connectors.kafka.settings import KafkaSettings
from orchestrator.bus import strimzi
from orchestrator.bus.admin import connected
from orchestrator.bus.commands import ADMIN_FILE, Commands
from orchestrator.bus.drift import Difference, differences, fits
from orchestrator.bus.topology import Topology, wanted
from orchestrator.cli.desk import Desk
from orchestrator.cli.screen import Screen
from orchestrator.errors import UsageError
from orchestrator.settings import Settings


class Shape(enum.StrEnum):
    """``--format`` of ``expunge kafka export``."""

    TOPICS = "topics"
    ACL_COMMANDS = "acl-commands"
    STRIMZI = "strimzi"


class Failure(msgspec.Struct, frozen=True):
    """What could not be made, and the class of the broker's error."""

    where: str
    why: str


class Outcome(msgspec.Struct, frozen=True):
    """What ``plan`` and ``apply`` print. ``commands``: what is left for an administrator to run, read before."""

    fits: bool
    differences: list[Difference]
    commands: list[str]
    made: int = 0
    failed: list[Failure] = []


def plan(desk: Desk) -> int:
    """Show what differs.

    Returns:
        0 if everything fits, 1 otherwise; what could not be seen does not fit.
    """
    settings, topology = _wanted(desk)
    with connected(settings) as admin:
        found = differences(topology, admin.look(topology))
    return _tell(desk.screen, Outcome(fits(found), found, Commands(settings).mending(found, topology)))


def apply(desk: Desk, *, yes: bool) -> int:
    """Make what is missing, then look again: what counts is what is there afterwards.

    Nothing is ever taken away. Repeating it is safe, also at the same time elsewhere.

    Args:
        desk: The command's surroundings.
        yes: Do not ask, even on a terminal.

    Returns:
        0 if everything fits afterwards; 1 otherwise, with the commands an administrator has to run.
    """
    settings, topology = _wanted(desk)
    with connected(settings) as admin:
        before = differences(topology, admin.look(topology))
        todo = [one for one in before if one.mended_by_apply]
        if todo and not yes and desk.screen.live and not desk.screen.json:
            _tell(desk.screen, Outcome(fits(before), before, []))
            if not typer.confirm(f"Make {len(todo)} change(s)?", err=True):
                raise typer.Abort
        failed = admin.apply(todo, topology)
        after = differences(topology, admin.look(topology))
    made = len(todo) - sum(one.mended_by_apply for one in after)
    failures = [Failure(where, why) for where, why in sorted(failed.items())]
    commands = Commands(settings).mending(after, topology)
    return _tell(desk.screen, Outcome(fits(after), after, commands, max(0, made), failures))


def export(desk: Desk, shape: Shape, cluster: str) -> int:
    """Write the wanted state for other tools; asks no broker."""
    settings, topology = _wanted(desk, connect=False)
    if shape is Shape.STRIMZI:
        documents = strimzi.resources(topology, cluster)
        desk.screen.data(documents, lambda out: out.print(strimzi.yaml(documents), end="", soft_wrap=True))
        return 0
    if shape is Shape.ACL_COMMANDS and topology.rights is None:
        raise UsageError("rights are given elsewhere", where="[kafka] acls = false", fix="acls = true")
    commands = Commands(settings)
    lines = commands.topics(topology) if shape is Shape.TOPICS else commands.rights(topology.rights or ())
    desk.screen.data(lines, lambda out: out.print("\n".join(lines), soft_wrap=True))
    return 0


def _wanted(desk: Desk, *, connect: bool = True) -> tuple[KafkaSettings, Topology]:
    settings: Settings = desk.settings()
    if connect and not settings.kafka.bootstrap_servers:
        fix = '[kafka] bootstrap_servers = ["host:9092"]'
        raise UsageError("no Kafka cluster is configured", where=str(settings.file), fix=fix)
    return settings.kafka, wanted(settings.kafka, {one.system: one.connector for one in settings.systems})


def _tell(screen: Screen, outcome: Outcome) -> int:
    screen.data(outcome, lambda out: _print(out, outcome))
    if outcome.made:
        screen.say((f"{outcome.made} made", "green"))
    for one in outcome.failed:
        screen.say(("not made: ", "bold red"), f"{one.where}: {one.why}")
    wrong = sum(not one.note for one in outcome.differences)
    screen.say(f"{wrong} differences" if wrong else "everything fits")
    return 0 if outcome.fits else 1


def _print(out: Console, outcome: Outcome) -> None:
    for one in outcome.differences:
        sign, style = ("note     ", "dim") if one.note else ("differs  ", "yellow")
        values = f" (is {one.have or 'nothing'}, wanted {one.want})" if one.want else ""
        out.print(Text.assemble((sign, style), one.where, ": ", one.what, values), soft_wrap=True)
        if one.fix:
            out.print(f"         fix: {one.fix}", soft_wrap=True)
    if outcome.commands:
        out.print(f"\n# what an administrator would run (logs in with {ADMIN_FILE}); what it takes away, read first:")
        out.print("\n".join(outcome.commands), soft_wrap=True)
