"""Commands by which a person in charge decides about a request: each is journaled with a role, never a name."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec

from orchestrator.cli.desk import Desk
from orchestrator.core.asked import Balance
from orchestrator.core.commands import AnyCommand, RequestWithdrawn
from orchestrator.core.commands_recipients import RecipientAnswered
from orchestrator.core.commands_rights import DoneByHand, LiftOrdered, ObjectionBalanced
from orchestrator.engine import commands
from orchestrator.errors import UsageError
from orchestrator.runtime.clock import SystemClock
from orchestrator.store.migrate import check as check_tables
from schemas.errors import SchemaError
from schemas.requesters import is_day
from schemas.requests import parse_time, utc

_LARGEST_DOCUMENT: Final = 100 << 20


def withdraw(desk: Desk, request_id: str, role: str) -> int:
    """End a request because the person does not want it any more.

    Raises:
        UsageError: no such request, or it is closed.
    """
    return _give(desk, RequestWithdrawn(request_id=request_id, observed_at="", role=role), "ends")


def give(desk: Desk, command: AnyCommand, what: str) -> int:
    """Note any command.

    Args:
        desk: Where it is noted.
        command: Its times are filled in.
        what: What happens to the request with the next turn, e.g. ``ends``.

    Raises:
        UsageError: no such request, or the command may not be given now.
    """
    return _give(desk, command, what)


def moment(text: str | None) -> str:
    """Read a day or a time as it stands on the command line; nothing stands for now.

    Raises:
        UsageError: it is neither.
    """
    if not text:
        return ""
    try:
        return utc(parse_time(f"{text}T00:00:00Z" if is_day(text) else text, where="the time"))
    except SchemaError as error:
        raise UsageError(
            f"{text!r} is no time",
            where="the command line",
            why=error.message,
            fix="2026-01-31, or 2026-01-31T09:30:00Z",
        ) from None


def lift(desk: Desk, request_id: str, role: str) -> int:
    """Lift a restriction: the person is told first.

    Raises:
        UsageError: no such request, or nothing is restricted by it.
    """
    return _give(desk, LiftOrdered(request_id=request_id, observed_at="", role=role), "tells the person")


def balance(desk: Desk, request_id: str, role: str, decided: Balance, reason: str) -> int:
    """Decide on an objection.

    Raises:
        UsageError: no such request, no objection, or it was weighed before.
    """
    command = ObjectionBalanced(request_id=request_id, observed_at="", role=role, balance=decided, why=reason)
    return _give(desk, command, "goes on")


def attest(desk: Desk, request_id: str, role: str, place: str, document: Path) -> int:
    """Say that something was done by hand; of the document only its SHA-256 is kept.

    Args:
        desk: Surroundings of the command.
        request_id: Which request.
        role: Who says so.
        place: ``SYSTEM`` or ``SYSTEM/RECORD_SET``; empty where no system is asked anything.
        document: What proves it; read here, and neither stored nor named.

    Raises:
        UsageError: nothing is to be done by hand there, or the document cannot be read.
    """
    digest = digest_of(document)
    system, _, record_set = place.partition("/")
    command = DoneByHand(
        request_id=request_id,
        observed_at="",
        role=role,
        system=system,
        record_set=record_set,
        document_sha256=digest,
    )
    return _give(desk, command, "takes your word for it")


def answer(desk: Desk, command: RecipientAnswered, document: Path) -> int:
    """Note what a processor or recipient says; of the document only its SHA-256 is kept.

    Raises:
        UsageError: it has no such task, the answer lacks something, or the document cannot be read.
    """
    command = msgspec.structs.replace(command, document_sha256=digest_of(document))
    return _give(desk, command, "takes this answer in")


def digest_of(document: Path) -> str:
    """Give the SHA-256 of a document, read piece by piece; it is neither stored nor named.

    Raises:
        UsageError: it cannot be read, or is larger than any document that proves something.
    """
    try:
        if not document.is_file():
            raise UsageError("the document is no file", fix="name a file that can be read")
        if document.stat().st_size > _LARGEST_DOCUMENT:
            raise UsageError(
                "the document is too large to be a proof",
                why=f"more than {_LARGEST_DOCUMENT >> 20} MiB",
                fix="give the page or the ticket that says it, and keep the rest where it is",
            )
        with document.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        fix = "name a file that can be read"
        raise UsageError("the document cannot be read", why=error.strerror or "", fix=fix) from None


def _give(desk: Desk, command: AnyCommand, what: str) -> int:
    with desk.store() as store:
        check_tables(store.engine)
        event_id = commands.give(store, SystemClock(), command)
    desk.screen.say(f"noted as {event_id}; request {command.request_id} {what} with the next turn of the orchestrator")
    return 0
