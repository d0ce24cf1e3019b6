"""What a person makes of a mail that waited: a request, a part of one, or none; and what it says, for that person."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import msgspec

from orchestrator.core.model import Phase
from orchestrator.engine import mail as mails
from orchestrator.engine.base import a_role, again
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.intake import Intake, Prepared
from orchestrator.engine.mail import Mail, UnreadableError
from orchestrator.engine.stored import read_state
from orchestrator.errors import UsageError
from orchestrator.ports import Chance, Clock, Keyring, MailRow, Store
from schemas.requesters import is_code
from schemas.requests import RequestForm, parse_time, utc


class Settlement(msgspec.Struct, frozen=True):
    """What a person made of a mail that waited."""

    mail_id: str
    outcome: str
    request_id: str = ""


def opened(store: Store, keys: Keyring, chance: Chance, name: str) -> list[bytes]:
    """Give what a mail says, or the mails of a request.

    Raises:
        UsageError: there is no such mail, or what it said is forgotten.
    """
    with store.read() as tx:
        one = tx.mail(name)
        found = [one] if one else tx.mails_of(name)
    if not found:
        raise UsageError(
            "there is no such mail", where=name, fix="an id of `expunge intake mail --waiting`, or of a request"
        )
    box = CapsuleBox(keys.store, chance)
    plain = [box.open_bytes(row.mail_id, row.sealed) for row in found if row.sealed is not None]
    if not plain:
        why = "what a mail says goes with the close of its request, or when it is settled as none"
        raise UsageError(
            "what it said is forgotten", where=name, why=why, fix="see the mailbox itself, if it still has it"
        )
    return plain


def settle(
    store: Store,
    keys: Keyring,
    clock: Clock,
    chance: Chance,
    mail_id: str,
    *,
    role: str,
    form: Callable[[Mail | None, MailRow], RequestForm] | None = None,
    request_id: str = "",
    reason: str = "",
    received_at: str = "",
) -> Settlement:
    """Say what a mail that waited is: a request, a part of one, or none.

    Args:
        store: The authority.
        keys: To open the mail, and to seal the request.
        clock: Stamps it.
        chance: Nonces and ids.
        mail_id: Of the list of those that wait.
        role: Who says so.
        form: Makes the request out of the mail (None where it cannot be read).
        request_id: The request that it is a part of.
        reason: Why it is no request, a code.
        received_at: When it arrived, where the mail's server does not say; RFC 3339.

    Raises:
        UsageError: no role, no such mail, it does not wait, or nothing was said of it; nothing is written then.
        SchemaError: the form breaks a rule.
    """
    a_role(role)
    if reason and not is_code(reason):
        raise UsageError(
            "why it is no request is told by a code",
            where="--no-request",
            fix="e.g. --no-request spam; never free text",
        )
    now = clock.now()
    with store.read() as tx:
        row = tx.mail(mail_id)
    if row is None or row.sealed is None or row.standing != "waiting":
        raise _not_waiting(mail_id, "there is no such mail" if row is None else "it does not wait for anybody")
    prepared: Prepared | None = None
    intake = Intake(store, keys, clock, chance)
    if form is not None:
        if received_at:
            row.arrived_at = utc(parse_time(received_at, where="--received"))
        elif row.dated != "received":
            raise UsageError(
                "nobody knows when it arrived", where=mail_id, fix="--received, a time with zone (RFC 3339)"
            )
        raw = CapsuleBox(keys.store, chance).open_bytes(mail_id, row.sealed)
        prepared = intake.prepared(form(_readable(raw, row, now), row))

    def write() -> Settlement:
        with store.write() as tx:
            if request_id and not tx.history(request_id):
                raise UsageError("there is no such request", where=request_id, fix="see `expunge list`")
            target = prepared.row.request_id if prepared is not None else request_id
            outcome = "request" if prepared is not None else "part_of_request" if request_id else reason
            if not tx.settle_mail(mail_id, at=utc(now), role=role, outcome=outcome, request_id=target or None):
                raise _not_waiting(mail_id, "it does not wait for anybody")
            if prepared is not None:
                intake.note(tx, [prepared])
            state = tx.states([request_id]).get(request_id) if request_id else None
            if state is not None and read_state(request_id, state).phase is Phase.CLOSED:
                tx.drop_mails([request_id])  # as with the mails that it began with
            return Settlement(mail_id, outcome, target)

    return again(write)


def _not_waiting(mail_id: str, what: str) -> UsageError:
    return UsageError(what, where=mail_id, fix="see `expunge intake mail --waiting`")


def _readable(raw: bytes, row: MailRow, now: dt.datetime) -> Mail | None:
    try:
        return mails.read(raw, whole=len(raw) == row.size, now=now)
    except UnreadableError:
        return None
