"""Mails become requests, or wait for a person (S43, ADR 33): by a table of rules, and never by what a text might mean.

A mail counts once, by its Message-ID. What becomes of it is committed before it may leave its folder; so wherever the
process dies, it is either still there, or taken in and known.
"""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from orchestrator.engine import mail as mails
from orchestrator.engine.base import again
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.intake import Intake, Prepared
from orchestrator.engine.mail import Mail, UnreadableError
from orchestrator.ports import Chance, Clock, Keyring, MailRow, Store, Transaction
from orchestrator.settings.mail import MailRule, MailSettings
from schemas.codec import decode_form
from schemas.errors import SchemaError
from schemas.requests import RequestForm, utc, validated

Becomes = Literal["request", "waiting", "no_request", "known", "unread"]
_ID: Final = 12
_GENERATED: Final = "written_by_program"


class Letter(msgspec.Struct, frozen=True):
    """A mail in its folder.

    Attributes:
        place: Where the folder finds it again; may say something about a person, so it is never shown.
        number: Its place in the folder, from 1.
        raw: Its bytes; of one that is too large the first; of one that cannot be read none.
        size: All bytes of it.
        unread: Why the folder cannot give it, in the words of the operating system.
    """

    place: str
    number: int
    raw: bytes
    size: int
    unread: str = ""

    def __repr__(self) -> str:
        """Hide everything (I4)."""
        return f"Letter({self.number})"


class Fate(msgspec.Struct, frozen=True, omit_defaults=True):
    """What becomes of one mail, without anything that leads to a person.

    Attributes:
        mail_id: Empty where it could not be read at all.
        becomes: ``known``: it was taken in before.
        reason: Why it waits, or why it is no request.
        leaves: It may leave its folder now.
    """

    number: int
    becomes: Becomes
    mail_id: str = ""
    arrived_at: str = ""
    right: str = ""
    reason: str = ""
    request_id: str = ""
    leaves: bool = False


class _Sorted(msgspec.Struct):
    """A mail that was looked at: the row it would be, and its request."""

    letter: Letter
    row: MailRow
    becomes: Becomes
    form: RequestForm | None = None


class MailIntake:
    """Sorts mails, and takes them in."""

    def __init__(self, store: Store, keys: Keyring, clock: Clock, chance: Chance, settings: MailSettings) -> None:
        self._store = store
        self._key = keys.subject
        self._clock = clock
        self._settings = settings
        self._box = CapsuleBox(keys.store, chance)
        self._intake = Intake(store, keys, clock, chance)

    def look(self, letters: Sequence[Letter]) -> list[Fate]:
        """Say what would become of mails; nothing is written."""
        found = self._sorted(letters)
        with self._store.read() as tx:
            known = tx.mails([one.row.mail_id for one in found])
        return [self._fate(one, known) for one in found]

    def take(self, letters: Sequence[Letter]) -> list[Fate]:
        """Take mails in, all of them or none; what is given was committed."""
        found = self._sorted(letters)
        prepared = {one.row.mail_id: self._intake.prepared(one.form) for one in found if one.form is not None}

        def write() -> list[Fate]:
            with self._store.write() as tx:
                return self._write(tx, found, prepared)

        return again(write)

    def _write(self, tx: Transaction, found: Sequence[_Sorted], prepared: dict[str, Prepared]) -> list[Fate]:
        known = tx.mails([one.row.mail_id for one in found])
        fates: list[Fate] = []
        rows: dict[str, MailRow] = {}
        requests: list[Prepared] = []
        for one in found:
            fate = self._fate(one, known | rows)
            if fate.becomes in {"request", "waiting"}:
                row = one.row
                row.sealed = self._box.seal_bytes(row.mail_id, one.letter.raw)
                if row.standing == "request":
                    requests.append(prepared[row.mail_id])
                    row.request_id = requests[-1].row.request_id
                    fate = msgspec.structs.replace(fate, request_id=row.request_id)
                rows[row.mail_id] = row
            fates.append(fate)
        self._intake.note(tx, requests)
        tx.add_mails(list(rows.values()))
        return fates

    def _fate(self, one: _Sorted, known: dict[str, MailRow]) -> Fate:
        row, letter = one.row, one.letter
        before = known.get(row.mail_id)
        if before is not None and before.content != row.content and one.becomes in {"request", "waiting"}:
            # Somebody gave two mails one id: neither may be lost, and no rule says which of them counts.
            row.mail_id = self._id(b"again\0" + row.mail_id.encode() + row.content)
            row.standing, row.reason, one.becomes, one.form = "waiting", "same_id_other_mail", "waiting", None
            before = known.get(row.mail_id)
        whole = letter.size == len(letter.raw)
        if before is not None:
            leaves = whole or before.standing != "waiting"
            known_as = before.request_id or ""
            return Fate(letter.number, "known", row.mail_id, before.arrived_at, request_id=known_as, leaves=leaves)
        return Fate(
            number=letter.number,
            becomes=one.becomes,
            mail_id=row.mail_id if one.becomes != "unread" else "",
            arrived_at=row.arrived_at if one.becomes != "unread" else "",
            right=one.form.right.value if one.form else "",
            reason=row.reason,
            leaves=whole and one.becomes != "unread",
        )

    # -- sorting ------------------------------------------------------------------------------------------
    def _sorted(self, letters: Sequence[Letter]) -> list[_Sorted]:
        now = self._clock.now()
        return [self._sort(one, now) for one in letters]

    def _sort(self, letter: Letter, now: dt.datetime) -> _Sorted:
        whole = letter.size == len(letter.raw)
        row = MailRow("", b"", utc(now), "taken", utc(now), "waiting", "", letter.size)
        if letter.unread:
            row.reason = letter.unread
            return _Sorted(letter, row, "unread")
        try:
            mail = mails.read(letter.raw, whole=whole, now=now)
        except UnreadableError:
            row.mail_id, row.content = self._id(b"raw\0" + letter.raw), self._digest(letter.raw)
            row.reason = "unreadable"
            return _Sorted(letter, row, "waiting")
        row.mail_id, row.content = self._id(mail.identity), self._digest(mail.content)
        if mail.arrived_at:
            row.arrived_at, row.dated = mail.arrived_at, "received"
        if mail.written_by == "reply":
            row.reason = "automatic_reply"
            return _Sorted(letter, row, "no_request")
        form, row.reason = (None, "too_large") if not whole else self._asked(mail, now)
        if form is None:
            return _Sorted(letter, row, "waiting")
        row.standing = "request"
        return _Sorted(letter, row, "request", form)

    def _asked(self, mail: Mail, now: dt.datetime) -> tuple[RequestForm | None, str]:
        """Give the request that a mail is by the rules, or why it is for a person."""
        if not mail.arrived_at:
            return None, "no_arrival"
        if mail.written_by == "program":
            return None, _GENERATED
        if mail.answers:
            return None, "reply"
        if mail.sender is None:
            return None, "no_sender"
        if mail.sender.value.rpartition("@")[2] in self._settings.own_domains:
            return None, "own_domain"
        matched = [one for one in self._settings.rules if _follows(one, mail)]
        asked = {msgspec.structs.replace(one, to="", subject="", header="") for one in matched}
        if len(mail.forms) > 1 or len(asked) > 1:
            return None, "several_rules"
        try:
            if mail.forms:
                return _from_form(mail, asked, now)
            if not asked:
                return None, "no_rule"
            return validated(asked.pop().form((mail.sender,), mail.arrived_at), now=now), ""
        except SchemaError:
            return None, "form_wrong"

    def _id(self, data: bytes) -> str:
        return f"mail-{self._digest(data)[:_ID].hex()}"

    def _digest(self, data: bytes) -> bytes:
        # Keyed: whoever has a mail must not find in the store, without the key, that it was taken in.
        return hmac.digest(self._key, b"expunge-mail-v1\0" + data, "sha256")


def _follows(rule: MailRule, mail: Mail) -> bool:
    if rule.to:
        return rule.to.lower() in mail.to
    if rule.subject:
        return mail.subject.startswith(" ".join(rule.subject.split()).casefold())
    name, value = rule.header_pair()
    return any(one == name and said.casefold() == value.casefold() for one, said in mail.headers)


def _from_form(mail: Mail, asked: set[MailRule], now: dt.datetime) -> tuple[RequestForm | None, str]:
    form = validated(decode_form(mail.forms[0]), now=now)
    if any(one.right is not form.right for one in asked):
        return None, "several_rules"
    if form.requester is None and mail.sender not in form.identifiers:
        # Somebody asks about somebody else, and does not say so.
        return None, "other_person"
    sure = msgspec.structs.replace(
        form, identity="unverified", received_at=mail.arrived_at, channel="mail", request_id=None
    )
    return sure, ""
