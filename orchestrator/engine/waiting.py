"""Applies what waits in the journal: requests that intake took in, and what other programs and requests noted."""

from __future__ import annotations

from typing import Final

import msgspec

from orchestrator.core.commands import COMMANDS, AnyCommand
from orchestrator.core.commands_deciding import HoldReleased, SetDecided
from orchestrator.core.commands_identity import IdentityConfirmed
from orchestrator.core.commands_returning import Restored
from orchestrator.core.events import Event, OtherClosed, OtherOpened, Resumed
from orchestrator.core.work import DECISIONS
from orchestrator.engine import wire
from orchestrator.engine.base import BATCH, STOPS, Base, a_role, again, one_by_one
from orchestrator.engine.batch import APPLIED, DEAD, Batch
from orchestrator.engine.conflicts import BEFORE, unconfirmed
from orchestrator.engine.people import People
from orchestrator.engine.stored import load_state
from orchestrator.engine.swept import DUE, open_due
from orchestrator.errors import UsageError
from orchestrator.ports import Clock, JournalRow, Store
from schemas import envelope
from schemas.codec import decode, decode_event, encode
from schemas.errors import SchemaError, UnknownKeyError
from schemas.requests import utc

_WAITING: Final[dict[str, type[Resumed | OtherClosed | OtherOpened | AnyCommand]]] = {
    "Resumed": Resumed,
    "OtherClosed": OtherClosed,
    "OtherOpened": OtherOpened,
    **{one.__name__: one for one in COMMANDS},
}
"""Events that wait in the journal as the core knows them."""
_REQUESTS: Final = frozenset({envelope.REQUEST_RECEIVED, DUE})


class Waiting(Base):
    """Requests, and events that wait in the journal."""

    _at_work: frozenset[int] | set[int] = frozenset()

    def apply_waiting(self, limit: int = BATCH) -> int:
        """Apply events that were accepted but not applied yet; returns how many there were.

        Raises:
            UsageError: a request was sealed to a key that is not held, or worked on by a newer version.
            DependencyError: the store cannot be used.
        """
        with self.store.read() as tx:
            if not tx.waiting(1):
                return 0
        try:
            return again(lambda: self._apply_waiting(limit))
        except STOPS:
            raise
        except Exception as error:  # noqa: BLE001 - one event is to blame: find it (section 8)
            if limit > 1:
                return one_by_one(lambda: self.apply_waiting(1), limit)
            failed = type(error).__name__
            return again(lambda: self._bury_waiting(failed))

    def _apply_waiting(self, limit: int) -> int:
        with self._batch("waiting") as batch:
            # One process at a time: what was handed in first is begun first, an access before an erasure.
            if not batch.tx.alone("waiting"):
                return 0
            rows = batch.tx.waiting(limit)
            self._at_work = {row.seq for row in rows}
            # Their journal rows are written anew: the journal's order is the order of application, for the replay.
            batch.tx.take_waiting(rows)
            opened = {row.seq: self._open(batch, row) for row in rows if row.type in _REQUESTS}
            # People before rows: all that another transaction may wait for is asked for in one order.
            confirmed = [row.request_id for row in rows if row.type == IdentityConfirmed.__name__]
            people = People(batch, self.keys.subject, [one for one in opened.values() if one is not None], confirmed)
            batch.load([*(row.request_id for row in rows), *people.first()])
            for row in sorted(rows, key=lambda one: not _is_first(opened.get(one.seq))):
                self._apply_row(batch, row, opened.get(row.seq), people)
            people.write()
            return len(rows)

    def _bury_waiting(self, error: str) -> int:
        with self._batch("waiting") as batch:
            # Another process may have taken the one that failed here: the next one is not to blame.
            rows = [row for row in batch.tx.waiting(1) if row.seq in self._at_work]
            batch.tx.take_waiting(rows)
            batch.load(row.request_id for row in rows)
            for row in rows:
                batch.bury(row.source, row.event_id, row.request_id, error, row.wire or b"")
                batch.incident(row.request_id, "internal_error", row.event_id)
                refuse(batch, row)
            return len(rows)

    def _open(self, batch: Batch, row: JournalRow) -> wire.OpenedRequest | None:
        if row.type == DUE:
            return open_due(row, self._box)
        try:
            return wire.open_request(decode_event(row.wire or b""), row.request_id, self.keys)
        except UnknownKeyError:
            raise UsageError(
                "a request waits that was sealed to another intake key",
                where=f"request {row.request_id}",
                fix="restore keys/intake.jwk; nothing is lost meanwhile",
            ) from None
        except SchemaError as error:
            batch.bury(row.source, row.event_id, row.request_id, type(error).__name__, row.wire or b"")
            return None

    def _apply_row(self, batch: Batch, row: JournalRow, opened: wire.OpenedRequest | None, people: People) -> None:
        original = row.wire or b""
        if row.type not in _REQUESTS:
            if row.type not in _WAITING:
                raise UsageError(
                    "an event waits that a newer version has noted",
                    where=f"request {row.request_id}",
                    fix="install the newer version; nothing was changed",
                )
            waited = decode(original, _WAITING[row.type])
            event: Event = msgspec.structs.replace(waited, observed_at=batch.now)
            if isinstance(event, Resumed | HoldReleased | Restored | SetDecided):
                # What was mended may be a data map. Stamped here and not when it was noted: the connectors of the
                # process that applies it are those that will answer.
                event = msgspec.structs.replace(event, plan_sha256=self._plans.digest)
            elif isinstance(event, IdentityConfirmed):
                event = msgspec.structs.replace(event, afresh=True)
            before = batch.states.get(row.request_id)
            verdict = batch.apply(event, row.source, row.event_id, original, payload_hash=row.payload_hash)
            if isinstance(event, IdentityConfirmed) and verdict == APPLIED and unconfirmed(before):
                people.confirmed(row.request_id)
            if isinstance(event, Resumed):
                self.hints.note(self._holdback.release([row.request_id]), None)
        elif opened is None:
            verdict = DEAD
        elif row.request_id in batch.states:
            refuse(batch, row, "ignored: the request is already known")
            return
        else:
            verdict = self._accept(batch, row, original, opened, people)
        if verdict == DEAD:
            refuse(batch, row)

    def _accept(
        self, batch: Batch, row: JournalRow, original: bytes, opened: wire.OpenedRequest, people: People
    ) -> str:
        """Begin a request; returns the verdict."""
        right = opened.message.right
        others = people.waits_for(row.request_id, right)
        capsule = self._box.new()
        copies = people.copies(row.request_id, right)
        holds, ended = people.holds(row.request_id, right), people.ended(row.request_id, right)
        event = wire.accept(opened, capsule, self._plans.digest, others, batch.now, copies, holds, ended)
        verdict = batch.apply(event, row.source, row.event_id, original, payload_hash=row.payload_hash, capsule=capsule)
        if verdict == APPLIED:
            people.accepted(row.request_id, right, others)
        return verdict

    def resume(self, request_id: str, role: str) -> None:
        """Note that somebody mended the cause; applied with what waits. As ``resume`` of this module."""
        resume(self.store, self._clock, request_id, role)


def resume(store: Store, clock: Clock, request_id: str, role: str) -> None:
    """Note that somebody mended the cause; whoever works on the store applies it with what waits.

    Raises:
        UsageError: no role but a name, no such request, or nothing of it waits for a person.
    """
    a_role(role)
    now = utc(clock.now())

    def note() -> None:
        with store.write() as tx:
            state = load_state(tx, request_id)
            if not state.attention:
                raise UsageError(f"request {request_id} does not wait for a person", fix="see `expunge list`")
            if all(one.reason in DECISIONS for one in state.attention):
                why = "nothing is broken: it waits for a decision, or for the person"
                fix = f"see what to do in `expunge show {request_id}`"
                raise UsageError("it cannot be tried again", where=f"request {request_id}", why=why, fix=fix)
            before = [row for row in tx.history(request_id) if row.type == Resumed.__name__]
            if before and before[-1].wire is not None:
                return
            body = encode(Resumed(request_id=request_id, observed_at=now, role=role))
            event_id = f"{request_id}.resumed.{len(before) + 1}"
            row = JournalRow(
                "/operator", event_id, request_id, Resumed.__name__, now, wire.digest(body)[0], None, body, "waiting"
            )
            tx.journal([row])

    again(note)


def refuse(batch: Batch, row: JournalRow, verdict: str = DEAD) -> None:
    """Keep the id of an event that waited and does not count: it was accepted, and is not accepted again."""
    batch.journal.append(msgspec.structs.replace(row, wire=None, body=None, observed_at=batch.now, verdict=verdict))


def _is_first(opened: wire.OpenedRequest | None) -> bool:
    return opened is not None and opened.message.right in BEFORE
