"""Intake: a request form becomes a sealed event in the journal. The only thing a CLI beside a daemon writes."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Sequence
from typing import Any

import msgspec

from orchestrator.engine.base import again
from orchestrator.errors import UsageError
from orchestrator.ports import INTAKE_SOURCE, Chance, Clock, JournalRow, Keyring, Store, Transaction
from schemas import receipts
from schemas.codec import encode
from schemas.publishing import request_event
from schemas.requests import RequestForm, new_request_id, utc, validated


class Submitted(msgspec.Struct, frozen=True, omit_defaults=True):
    """What became of one form. ``new`` is False where the same request was already there.

    ``receipt``: for the person, and for nobody else; empty where the form brought a commitment, or is not new.
    """

    request_id: str
    new: bool
    receipt: str = ""

    def __repr__(self) -> str:
        """Hide the receipt: who has it can claim the record."""
        return f"Submitted({self.request_id!r}, new={self.new})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide it from rich's tracebacks too; msgspec's own would show it."""
        return [("request_id", self.request_id), ("new", self.new)]


class Prepared(msgspec.Struct, frozen=True):
    """A form that was sealed: the row it becomes, and the receipt that is sealed in it."""

    row: JournalRow
    receipt: str

    def __repr__(self) -> str:
        """Hide the receipt."""
        return f"Prepared({self.row.request_id!r})"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide it from rich's tracebacks too."""
        return [("request_id", self.row.request_id)]


class Intake:
    """Takes requests in."""

    def __init__(self, store: Store, keys: Keyring, clock: Clock, chance: Chance) -> None:
        self._store = store
        self._subject_key = keys.subject
        self._public = keys.intake.public()
        self._clock = clock
        self._chance = chance

    def submit(self, forms: Sequence[RequestForm]) -> list[Submitted]:
        """Validate, seal and journal; all of them or none.

        Raises:
            SchemaError: a form breaks a rule; names the field.
            UsageError: a request id is already taken by a request with other content.
        """
        prepared = [self.prepared(form) for form in forms]

        def write() -> list[Submitted]:
            with self._store.write() as tx:
                return self.note(tx, prepared)

        return again(write)

    def prepared(self, form: RequestForm) -> Prepared:
        """Validate and seal one form; nothing is written.

        Raises:
            SchemaError: it breaks a rule; names the field.
        """
        now = self._clock.now()
        return self._sealed(validated(form, now=now), now)

    def note(self, tx: Transaction, prepared: Sequence[Prepared]) -> list[Submitted]:
        """Journal prepared forms with whatever else this transaction does.

        Raises:
            UsageError: a request id is already taken by a request with other content.
        """
        result: list[Submitted] = []
        known = tx.known([(one.row.source, one.row.event_id) for one in prepared])
        fresh: dict[str, JournalRow] = {}
        for one in prepared:
            row = one.row
            before = known.get((row.source, row.event_id))
            if before is None and row.event_id in fresh:
                before = fresh[row.event_id].payload_hash
            if before == b"":
                raise UsageError(
                    f"request {row.request_id} is closed and forgotten: whether this is the same cannot be told",
                    fix="use a new request_id, or leave it out and one is made",
                )
            if before is not None and before != row.payload_hash:
                raise UsageError(
                    f"request {row.request_id} exists with other content",
                    fix="use a new request_id, or leave it out and one is made",
                )
            if before is None:
                fresh[row.event_id] = row
            result.append(Submitted(row.request_id, before is None, one.receipt if before is None else ""))
        tx.journal(list(fresh.values()))
        return result

    def _sealed(self, form: RequestForm, moment: dt.datetime) -> Prepared:
        # Sealed with the request, so that what was handed out counts whatever happens before it is begun.
        receipt = "" if form.receipt_sha256 else receipts.made(self._chance(receipts.CHANCE))
        request_id = form.request_id or new_request_id(moment, self._chance(16))
        now = utc(moment)
        event = request_event(
            form, self._public, request_id=request_id, source=INTAKE_SOURCE, now=now, chance=self._chance,
            receipt=receipt,
        )  # fmt: skip
        row = JournalRow(
            source=INTAKE_SOURCE,
            event_id=request_id,
            request_id=request_id,
            type=event.type,
            observed_at=now,
            payload_hash=self._fingerprint(form),
            body=None,
            wire=encode(event),
            verdict="waiting",
        )
        return Prepared(row, receipt)

    def _fingerprint(self, form: RequestForm) -> bytes:
        # Keyed, since a bare hash of identifiers can be guessed (I4); over the content, since each sealing differs.
        same = msgspec.structs.replace(form, request_id=None, identifiers=tuple(sorted(form.identifiers)))
        return hmac.digest(self._subject_key, b"expunge-form-v1\0" + encode(same), "sha256")
