"""``expunge check``: configuration, keys, database, then every data map against its real store."""

from __future__ import annotations

import difflib
from collections.abc import Callable

import msgspec
from rich.console import Console
from rich.text import Text

from connectors.contract import Connector
from connectors.errors import ConnectorError, MisconfiguredError
from orchestrator.cli import words
from orchestrator.cli.desk import Desk
from orchestrator.cli.guard import explain
from orchestrator.errors import ExpungeError
from orchestrator.keys import KeyFolder
from orchestrator.law.texts import TEXTS, objection_to
from orchestrator.runtime import declaring, naming, placing, planning, policies
from orchestrator.runtime.clock import SystemClock
from orchestrator.runtime.embedded import check_systems, openers
from orchestrator.settings import Settings
from orchestrator.store.migrate import check as check_tables


class Finding(msgspec.Struct, omit_defaults=True):
    """One line of the result. ``level``: ok, warning or error."""

    level: str
    what: str
    text: str = ""
    where: str = ""
    fix: str = ""
    exit_code: int = 0


def check(desk: Desk) -> int:
    """Check everything and print every finding; warnings are shown and are fine.

    Returns:
        0; with errors the highest of their codes: 2 configuration, 3 a dependency that cannot be reached.

    Raises:
        UsageError: the configuration cannot be read at all.
    """
    settings = desk.settings()
    found = [Finding("ok", "configuration", str(settings.file))]
    found += _try("keys", lambda: _keys(settings))
    found += _try("policy", lambda: _policy(settings)) if settings.policy.file else []
    found += _try("database", lambda: _database(desk, settings))
    for one in settings.systems:
        alone = msgspec.structs.replace(settings, systems=(one,))
        found += _try(f"system {one.system}", lambda alone=alone: _system(alone))  # type: ignore[misc]
    desk.screen.data(found, lambda out: print_findings(out, found))
    worst = max(one.exit_code for one in found)
    warned = sum(one.level == "warning" for one in found)
    wrong = sum(one.level == "error" for one in found)
    desk.screen.say(f"{wrong} errors, {warned} warnings" if wrong or warned else "everything fits")
    return worst


def _try(what: str, work: Callable[[], list[str | Finding]]) -> list[Finding]:
    try:
        found = work()
    except (ExpungeError, MisconfiguredError, ConnectorError) as error:
        told = explain(error)
        text = ": ".join(filter(None, (told.what, told.why)))
        return [Finding("error", what, text, told.where, told.fix, max(2, told.exit_code))]
    return [one if isinstance(one, Finding) else Finding("warning", what, one) for one in found] or [
        Finding("ok", what)
    ]


def _keys(settings: Settings) -> list[str | Finding]:
    KeyFolder(settings.keys, [one.system for one in settings.systems])
    return []


def _policy(settings: Settings) -> list[str | Finding]:
    """Hold the policy file against the configuration; what the policy itself lacks is the linter's."""
    register = policies.of(settings)
    if register is None:
        return []
    declaring.with_methods(settings, register)
    today = SystemClock().now().date()
    return [
        Finding("warning", "policy", one.problem, one.where, one.ask)
        for one in placing.uncovered(settings, register, today)
    ]


def _database(desk: Desk, settings: Settings) -> list[str | Finding]:
    with desk.store(settings) as store:
        check_tables(store.engine)
    return []


def _system(alone: Settings) -> list[str | Finding]:
    """Check one system: connector, data map, store; and that the core could decide by it."""
    found = openers(alone)
    declaring.outputs(alone)
    told: list[str | Finding] = [text for _, text in check_systems(found)]
    opened = {name: opener() for name, opener in found.items()}
    try:
        planning.build(alone, opened)
        register = policies.of(alone)
        for system in alone.systems:
            connector = opened[system.system]
            told += _texts(connector)
            told += naming.telling(connector.record_sets())
            told += policies.stricter(register, connector.record_sets()) if register else ()
            wrong = policies.mismatches(register, connector.record_sets()) if register else ()
            where, fix = str(system.settings.map_file), f"name what {alone.policy.file} has"
            told += [Finding("error", f"system {system.system}", text, where, fix, 2) for text in wrong]
    finally:
        for one in opened.values():
            one.close()
    return told


def _texts(connector: Connector) -> list[str]:
    """Name legal texts that would stop every request that finds such a record (decision 15)."""
    today = SystemClock().now().date()
    found: list[str] = []
    for one in connector.record_sets():
        objection = objection_to(one.retain.text, today) if one.retain else None
        if one.retain and objection:
            text = TEXTS.get(one.retain.text)
            instead = text.replaced_by if text else None
            close = difflib.get_close_matches(one.retain.text, TEXTS, n=1)
            fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(TEXTS)}, or policy:<your rule>"
            fix = f"replaced by {instead!r}" if instead else fix
            why = f"{words.reason(objection)}: {one.retain.text!r}"
            found.append(f"record set {one.name!r}: retain: {why}; its requests will wait for a person; {fix}")
    return found


_STYLES = {"ok": "green", "warning": "yellow", "error": "bold red"}


def print_findings(out: Console, found: list[Finding]) -> None:
    """Print one line a finding, and below it where and what to do."""
    for one in found:
        head = Text.assemble((f"{one.level:<8}", _STYLES[one.level]), one.what)
        if one.text:
            head.append(f": {one.text}")
        out.print(head, soft_wrap=True)
        for name, value in (("where", one.where), ("fix", one.fix)):
            if value:
                out.print(f"         {name + ':':<7}{value}", soft_wrap=True)
