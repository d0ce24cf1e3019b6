"""``expunge submit``: requests from a file, from stdin, or asked on a terminal. All of them are taken, or none.

Identifiers never come from the command line: they would stand in the shell's history and in the process list.
"""

from __future__ import annotations

import getpass
import sys
from collections.abc import Sequence
from typing import IO, Final

import typer
from rich.console import Console

from orchestrator.cli.desk import Desk
from orchestrator.cli.forms import Form, read_forms
from orchestrator.cli.mapped import Mapped
from orchestrator.engine.intake import Intake, Submitted
from orchestrator.errors import UsageError
from orchestrator.runtime.clock import SystemClock, chance
from schemas import identifiers
from schemas.errors import SchemaError
from schemas.identifiers import KINDS, Identifier
from schemas.requests import RequestForm, Right

_LARGEST: Final = 256 << 20
"""Bytes of one file of requests."""


def submit(desk: Desk, source: str | None, *, hidden: bool) -> int:
    """Take requests in.

    Args:
        desk: Surroundings of the command.
        source: File, ``-`` for stdin, or None to ask on a terminal.
        hidden: When asking: do not show what is typed.

    Raises:
        UsageError: what is wrong with which request, with file, line and fix; nothing was taken in.
    """
    settings = desk.settings()
    keys = desk.own_keys(settings)
    clock = SystemClock()
    forms = _asked(desk, hidden=hidden) if source is None else _read(source, clock, Mapped(settings))
    with desk.store(settings) as store:
        done = Intake(store, keys, clock, chance).submit(forms)
    # A receipt is for one person. Where nobody looks, stdout goes to a file or a log: there it is said to programs
    # only, which ask for it by -o json.
    seen = sys.stdout.isatty()
    desk.screen.data(done, lambda out: _print(out, done, seen=seen))
    _tell(desk, done, seen=seen or desk.screen.json)
    return 0


def _print(out: Console, done: Sequence[Submitted], *, seen: bool) -> None:
    for one in done:
        out.print(one.request_id, soft_wrap=True)
        if seen and one.receipt:
            out.print(f"  receipt, for the person alone: {one.receipt}", soft_wrap=True)


def _read(source: str, clock: SystemClock, mapped: Mapped) -> list[RequestForm]:
    try:
        if source == "-":
            name, raw = "stdin", _limited(sys.stdin.buffer, "stdin")
        else:
            with open(source, "rb") as file:  # noqa: PTH123 - the argument is a name as typed
                name, raw = source, _limited(file, source)
    except OSError as error:
        fix = "name a file that can be read, or - for stdin"
        raise UsageError("the file cannot be read", where=source, why=error.strerror or "", fix=fix) from None
    found: list[Form] = read_forms(raw, name, now=clock.now(), check=mapped.check)
    return [one.form for one in found]


def _limited(file: IO[bytes], name: str) -> bytes:
    raw = file.read(_LARGEST + 1)
    if len(raw) > _LARGEST:
        raise UsageError("more than 256 MiB of requests", where=name, fix="split the file")
    return raw


def _tell(desk: Desk, done: Sequence[Submitted], *, seen: bool) -> None:
    new = sum(one.new for one in done)
    known = len(done) - new
    said = f"{new} taken in" if new or not known else ""
    also = f"{known} already known" if known else ""
    desk.screen.say(", ".join(filter(None, (said, also))), "; `expunge run` works on them" if new else "")
    if not seen and any(one.receipt for one in done):
        desk.screen.say("receipts for the persons: `expunge receipt ID` until a request closes, or submit with -o json")
    elif known:
        desk.screen.say("what is known keeps its receipt: `expunge receipt ID` until it closes")


def _asked(desk: Desk, *, hidden: bool) -> list[RequestForm]:
    if not sys.stdin.isatty():
        fix = "expunge submit FILE, or - for stdin"
        raise UsageError("no file given, and nobody to ask: stdin is not a terminal", fix=fix)
    right = _right()
    if right is Right.RECTIFICATION:
        fix = "expunge submit FILE: corrections are personal data, and are not typed on a terminal"
        raise UsageError("a rectification needs a file", fix=fix)
    purposes = _purposes(right)
    found: list[Identifier] = []
    desk.screen.say(f"Who is it? Kinds: {', '.join(KINDS)}. An empty kind ends.")
    while True:
        kind = typer.prompt("kind", default="", show_default=False, err=True).strip()
        if not kind and found:
            break
        try:
            identifiers.check_kind(kind)
            value = getpass.getpass(f"{kind} (hidden): ") if hidden else typer.prompt(kind, err=True)
            found.append(identifiers.parse(kind, value))
        except SchemaError as error:
            desk.screen.say((f"{error.message}; {error.fix}", "red"))
    if not typer.confirm(f"Submit a request for {right.value} with {len(found)} identifier(s)?", err=True):
        raise typer.Abort
    return [RequestForm(right, tuple(found), purposes=purposes)]


def _purposes(right: Right) -> tuple[str, ...]:
    if right not in {Right.OBJECTION, Right.WITHDRAWAL_OF_CONSENT}:
        return ()
    while True:
        answer = typer.prompt("For which purposes? Ids, with commas between", default="", show_default=False, err=True)
        found = tuple(one.strip() for one in answer.split(",") if one.strip())
        if found or right is Right.OBJECTION:
            return found


def _right() -> Right:
    names = [one.value for one in Right]
    while True:
        answer = typer.prompt(f"Which right? {' or '.join(names)}", err=True).strip().lower()
        if answer in names:
            return Right(answer)
