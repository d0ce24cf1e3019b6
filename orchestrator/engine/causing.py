"""What the effects of one event become: rows to write, sealed, signed and wrapped. Nothing is written here."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any, Final

import msgspec

from orchestrator.core.effects import AssemblePackage, Complete, Effect, Forget, IssueTask, Notice, Recall
from orchestrator.core.model import RequestState
from orchestrator.engine import wire
from orchestrator.engine.capsule import Capsule
from orchestrator.engine.conflicts import AWAITED, RESTRICTING
from orchestrator.ledger import entries, outline, record
from orchestrator.ports import Chance, Keyring, LeafRow, OutboxRow, Publication
from schemas import topics
from schemas.codec import encode

PACKAGE_SYSTEM: Final = "_package"
"""Name under which package jobs wait in the outbox; no connector can have it."""


class Caused(msgspec.Struct):
    """What one event causes."""

    outbox: list[OutboxRow] = []
    notices: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []
    suppressions: list[dict[str, Any]] = []
    outgoing: list[Publication] = []
    leaves: list[LeafRow] = []
    capsule: Capsule | None = None
    closes_first: bool = False


class Realiser:
    """Turns the core's effects into rows, at one moment."""

    def __init__(self, keys: Keyring, chance: Chance, now: str, *, publish: bool) -> None:
        """Take what sealing and signing need. ``publish``: there is a broker, through which others are told."""
        self._keys = keys
        self._chance = chance
        self._now = now
        self._publish = publish

    def realise(self, request_id: str, effects: tuple[Effect, ...], capsule: Capsule | None, trace: str) -> Caused:
        """Give what the effects of one event cause. ``capsule``: the request's, with what the event brings.

        Raises:
            LookupError: a task has to be sealed, and the capsule is gone.
        """
        caused = Caused(capsule=capsule)
        for effect in effects:
            match effect:
                case IssueTask():
                    if capsule is None:
                        raise LookupError("the capsule is gone")
                    body = wire.task_event(request_id, effect, capsule, self._keys, self._chance, self._now, trace)
                    caused.outbox.append(
                        OutboxRow(effect.task_id, request_id, effect.system, effect.due_on, effect.lease_minutes, body)
                    )
                case AssemblePackage():
                    caused.outbox.append(
                        OutboxRow(effect.job_id, request_id, PACKAGE_SYSTEM, effect.due_on, 0, encode(effect))
                    )
                case Notice():
                    body = wire.notice_event(request_id, effect, self._now, trace)
                    caused.notices.append({"notice_id": effect.notice_id, "request_id": request_id, "body": body})
                    if effect.kind == "answer":
                        caused.leaves.append(self._answered(request_id, effect, body))
                    if self._publish:
                        caused.outgoing.append(outgoing(topics.NOTICES, effect.notice_id, request_id, body))
                case Complete():
                    caused.records.append(signed := self._sign(request_id, effect))
                    fact = entries.fact_of_record(effect.record.number, corrects=effect.record.corrects is not None)
                    leaf = LeafRow(request_id, fact, self._now, entries.entry_of(signed["jws"]), None)
                    caused.leaves.append(leaf)
                    if self._publish:
                        body = wire.completion_event(signed, self._now, trace)
                        caused.outgoing.append(outgoing(topics.COMPLETIONS, signed["record_id"], request_id, body))
                    caused.closes_first = effect.record.right in AWAITED | RESTRICTING
                case Recall():
                    pass  # the batch does it: it knows what has left
                case Forget():
                    caused.capsule = _shrunk(capsule, effect)
        return caused

    def received(self, state: RequestState) -> LeafRow:
        """Give the leaf that says that a request was taken in."""
        said = entries.Received(
            1, state.request_id, state.right.value, state.controllers, state.received_at, state.due_on, "",
            state.receipt_sha256 or None,
        )  # fmt: skip
        return self._stated(state.request_id, entries.RECEIVED, said)

    def _answered(self, request_id: str, notice: Notice, body: bytes) -> LeafRow:
        record_id = notice.facts["record"]
        digest = hashlib.sha256(body).hexdigest()
        said = entries.Answered(1, request_id, record_id, self._now, digest, "")
        return self._stated(request_id, f"{entries.ANSWERED}.{record_id.rpartition('.')[2]}", said)

    def _stated(self, request_id: str, fact: str, said: entries.Statement) -> LeafRow:
        # Of another form than a record's id, so that no two documents have one salt.
        salt = hmac.digest(self._keys.log, f"{request_id}/{fact}".encode(), "sha256")
        document = entries.written(said, salt)
        return LeafRow(request_id, fact, self._now, entries.entry_of(document), document)

    def _sign(self, request_id: str, effect: Complete) -> dict[str, Any]:
        one = effect.record
        salt = hmac.digest(self._keys.log, one.record_id.encode(), "sha256")
        jws = record.sign(one, salt, self._keys.signer)
        return {
            "record_id": one.record_id,
            "request_id": request_id,
            "number": one.number,
            "completed_at": one.completed_at,
            "jws": jws,
            "outline": outline.make(jws, outline.salts(self._keys.log, one.record_id), self._keys.signer),
        }


def outgoing(topic: topics.Topic, event_id: str, request_id: str, body: bytes) -> Publication:
    """Give an event that others are told."""
    return Publication(f"{topic.name}/{event_id}", topic.name, request_id, body)


def _shrunk(capsule: Capsule | None, effect: Forget) -> Capsule | None:
    if capsule is None:
        return None
    keep = set(effect.keep)
    return Capsule(
        capsule.secret,
        {ref: one for ref, one in capsule.identifiers.items() if ref in keep},
        {name: one for name, one in capsule.handles.items() if name in effect.systems},
        capsule.package_key if effect.package else b"",
    )
