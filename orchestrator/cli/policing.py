"""``expunge policy lint|show|inform|schema``: what a published policy says, and what does not hold in it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from orchestrator.cli import informing, words
from orchestrator.cli.desk import Desk
from orchestrator.cli.screen import Screen
from orchestrator.errors import UsageError
from orchestrator.policy import Register
from orchestrator.policy.informing import inform as information_of
from orchestrator.policy.lint import Finding, lint
from orchestrator.policy.lint.finding import Said
from orchestrator.policy.promises import Promise
from orchestrator.policy.register import Document
from orchestrator.runtime import answering, declaring, placing, policies
from orchestrator.runtime.clock import SystemClock
from orchestrator.runtime.placing import Abroad
from schemas import generate

_STYLES: Final = {"error": "bold red", "warning": "yellow"}


def _register(desk: Desk, file: Path | None) -> Register:
    """Read the file that is named, or that of the installation."""
    if file is not None:
        return policies.load(file)
    settings = desk.settings()
    register = policies.of(settings)
    if register is None:
        fix = 'name a file, or write file = "policies/acme.toml" under [policy]'
        raise UsageError("no policy file is configured here", where=str(settings.file), fix=fix)
    return register


def _day(on: dt.datetime | None) -> dt.date:
    return on.date() if on else SystemClock().now().date()


def run_lint(desk: Desk, file: Path | None, on: dt.datetime | None) -> int:
    """Print every finding, with the question it would put to the DPO.

    Returns:
        1 if one of them is an error, else 0: a warning is a gap or a doubt, and is shown.

    Raises:
        UsageError: the file cannot be read, or is wrong.
    """
    day = _day(on)
    register = _register(desk, file)
    here = file is None
    settings = desk.settings() if here else None
    if settings is not None:
        register = declaring.with_methods(settings, register)
    found = lint(register, day, answering.read(register))
    abroad = list(placing.uncovered(settings, register, day)) if settings is not None else []
    version = register.version_on(day)
    value = {"file": register.file, "on": day, "version": version.id if version else None, "findings": found}
    if settings is not None:
        value["systems"] = abroad
    desk.screen.data(value, lambda out: _print_findings(out, found, abroad))
    wrong = sum(one.severity == "error" for one in found) + len(abroad)
    total = len(found) + len(abroad)
    told = f"{wrong} errors, {total - wrong} warnings" if total else "nothing found"
    desk.screen.say(f"{told}; {register.file}, as of {day}")
    return 1 if wrong else 0


def _print_findings(out: Console, found: list[Finding], abroad: Sequence[Abroad] = ()) -> None:
    for one in found:
        out.print(
            Text.assemble((f"{one.severity:<8}", _STYLES[one.severity]), (f"{one.row}  ", "bold"), one.problem),
            soft_wrap=True,
        )
        for said in one.said:
            out.print(f"        {_said(one.file, said)}", soft_wrap=True)
        out.print(f"        ask:  {one.ask}", soft_wrap=True)
        out.print(f"        law:  {one.law} ({one.code})", soft_wrap=True)
        out.print(f"        id:   {one.id}", soft_wrap=True)
        if one.answered:
            given = one.answered.answer
            stale = f"  STALE: {one.answered.stale}; answer it anew" if one.answered.stale else ""
            line = f"        answered by {given.role} on {given.answered_on}, until {given.until}: {given.text}"
            out.print(Text(line + stale, "yellow" if stale else "green"), soft_wrap=True)
    for system in abroad:
        out.print(Text.assemble(("error   ", _STYLES["error"]), ("S20  ", "bold"), system.problem), soft_wrap=True)
        out.print(f"        at:   {system.where}", soft_wrap=True)
        out.print(f"        ask:  {system.ask}", soft_wrap=True)


def answer(desk: Desk, name: str, text: str, role: str, until: dt.datetime, file: Path | None) -> int:
    """Note an answer to a finding, beside the policy file.

    Raises:
        UsageError: no such finding today, no role, or nothing is said.
    """
    register = _register(desk, file)
    if file is None:
        register = declaring.with_methods(desk.settings(), register)
    made = answering.answer(register, name, text, role, until.date(), _day(None))
    desk.screen.data(made, lambda out: out.print(f"noted in {answering.file_of(register)}", soft_wrap=True))
    return 0


def _said(file: str, said: Said) -> str:
    words_ = f'"{said.quote}"' if said.quote else said.says
    more = f" ({said.says})" if said.quote and said.says else ""
    place = f"{said.entry}, {file}:{said.line}"
    return f"says: {words_}{more} [{place}]" if words_ else f"at:   {place}"


def show(desk: Desk, file: Path | None, on: dt.datetime | None) -> int:
    """Print the version in force, the controllers, the promises, the activities with how long, and the walls.

    Raises:
        UsageError: the file cannot be read, or is wrong.
    """
    day = _day(on)
    register = _register(desk, file)
    version = register.version_on(day)
    value: dict[str, Any] = {
        "file": register.file,
        "on": day,
        "version": version.id if version else None,
        "register": register.document,
    }
    desk.screen.data(value, lambda out: _print_register(out, register, day))
    return 0


def inform(desk: Desk, file: Path | None, activity: str | None, on: dt.datetime | None) -> int:
    """Print what the policy has to tell a person: of one activity, or of all.

    Raises:
        UsageError: the file cannot be read, or is wrong; no such activity.
    """
    day = _day(on)
    register = _register(desk, file)
    found = information_of(register.document)
    if activity is not None:
        found = informing.picked(found, activity)
    value = {"file": register.file, "on": day, "information": found}
    desk.screen.data(value, lambda out: informing.print_information(out, found, day))
    return 0


def _print_register(out: Console, register: Register, day: dt.date) -> None:
    document = register.document
    version = register.version_on(day)
    force = f"version {version.id}, in force since {version.begins}" if version else "no version in force yet"
    out.print(Text.assemble((document.policy.title, "bold"), f"; on {day}: {force}"), soft_wrap=True)
    if version and version.effective_on is None:
        out.print("  the policy does not say from which day it applies; it is counted from its publication")
    joint = " (joint)" if document.policy.joint_controllers else ""
    rows = {
        f"controllers{joint}": [
            (one.id, ", ".join(filter(None, (one.name, f"calendar {one.calendar}", _LAWS[one.regime], one.authority))))
            for one in document.controller
        ],
        "promises": [(one.right.replace("_", " "), _promise(one)) for one in document.promise],
        "activities": [
            (one.id, f"{one.purpose}; {one.basis.replace('_', ' ')}; {_how_long(register, one.id)}")
            for one in document.activity
        ],
        "recipients": [
            (one.id, ", ".join(filter(None, (one.name, one.role, one.country or "country not named"))))
            for one in document.recipient
            if not one.category
        ],
        "domains": [(one.id, ", ".join(one.systems)) for one in document.domain],
        "doors in walls": [(one.found_in, f"may search {one.may_search}") for one in document.join],
        "out of scope": [(one.id, "; ".join(filter(None, (one.name, one.why)))) for one in document.out_of_scope],
        "limits": _limits(register),
    }
    for name, entries in rows.items():
        if entries:
            out.print(Text(f"\n{name}", "bold"))
            width = max(len(first) for first, _ in entries)
            for first, second in entries:
                out.print(f"  {first:<{width}}  {second}", soft_wrap=True)


_LAWS: Final = {"eu": "GDPR", "uk": "UK GDPR", "california": "law of California"}


def _promise(one: Promise) -> str:
    if one.months:
        time = words.months(one.months)
    elif one.days:
        time = f"{one.days} days"
    else:
        time = "no time of its own"
    more = "two further months possible" if one.extension else "no extension"
    return ", ".join(filter(None, (time, more, "free" if one.free else "", f'"{one.quote}"' if one.quote else "")))


def _how_long(register: Register, activity: str) -> str:
    rules = [one for one in register.document.retention if activity in one.activities]
    if not rules:
        return "how long: not said"
    return " and ".join(
        f"{words.months(one.months)} from {one.anchor.replace('_', ' ')}, {words.text(one.text)}"
        if one.months
        else f"from {one.anchor.replace('_', ' ')}: undecided"
        for one in rules
    )


def _limits(register: Register) -> list[tuple[str, str]]:
    approval = register.document.approval
    hours = register.document.policy.target_hours
    found = [("erasure", f"{hours} hours, an internal target")] if hours else []
    if approval.records:
        found.append(("approval", f"of an erasure of more than {approval.records:,} records"))
    if approval.four_eyes_records:
        found.append(("four eyes", f"for an erasure of more than {approval.four_eyes_records:,} records"))
    return found


def schema(screen: Screen) -> int:
    """Print the JSON Schema of a policy file, for editors: a date stands there as a text."""
    screen.write(schema_text().encode())
    return 0


def schema_text() -> str:
    """Give the JSON Schema 2020-12 of a policy file, from the structs."""
    return generate.text_of({"$schema": generate.DIALECT, **generate.described("policy", Document)})
