"""What the demo shows: readable in ten seconds, in 80 columns, and without colour."""

from __future__ import annotations

import shlex

import msgspec
from rich.console import Console
from rich.table import Table
from rich.text import Text

from orchestrator.cli import words
from orchestrator.cli.demo.company import APPLICANTS, CUSTOMERS, EMPLOYEES, Company
from orchestrator.cli.screen import table
from orchestrator.core.model import Phase, RequestState
from schemas.outcomes import Anonymised, Deleted, Exported, Kept, Located, NothingHeld, Pending


class Line(msgspec.Struct):
    """One row of the table."""

    record_set: str
    found: int
    copied: int
    erased: int
    looked: str
    kept: int = 0
    until: str | None = None
    why: str = ""


class Ended(msgspec.Struct):
    """How one request stands."""

    request_id: str
    phase: str
    result: str | None
    closed: bool
    attention: tuple[str, ...] = ()


class Told(msgspec.Struct):
    """Everything the demo shows at its end."""

    access: Ended
    erasure: Ended
    waited: bool
    records: int
    others: int
    others_changed: int
    traces_before: int
    traces_after: int
    lines: list[Line]
    home: str | None = None

    @property
    def fine(self) -> bool:
        """Tell whether both requests were closed, proved, and touched nobody else."""
        closed = self.access.closed and self.erasure.closed and self.records == 2  # noqa: PLR2004 - two requests
        return closed and not self.others_changed and not self.traces_after


def told_of(state: RequestState) -> Ended:
    """Sum up one request."""
    attention = tuple(words.reason(one.reason) for one in state.attention)
    closed = state.phase is Phase.CLOSED
    return Ended(state.request_id, state.phase, state.result, closed, attention)


def lines(access: RequestState, erasure: RequestState) -> list[Line]:
    """Give one line per record set: what was found, copied, erased, seen again, and what stays."""
    found: list[Line] = []
    for name, system in sorted(erasure.systems.items()):
        for record_set, located in sorted(system.located.items()):
            copied = access.systems[name].outcomes.get(record_set)
            line = Line(
                record_set=f"{name}/{record_set}",
                found=located.count if isinstance(located, Located) else 0,
                copied=copied.count if isinstance(copied, Exported) else 0,
                erased=0,
                looked="",
            )
            _fate(line, system.outcomes.get(record_set), system.rules.get(record_set, ""))
            found.append(line)
    return found


def _fate(line: Line, outcome: object, rule: str) -> None:
    match outcome:
        case Deleted(before=count):
            line.erased, line.looked = count, "gone"
        case Anonymised(before=count):
            line.erased, line.looked = count, "anonymous"
        case Kept():
            line.erased, line.kept, line.until = outcome.erased, outcome.count, outcome.until
            line.looked = "masked" if outcome.masked else "kept"
            inherited = rule.startswith("with_parent:")
            line.why = "with its parent record" if inherited else words.rule(rule).removeprefix("keep ")
        case Pending():
            line.looked = "not done yet"
        case NothingHeld() | None:
            line.looked = "nothing held"
        case _:
            line.looked = "NEEDS ATTENTION"


def opening(out: Console, one: Company) -> None:
    """Set the scene."""
    parquet = "Parquet, JSON Lines" if one.parquet else "JSON Lines; Parquet: install expunge[parquet]"
    people = f": {CUSTOMERS} customers, {EMPLOYEES} employees, {APPLICANTS} applicants. Four systems:"
    out.print(Text.assemble(("A made-up company", "bold"), people))
    out.print(f"CRM, HR (SQLite), events ({parquet}), web server logs (live and gzip).")
    writes = f"{one.subject.name}, customer and former applicant, writes:"
    out.print(Text.assemble(writes, ("\nSend me a copy of my data, then erase it.", "bold")))
    out.print()


def first_pass(out: Console, access: RequestState, erasure: RequestState) -> None:
    """Say how things stand before the log was rotated."""
    copied = sum(
        one.count for system in access.systems.values() for one in system.outcomes.values() if isinstance(one, Exported)
    )
    _step(out, 1, "Copy", told_of(access), f"{copied} records in one encrypted package")
    waiting = [
        one for system in erasure.systems.values() for one in system.outcomes.values() if isinstance(one, Pending)
    ]
    if waiting:
        count = sum(one.count for one in waiting)
        _step(out, 2, "Erase", told_of(erasure), f"{count} lines in the live access.log wait for its rotation")


def _step(out: Console, number: int, what: str, one: Ended, said: str) -> None:
    made = Table.grid(padding=(0, 2))
    made.add_column(width=9)
    made.add_column(width=12)
    made.add_column(overflow="fold")
    made.add_row(Text(f"{number}  {what}", "bold"), _standing(one), said)
    out.print(made)


def _standing(one: Ended) -> Text:
    if one.attention:
        return Text("ATTENTION", "bold red")
    if one.closed:
        return Text("done", "bold green")
    return Text("NOT DONE YET", "bold yellow")


def ending(out: Console, told: Told) -> None:
    """Show the result."""
    if told.waited:
        kept = sum(line.kept for line in told.lines)
        said = f"log rotated, a day later by the demo's clock; {kept} records must be kept"
        _step(out, 3, "Erase", told.erasure, said if told.erasure.closed else "; ".join(told.erasure.attention))
    out.print()
    made = table("record set")
    for name in ("found", "copied", "erased", "kept"):
        made.add_column(name, justify="right")
    made.add_column("looked again", no_wrap=True)
    made.add_column("kept until, why")
    for line in told.lines:
        counts = [_count(one) for one in (line.found, line.copied, line.erased, line.kept)]
        made.add_row(line.record_set, *counts, _look(line), f"{line.until}: {line.why}" if line.until else "")
    out.print(made)
    out.print()
    _proofs(out, told)
    _next(out, told)


def _count(number: int) -> str:
    return str(number) if number else "-"


def _look(line: Line) -> Text:
    styles = {"gone": "green", "anonymous": "green", "masked": "yellow", "kept": "yellow", "nothing held": "dim"}
    return Text(line.looked, styles.get(line.looked, "bold red"))


def _proofs(out: Console, told: Told) -> None:
    same = told.others - told.others_changed
    traces = "e-mail, phone and IP address in the files"
    checks = (
        (told.records == 2, f"{told.records} of 2 signed records verified, with the public key alone"),  # noqa: PLR2004
        (not told.others_changed, f"{same:,} of {told.others:,} records of other people are as they were"),
        (not told.traces_after, f"{traces}: {told.traces_before} places before, {told.traces_after} after"),
    )
    for held, said in checks:
        out.print(Text.assemble(("ok     ", "bold green") if held else ("NOT OK ", "bold red"), said))


def _next(out: Console, told: Told) -> None:
    out.print()
    if told.home is None:
        out.print("Nothing is left behind. To look around: `expunge demo --keep DIR`")
        return
    out.print(Text.assemble(("Look around: ", "bold"), f"export EXPUNGE_HOME={shlex.quote(told.home)}"))
    erasure, access = told.erasure.request_id, told.access.request_id
    for command, what in (
        ("expunge list --obligations", "what is still owed, and when"),
        (f"expunge show {erasure}", "every decision, its rule"),
        (f"expunge record {erasure} -O proof.jws", "the proof, to hand out"),
        (f"expunge verify proof.jws --key {shlex.quote(told.home)}/keys/record.pub.jwk", "check it"),
        (f"expunge package {access} -O copy.zip", "the copy, to hand over"),
    ):
        out.print(Text.assemble("  ", (f"{command:<42}", "cyan"), f"  {what}"), soft_wrap=True)
