"""``expunge dead-letters workers``, and ``redrive`` of what a worker buried. Their content is never shown (I4)."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from rich.console import Console

from orchestrator.bus.letters import Opened, WorkerLetter, letters_of_workers
from orchestrator.bus.producer import KafkaProducer
from orchestrator.cli import burying
from orchestrator.cli.burying import Redriven
from orchestrator.cli.desk import Desk
from orchestrator.cli.screen import table
from orchestrator.errors import DependencyError, UsageError
from orchestrator.keys import KeyFolder
from orchestrator.ports import Outgoing
from orchestrator.runtime.clock import SystemClock
from orchestrator.settings import Settings
from schemas.topics import tasks_of

PLACE: Final = re.compile(r"[0-9]{1,9}:[0-9]{1,18}:[0-9]{1,3}\Z")
"""``partition:offset:number in the message``, of the topic of dead letters."""
_DIGITS: Final = 18


def show_workers(desk: Desk) -> int:
    """List what workers buried in the last week, oldest first.

    Raises:
        UsageError: no broker is configured. Others as ``letters_of_workers``.
    """
    found = [one.letter for one in _read(desk.settings())]
    desk.screen.data(found, lambda out: _print(out, found))
    return 0


def redrive_named(desk: Desk, names: Sequence[str], *, everything: bool) -> int:
    """Redrive letters of the list, by number, or of workers, by place: one kind at a time.

    Raises:
        UsageError: a name is neither, or both kinds are named. Others as ``redrive``.
    """
    places = [one for one in names if PLACE.match(one)]
    if places and len(places) == len(names) and not everything:
        return redrive(desk, places)
    if wrong := [one for one in names if not one.isascii() or not one.isdigit() or len(one) > _DIGITS]:
        fix = "a number of `expunge dead-letters list`, or places of `expunge dead-letters workers`, not both"
        raise UsageError("not the name of a dead letter", where=f"argument {names.index(wrong[0]) + 1}", fix=fix)
    return burying.redrive(desk, [int(one) for one in names], everything=everything)


def redrive(desk: Desk, places: Sequence[str]) -> int:
    """Publish the tasks again that workers buried. Who answered meanwhile answers again, which counts once.

    Returns:
        1 if one is no task of ours, or its bytes cannot be opened any more.

    Raises:
        UsageError: no such letter. DependencyError: the broker does not take it.
    """
    settings = desk.settings()
    found = {one.letter.place: one for one in _read(settings)}
    if missing := [one for one in places if one not in found]:
        fix = "see `expunge dead-letters workers`; the topic keeps a week"
        raise UsageError(f"there is no dead letter {missing[0]}", where="expunge.dead-letters", fix=fix)
    out = [
        Outgoing(one, tasks_of(found[one].letter.system).name, found[one].raw)
        for one in dict.fromkeys(places)
        if found[one].letter.redrivable
    ]
    told = [
        Redriven(one, "published" if found[one].letter.redrivable else ("not_redrivable" if found[one].raw else "gone"))
        for one in dict.fromkeys(places)
    ]
    if out:
        producer = KafkaProducer(settings.kafka)
        try:
            sent = producer.publish(out)
        finally:
            producer.close()
        if failed := {**sent.waiting, **sent.refused}:
            place, why = next(iter(failed.items()))
            fix = "see that the brokers of [kafka] are up, then try again"
            raise DependencyError(f"letter {place} could not be published", why=why, fix=fix)
    lines = "\n".join(f"{one.id}: {one.outcome.replace('_', ' ')}" for one in told)
    desk.screen.data(told, lambda out: out.print(lines))
    return 1 if any(one.outcome != "published" for one in told) else 0


def _read(settings: Settings) -> list[Opened]:
    if not settings.kafka.bootstrap_servers:
        fix = "without a broker nobody but the orchestrator buries anything: `expunge dead-letters list`"
        raise UsageError("no broker is named", where=str(settings.file), fix=fix)
    keys = KeyFolder(settings.keys, [one.system for one in settings.systems])
    return letters_of_workers(settings.kafka, keys.system, keys.intake, SystemClock().now())


def _print(out: Console, found: Sequence[WorkerLetter]) -> None:
    rows = table("place", "system", "request", "when", "error", "bytes", "redrive")
    for one in found:
        redrivable = "yes" if one.redrivable else "no"
        rows.add_row(one.place, one.system, one.request_id, one.observed_at, one.error, str(one.size), redrivable)
    out.print(rows)
