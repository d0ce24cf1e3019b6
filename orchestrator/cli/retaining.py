"""``expunge retention sweep|list``: what is past its period, without anybody asking (ADR 36)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from rich.console import Console

from orchestrator.cli import words
from orchestrator.cli.desk import Desk
from orchestrator.cli.screen import table
from orchestrator.engine import sweeps
from orchestrator.errors import UsageError
from orchestrator.ports import SweepRow
from orchestrator.runtime import retaining
from orchestrator.runtime.clock import SystemClock
from orchestrator.runtime.retaining import Count
from orchestrator.runtime.systems import openers, plan_of
from orchestrator.store.migrate import check as check_tables

_SHOWN = (
    "system",
    "record_set",
    "state",
    "reason",
    "up_to",
    "started_at",
    "finished_at",
    "next_at",
    "pages",
    "scanned",
)
_COUNTED = ("past", "undated", "unclear", "opened", "known")


_WHY = {
    "no_capability": "its connector cannot look for what is past",
    "no_period": "the data map has no period for it any more",
    "no_answer": "its system does not answer",
    "malformed_answer": "its answer makes no sense",
    "no_progress": "its connector does not get any further",
}


def _why(code: str) -> str:
    """Say why a sweep does not go on."""
    return _WHY.get(code) or words.reason(code)


def sweep(desk: Desk, system: str | None, *, dry_run: bool) -> int:
    """Note that what is past has to be looked for; whoever works on the store does it. Or count it, and touch nothing.

    Returns:
        0; of a dry run 1 if a record set could not be looked at, or names several persons by one identifier.

    Raises:
        UsageError: no such system, or nothing of it has a period.
    """
    settings = desk.settings()
    opened = openers(settings)
    plan = plan_of(settings, opened)
    systems = (system,) if system else ()
    if system is not None and system not in plan.by_name:
        raise UsageError(
            "no such system is connected", where=system, fix=f"connected: {', '.join(sorted(plan.by_name))}"
        )
    if dry_run:
        today = SystemClock().now().date()
        counts = list(retaining.dry_run(plan, opened, retaining.pace(settings), today, systems))
        desk.screen.data(counts, lambda out: _print_counts(out, counts))
        desk.screen.say("nothing was changed: this only counted")
        return int(any(one.reason or one.unclear for one in counts))
    with desk.store(settings) as store:
        check_tables(store.engine)
        rows = sweeps.ask(store, plan, systems)
    desk.screen.data([_told(one) for one in rows], lambda out: _print(out, rows))
    desk.screen.say("the running process looks through them; see `expunge retention list`")
    return 0


def show(desk: Desk) -> int:
    """List where each sweep is; 1 if one stopped or left something.

    Raises:
        DependencyError: the store cannot be reached.
    """
    with desk.store() as store:
        check_tables(store.engine)
        with store.read() as tx:
            rows = tx.sweeps()
    desk.screen.data([_told(one) for one in rows], lambda out: _print(out, rows))
    if not rows:
        desk.screen.say("nothing was ever swept: `expunge retention sweep`, or [retention] every_hours")
    return int(any(one.state == sweeps.STOPPED or one.unclear for one in rows))


def _told(one: SweepRow) -> dict[str, object]:
    every = msgspec.structs.asdict(one)
    return {name: every[name] for name in (*_SHOWN, *_COUNTED)}


def _print(out: Console, rows: Sequence[SweepRow]) -> None:
    if not rows:
        return
    made = table("record set", "state", "up to", "looked at", "past", "requests", "known", "no date", "shared")
    for one in rows:
        state = one.state
        if one.reason:
            state += f": {_why(one.reason)}"
        elif one.state == "running" and one.task_id:
            state += f", waits for {one.system} since {one.issued_at[:16]}"
        elif one.finished_at:
            state += f" {one.finished_at[:16]}"
        numbers = (one.scanned, one.past, one.opened, one.known, one.undated, one.unclear)
        made.add_row(f"{one.system}/{one.record_set}", state, one.up_to, *map(str, numbers))
    out.print(made)


def _print_counts(out: Console, counts: Sequence[Count]) -> None:
    made = table("record set", "kept", "up to", "looked at", "past", "persons", "no date", "shared", "")
    for one in counts:
        kept = f"{one.months} months, {words.text(one.text)}"
        numbers = (one.scanned, one.past, one.subjects, one.undated, one.unclear)
        why = _why(one.reason) if one.reason else ""
        made.add_row(f"{one.system}/{one.record_set}", kept, one.up_to, *map(str, numbers), why)
    out.print(made)
