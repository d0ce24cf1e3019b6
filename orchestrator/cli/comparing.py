"""``expunge policy diff``: which past decisions and dates another policy, or another data map, would change."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

from orchestrator.cli import words
from orchestrator.cli.desk import Desk
from orchestrator.core.plan import Plan
from orchestrator.core.whatif import Difference, Said
from orchestrator.engine import comparing
from orchestrator.engine.comparing import Unreadable
from orchestrator.engine.stored import StoredPlans
from orchestrator.errors import UsageError
from orchestrator.runtime.systems import openers, plan_of
from orchestrator.settings import ConnectedSystem, Settings
from orchestrator.store.migrate import check as check_tables


def diff(desk: Desk, policy: Path | None, maps: Sequence[str], since: str) -> int:
    """Hold every past request against another policy file, other data maps, or both.

    Args:
        desk: The installation.
        policy: The policy file that is tried; None: that of the installation.
        maps: ``SYSTEM=FILE``: data maps that are tried.
        since: Only requests received from this ISO date on; empty: all.

    Returns:
        0 if nothing would differ, 1 if something would, or if a request could not be compared.

    Raises:
        UsageError: nothing to try, or a file is wrong; names file, line and fix.
    """
    if policy is None and not maps:
        raise UsageError("nothing to try", where="the command line", fix="a policy file, or --map SYSTEM=FILE, or both")
    settings = desk.settings()
    tried = _tried(settings, policy, maps)
    other = plan_of(tried, openers(tried))
    with desk.store(settings) as store:
        check_tables(store.engine)
        with store.read() as tx:
            found, count = _compared(desk, tx, other, since)
    value = {"requests": count, "plan_sha256": other.digest(), "differences": found}
    desk.screen.data(value, lambda out: _print(out, found))
    differ = len({one.request_id for one in found})
    desk.screen.say(f"{count:,} requests looked at, {differ:,} would differ in {len(found):,} places")
    return int(bool(found))


def _compared(desk: Desk, tx: Any, other: Plan, since: str) -> tuple[list[Difference | Unreadable], int]:
    count = 0
    bar = Progress(TextColumn("compares"), BarColumn(), MofNCompleteColumn(), console=desk.screen.err, transient=True,
                   disable=not desk.screen.live)  # fmt: skip
    with bar:
        task = bar.add_task("", total=None)

        def seen() -> None:
            nonlocal count
            count += 1
            bar.advance(task)

        found = list(comparing.compare(tx, StoredPlans(), other, since=since, seen=seen))
    return found, count


def _tried(settings: Settings, policy: Path | None, maps: Sequence[str]) -> Settings:
    """Give the settings of the installation with the files that are tried in their place."""
    systems = {one.system: one for one in settings.systems}
    for one in maps:
        name, _, file = one.partition("=")
        if not file:
            raise UsageError(f"{one!r} names no file", where="--map", fix="--map crm=maps/crm-new.toml")
        if name not in systems:
            close = difflib.get_close_matches(name, systems, 1)
            fix = f"did you mean {close[0]}?" if close else f"one of: {', '.join(systems)}"
            raise UsageError(f"there is no system {name}", where="--map", fix=fix)
        systems[name] = _mapped(systems[name], Path(file).absolute())
    named = msgspec.structs.replace(settings.policy, file=str(policy.absolute())) if policy else settings.policy
    return msgspec.structs.replace(settings, policy=named, systems=tuple(systems.values()))


def _mapped(system: ConnectedSystem, file: Path) -> ConnectedSystem:
    return msgspec.structs.replace(system, settings=msgspec.structs.replace(system.settings, map_file=file))


def _print(out: Console, found: Sequence[Difference | Unreadable]) -> None:
    last = ""
    for one in found:
        if one.request_id != last:
            out.print(f"{one.request_id}" + ("" if isinstance(one, Unreadable) else f"  {one.right.replace('_', ' ')}"))
            last = one.request_id
        if isinstance(one, Unreadable):
            out.print(f"  cannot be compared: {one.why}")
            continue
        out.print(f"  {one.place}, {one.what} of {one.at[:10]}", soft_wrap=True)
        out.print(f"    was    {_in_words(one.before)}", soft_wrap=True)
        out.print(f"    would  {_in_words(one.after)}", soft_wrap=True)


def _in_words(said: Said) -> str:
    does = said.get("does")
    if isinstance(does, list):
        return "; ".join(leg if isinstance(leg, str) else f"{leg[0]} ({words.rule(str(leg[1]))})" for leg in does)
    if does is None:
        return ", ".join(str(value) or "none" for value in said.values())
    told = str(does).replace("_", " ")
    if "rule" in said:
        told += f": {words.rule(str(said['rule']))}"
    if "text" in said:
        told += f", {words.text(str(said['text']))}"
    for name in ("until", "review_by"):
        if name in said:
            told += f", {name.replace('_', ' ')} {said[name]}"
    if "waits_for" in said:
        told += f"; the DPO would be asked first ({str(said['waits_for']).replace('_', ' ')})"
    return told
