"""``expunge restored`` and ``expunge returned``: what came back after it was erased, and who came back themselves."""

from __future__ import annotations

from rich.console import Console

from orchestrator.cli import deciding
from orchestrator.cli.desk import Desk
from orchestrator.core.commands_returning import CameBack
from orchestrator.engine import restoring
from orchestrator.engine.restoring import Told
from orchestrator.errors import UsageError
from orchestrator.runtime.clock import SystemClock
from orchestrator.store.migrate import check as check_tables
from schemas.requesters import is_day


def restored(desk: Desk, system: str, snapshot: str, role: str) -> int:
    """Have everything erased in a system since a snapshot looked for again; 1 where a person cannot be found any more.

    Raises:
        UsageError: no such system, no time, or one that lies ahead.
    """
    settings = desk.settings()
    with desk.store(settings) as store:
        check_tables(store.engine)
        told = restoring.restored(
            store, SystemClock(), system, snapshot, role, [one.system for one in settings.systems]
        )
    desk.screen.data(told, lambda out: _print(out, told))
    desk.screen.say("they look again with the next turn of the orchestrator; see `expunge list`")
    return int(bool(told.lost))


def _print(out: Console, told: Told) -> None:
    out.print(f"{told.system}, snapshot of {told.snapshot}: {told.requests} erasures look again")
    if told.lost:
        out.print(
            f"{len(told.lost)} erasures are newer than the snapshot, and nothing finds their persons any more: it is"
            f" older than the backups of {told.system} were said to live. Its owner has to look for what came back:"
        )
    for one in told.lost:
        out.print(f"  {one}")


def returned(desk: Desk, command: CameBack) -> int:
    """Note that a person came back themselves.

    Raises:
        UsageError: no such erasure, no day, or no reason.
    """
    if not is_day(command.since):
        raise UsageError(f"{command.since!r} is no day", fix="--since, a date (YYYY-MM-DD)")
    return deciding.give(desk, command, "leaves alone what is of them now")
