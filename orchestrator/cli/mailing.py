"""``expunge intake``: requests that come by mail (ADR 33). What a mail says is shown to nobody but who opens it."""

from __future__ import annotations

import difflib
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from orchestrator.cli import words
from orchestrator.cli.desk import Desk
from orchestrator.cli.forms import read_forms
from orchestrator.cli.screen import table
from orchestrator.cli.writing import new_file
from orchestrator.core.moments import date_of
from orchestrator.engine import mail_settling
from orchestrator.engine.mail import Mail
from orchestrator.engine.mailing import Fate, Letter, MailIntake
from orchestrator.errors import UsageError
from orchestrator.files.mailboxes import open_box
from orchestrator.law.deadlines import answer_due
from orchestrator.law.periods import response_due
from orchestrator.law.questions import Promise, Question
from orchestrator.ports import MailRow
from orchestrator.runtime import policies
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.settings import Settings
from orchestrator.store.migrate import check as check_tables
from schemas.particulars import Right
from schemas.requests import RequestForm

_BATCH: Final = 100
_BATCH_BYTES: Final = 32 << 20
REASONS: Final = {
    "no_rule": "no rule of [mail] is about it",
    "several_rules": "rules or forms contradict each other",
    "no_sender": "From names nobody, or several",
    "own_domain": "somebody of the company wrote it for somebody else",
    "other_person": "its form is about somebody else than who wrote",
    "form_wrong": "its form, or the request made of it, breaks a rule",
    "reply": "it answers another mail",
    "written_by_program": "a program wrote it",
    "automatic_reply": "an automatic answer or a bounce",
    "no_arrival": "its server does not say when it arrived",
    "too_large": "too large; it stays in its folder",
    "unreadable": "it cannot be read",
    "same_id_other_mail": "another mail has the same Message-ID",
}


class Outcome(msgspec.Struct):
    """What a folder holds, or what was taken out of it."""

    folder: str
    taken: bool
    counts: dict[str, int]
    mails: list[Fate]


class WaitingMail(msgspec.Struct):
    """A mail that needs a person. ``answer_by``: the last day, were it a request; empty: nobody knows since when."""

    mail_id: str
    arrived_at: str
    dated: str
    reason: str
    size: int
    owner: str
    answer_by: str


class Said(msgspec.Struct, frozen=True):
    """What somebody says that a mail is."""

    right: str | None
    form: str | None
    request: str
    no_request: str
    received: str
    role: str


def read(desk: Desk, folder: Path, *, take: bool) -> int:
    """Look at a mail folder, or take in what is in it; 1 if something needs a person."""
    settings = desk.settings()
    box = open_box(folder, settings.mail.max_bytes)
    fates: list[Fate] = []
    with desk.store(settings) as store:
        check_tables(store.engine)
        intake = MailIntake(store, desk.own_keys(settings), SystemClock(), chance, settings.mail)
        for letters in _batches(box.letters()):
            done = intake.take(letters) if take else intake.look(letters)
            # Committed: from here on they are known, wherever this process dies.
            for letter, fate in zip(letters, done, strict=True):
                if take and fate.leaves:
                    box.leave(letter)
            fates += done
    found = Outcome(box.kind, take, dict(sorted(Counter(one.becomes for one in fates).items())), fates)
    desk.screen.data(found, lambda out: _print(out, found))
    _tell(desk, found)
    return int(any(one.becomes in {"waiting", "unread"} for one in fates))


def waiting(desk: Desk) -> int:
    """List the mails that need a person; 1 if there is one."""
    settings = desk.settings()
    with desk.store(settings) as store:
        check_tables(store.engine)
        with store.read() as tx:
            rows = tx.waiting_mails()
    found = [_waiting(one, settings) for one in rows]
    desk.screen.data(found, lambda out: _print_waiting(out, found))
    return int(bool(found))


def open_(desk: Desk, name: str, file: Path) -> int:
    """Write what a mail says, or all mails of a request, to a new file."""
    settings = desk.settings()
    with desk.store(settings) as store:
        check_tables(store.engine)
        plain = mail_settling.opened(store, desk.own_keys(settings), chance, name)
    with new_file(file, 0o600) as out:
        out.write(b"\n\n".join(plain))
    desk.screen.data({"mails": len(plain), "file": str(file)}, lambda out: out.print(str(file)))
    desk.screen.say("it is personal data in clear: erase it when you are done")
    return 0


def settle(desk: Desk, mail_id: str, said: Said) -> int:
    """Note what a mail that waited is.

    Raises:
        UsageError: it does not wait, or what was said does not fit.
    """
    settings = desk.settings()
    right = _right(said.right) if said.right is not None else None

    def form(mail: Mail | None, row: MailRow) -> RequestForm:
        if right is None:
            made = _form(said.form or "")
        elif mail is None or mail.sender is None:
            raise UsageError("who wrote cannot be told", where=mail_id, fix="write the request: --form FILE, or -")
        else:
            made = RequestForm(right, (mail.sender,))
        return msgspec.structs.replace(made, received_at=row.arrived_at, channel="mail", identity="unverified")

    with desk.store(settings) as store:
        check_tables(store.engine)
        done = mail_settling.settle(
            store,
            desk.own_keys(settings),
            SystemClock(),
            chance,
            mail_id,
            role=said.role,
            form=form if right is not None or said.form is not None else None,
            request_id=said.request,
            reason=said.no_request,
            received_at=said.received,
        )
    desk.screen.data(done, lambda out: out.print(done.request_id or f"{done.mail_id} is no request: {done.outcome}"))
    return 0


def _right(name: str) -> Right:
    known = [one.value for one in Right]
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
        raise UsageError("no such right", where="--right", fix=fix)
    return Right(name)


def _form(source: str) -> RequestForm:
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        fix = "name a file that can be read, or - for stdin"
        raise UsageError("the form cannot be read", where=source, why=error.strerror or "", fix=fix) from None
    found = read_forms(raw, "stdin" if source == "-" else source, now=SystemClock().now())
    if len(found) != 1:
        raise UsageError(f"{len(found)} requests for one mail", where=source, fix="one; `expunge submit` takes others")
    return found[0].form


def _batches(letters: Iterator[Letter]) -> Iterator[list[Letter]]:
    """Give letters in parts that fit into memory and into one transaction."""
    part: list[Letter] = []
    held = 0
    for one in letters:
        part.append(one)
        held += len(one.raw)
        if len(part) >= _BATCH or held >= _BATCH_BYTES:
            yield part
            part, held = [], 0
    if part:
        yield part


def _waiting(row: MailRow, settings: Settings) -> WaitingMail:
    return WaitingMail(
        row.mail_id, row.arrived_at, row.dated, row.reason, row.size, settings.mail.owner, answer_by(settings, row)
    )


def answer_by(settings: Settings, row: MailRow) -> str:
    """Give the last day to answer a mail, were it a request for a copy: by all calendars, or one month without any."""
    register = policies.of(settings)
    if register is None:
        return response_due(date_of(row.arrived_at))[0].isoformat()
    promise = next((one for one in register.document.promise if one.right == Right.ACCESS.value), None)
    question = Question(
        right=Right.ACCESS.value,
        received=row.arrived_at,
        calendars=tuple(sorted({one.calendar for one in register.document.controller})),
        promise=Promise(promise.months or 0, promise.days or 0, promise.extension) if promise else None,
    )
    return answer_due(question).due.isoformat()


def _print(out: Console, found: Outcome) -> None:
    if not found.mails:
        return
    made = table("mail", "arrived", "becomes", "why")
    for one in found.mails:
        what = f"{one.becomes.replace('_', ' ')}{' for ' + one.right if one.right else ''}"
        why = REASONS.get(one.reason, one.reason) if one.reason else one.request_id
        made.add_row(one.mail_id or f"number {one.number}", one.arrived_at[:10], what, why)
    out.print(made)


def _print_waiting(out: Console, found: list[WaitingMail]) -> None:
    if not found:
        return
    made = table("mail", "arrived", "answer due", "owner", "why it waits")
    for one in found:
        arrived = words.minute(one.arrived_at) if one.dated == "received" else f"taken {words.minute(one.arrived_at)}"
        made.add_row(one.mail_id, arrived, one.answer_by, one.owner, REASONS.get(one.reason, one.reason))
    out.print(made)


def _tell(desk: Desk, found: Outcome) -> None:
    counts = ", ".join(f"{number} {name.replace('_', ' ')}" for name, number in found.counts.items()) or "no mail"
    desk.screen.say(counts, "" if found.taken else "; nothing was taken in: --take")
    if found.counts.get("unread"):
        desk.screen.say("some files cannot be read; they are told by their place in the order of names")
