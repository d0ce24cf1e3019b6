"""Intake: a request form becomes a sealed event in the journal. The only thing a CLI beside a daemon writes."""

from __future__ import annotations

import datetime as dt
import hmac
from collections.abc import Sequence

import msgspec

from orchestrator.engine.base import again
from orchestrator.errors import UsageError
from orchestrator.ports import INTAKE_SOURCE, Chance, Clock, JournalRow, Keyring, Store, Transaction
from schemas.codec import encode
from schemas.publishing import request_event
from schemas.requests import RequestForm, new_request_id, utc, validated


class Submitted(msgspec.Struct, frozen=True):
    """What became of one form. ``new`` is False where the same request was already there."""

    request_id: str
    new: bool


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

    def prepared(self, form: RequestForm) -> JournalRow:
        """Validate and seal one form; nothing is written.

        Raises:
            SchemaError: it breaks a rule; names the field.
        """
        now = self._clock.now()
        return self._row(validated(form, now=now), now)

    def note(self, tx: Transaction, prepared: Sequence[JournalRow]) -> list[Submitted]:
        """Journal prepared forms with whatever else this transaction does.

        Raises:
            UsageError: a request id is already taken by a request with other content.
        """
        result: list[Submitted] = []
        known = tx.known([(row.source, row.event_id) for row in prepared])
        fresh: dict[str, JournalRow] = {}
        for row in prepared:
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
            result.append(Submitted(row.request_id, before is None))
        tx.journal(list(fresh.values()))
        return result

    def _row(self, form: RequestForm, moment: dt.datetime) -> JournalRow:
        request_id = form.request_id or new_request_id(moment, self._chance(16))
        now = utc(moment)
        event = request_event(
            form, self._public, request_id=request_id, source=INTAKE_SOURCE, now=now, chance=self._chance
        )
        return JournalRow(
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

    def _fingerprint(self, form: RequestForm) -> bytes:
        # Keyed, since a bare hash of identifiers can be guessed (I4); over the content, since each sealing differs.
        same = msgspec.structs.replace(form, request_id=None, identifiers=tuple(sorted(form.identifiers)))
        return hmac.digest(self._subject_key, b"expunge-form-v1\0" + encode(same), "sha256")
