"""Takes in whatever comes from a broker: requests of any program, confirmations, and everything that is neither.

One call is one transaction: what the events cause, and up to where the topics were consumed (decision 2). An event
that cannot be applied goes to the dead letters, alone. One that cannot be applied *yet* is parked, and tried again:
sealed to a key that is not held (never given up), or of something that is not known (given up after a day).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import re
from collections.abc import Container, Sequence
from typing import Final

import msgspec

from orchestrator.core.events import Incident
from orchestrator.core.model import RequestState
from orchestrator.core.moments import later
from orchestrator.engine import wire
from orchestrator.engine.answers import Answers, Opened, opened_confirmation
from orchestrator.engine.base import BATCH, STOPS, again
from orchestrator.engine.batch import DEAD, INTERNAL_SOURCE, Batch
from orchestrator.engine.conflicts import BEFORE
from orchestrator.engine.people import People
from orchestrator.engine.waiting import Waiting, refuse
from orchestrator.errors import UsageError
from orchestrator.ports import INTAKE_SOURCE, TOO_EARLY, JournalRow, ParkedRow, Position, Transaction
from schemas import envelope
from schemas.codec import decode_event
from schemas.envelope import CloudEvent
from schemas.errors import SchemaError, UnknownKeyError
from schemas.requests import CLOCK_SKEW, parse_time, utc
from schemas.tasks import Action

PATIENCE: Final = dt.timedelta(days=1)
"""How long an answer may come before what it belongs to is known."""
UNKNOWN_KEY: Final = "unknown_key"
_FIRST_RETRY: Final = 2
_LAST_RETRY: Final = 300
"""Seconds between two tries."""
_OWN_SOURCES: Final = (INTAKE_SOURCE, INTERNAL_SOURCE, wire.SOURCE, "/timers", "/package", "/operator", "/retention")
_SYSTEMS: Final = "/systems/"
_NUMBERED: Final = re.compile(r"\.([0-9]{1,9})\.[^.]+\.[a-z]+\.([0-9]{1,9})\Z")
"""Episode and attempt in the id of a task (``core.work``)."""


class Inbound(msgspec.Struct):
    """One event as it came. ``parked``: it was tried before."""

    raw: bytes
    parked: ParkedRow | None = None


class _Request(msgspec.Struct):
    row: JournalRow
    opened: wire.OpenedRequest
    trace: str
    inbound: Inbound


class _Answer(msgspec.Struct):
    opened: Opened
    inbound: Inbound


class Receiving(Waiting, Answers):
    """Events from topics."""

    def receive(self, events: Sequence[bytes], positions: Sequence[Position] = (), *, group: str = "") -> int:
        """Take in events, in any order and however often they come; returns how many counted.

        Args:
            events: CloudEvents, one each, as they came: from programs that may be wrong or lie.
            positions: Up to where the topics were consumed, these events included; saved in the same transaction.
            group: The consumer group whose positions they are.

        Raises:
            DependencyError: the store cannot be used; nothing of this call counts.
            UsageError: a state was written by a newer version.
        """
        return self._receive([Inbound(raw) for raw in events], positions, group)

    def replay_parked(self, limit: int = BATCH, *, everything: bool = False) -> int:
        """Try parked events again whose time has come; returns how many there were.

        Args:
            limit: Most events of this call.
            everything: Do not wait for their time: a key came, or a request that was lost.
        """
        now = "9999" if everything else utc(self._clock.now())

        def replay() -> tuple[int, list[Batch]]:
            with self.store.write() as tx:
                rows = tx.take_parked(now, limit)
                events = [Inbound(self._box.open_bytes(row.request_id, row.sealed), row) for row in rows]
                tx.states(_subjects(events))  # as in ``_apart``
                return len(rows), [self._take_in_alone(tx, one) for one in events]

        count, batches = again(replay)
        for one in batches:
            self._done(one, "received")
        return count

    def _receive(self, events: Sequence[Inbound], positions: Sequence[Position], group: str) -> int:
        try:
            return again(lambda: self._together(events, positions, group))
        except STOPS:
            raise
        except Exception:  # noqa: BLE001 - one event is to blame: find it (section 8)
            return again(lambda: self._apart(events, positions, group))

    def _together(self, events: Sequence[Inbound], positions: Sequence[Position], group: str) -> int:
        with self._batch("received") as batch:
            self._take_in(batch, events)
            batch.tx.save_positions(group, positions)
            return batch.applied

    def _apart(self, events: Sequence[Inbound], positions: Sequence[Position], group: str) -> int:
        """The same in one transaction too, each event under a savepoint of its own: only the culprit is undone."""
        with self.store.write() as tx:
            # All rows at first, in the order in which every transaction asks for them: two of these would wait for
            # each other, each for a request that the other has come to before.
            tx.states(_subjects(events))
            batches = [self._take_in_alone(tx, one) for one in events]
            tx.save_positions(group, positions)
        for one in batches:
            self._done(one, "received")
        return sum(one.applied for one in batches)

    def _take_in_alone(self, tx: Transaction, one: Inbound) -> Batch:
        error = ""
        for _ in range(2):  # the row that is in the way may be one that another process has just written
            try:
                with tx.savepoint():
                    batch = self._begin(tx)
                    self._take_in(batch, [one])
                    batch.flush()
            except STOPS:
                raise
            except Exception as failure:  # noqa: BLE001 - found: it is this one
                error = type(failure).__name__
            else:
                return batch
        batch = self._begin(tx)
        batch.bury("unknown", "unknown", "unknown", error, one.raw)
        batch.flush()
        return batch

    # -- one batch ----------------------------------------------------------------------------------------
    def _take_in(self, batch: Batch, events: Sequence[Inbound]) -> None:
        requests: list[_Request] = []
        answers: list[_Answer] = []
        for one in events:
            sorted_out = self._read(batch, one)
            if isinstance(sorted_out, _Request):
                requests.append(sorted_out)
            elif sorted_out is not None:
                answers.append(sorted_out)
        # People before rows: all that another transaction may wait for is asked for in one order.
        people = People(batch, self.keys.subject, [one.opened for one in requests])
        named = [*(one.row.request_id for one in requests), *(one.opened.confirmation.request_id for one in answers)]
        batch.load([*named, *people.first()])
        known = _known(batch, requests, answers)
        taken = batch.tx.retired([one.row.request_id for one in requests if one.row.request_id not in batch.states])
        for request in sorted(requests, key=lambda one: one.opened.message.right not in BEFORE):
            batch.trace = request.trace
            self._request(batch, request, people, known, taken)
        people.write()
        for answer in answers:
            self._answer(batch, answer, known)

    def _read(self, batch: Batch, one: Inbound) -> _Request | _Answer | None:
        """Read an event as far as its own bytes allow; one that leads nowhere is buried or parked here."""
        try:
            event = decode_event(one.raw)
        except SchemaError as error:
            batch.bury("unknown", "unknown", "unknown", type(error).__name__, one.raw)
            return None
        source, event_id, request_id = (wire.sayable(text) for text in (event.source, event.id, event.subject))
        try:
            match event.type:
                case envelope.REQUEST_RECEIVED:
                    return self._read_request(batch, event, one)
                case envelope.CONFIRMATION:
                    return _Answer(opened_confirmation(event, one.raw, self.keys), one)
                case _:
                    batch.bury(source, event_id, request_id, "UnexpectedType", one.raw)
        except UnknownKeyError:
            request_id = wire.subject_of(event.subject)
            _park(batch, one, event, UNKNOWN_KEY, self._box.seal_bytes(request_id, one.raw), None, request_id)
        except (SchemaError, UsageError) as error:
            batch.bury(source, event_id, request_id, type(error).__name__, one.raw)
        return None

    def _read_request(self, batch: Batch, event: CloudEvent, one: Inbound) -> _Request | None:
        if event.source in _OWN_SOURCES or event.source.startswith(_SYSTEMS):
            # Else a program could use up the ids of what the engine itself notes.
            batch.bury(event.source, wire.sayable(event.id), wire.sayable(event.subject), "ReservedSource", one.raw)
            return None
        opened = wire.open_request(event, event.subject, self.keys)
        received = parse_time(opened.message.received_at, where="$.received_at")
        if received > self._clock.now() + CLOCK_SKEW:
            # The deadline counts from it: one that lies years ahead would never be near.
            raise SchemaError("request.received_at.future", "received_at lies in the future", where="$.received_at")
        row = JournalRow(
            source=event.source,
            event_id=event.id,
            request_id=event.subject,
            type=event.type,
            observed_at=batch.now,
            payload_hash=wire.digest(bytes(event.data))[0],
            body=None,
            wire=one.raw,
            verdict="waiting",
        )
        return _Request(row, opened, event.traceparent, one)

    def _request(self, batch: Batch, one: _Request, people: People, known: _Known, taken: Container[str]) -> None:
        row = one.row
        key, before = (row.source, row.event_id), known.get((row.source, row.event_id))
        if before == row.payload_hash:
            batch.repeated += 1
            return
        if before is not None:
            _contradiction(batch, row, one.inbound.raw, known)
            return
        if row.request_id in batch.states or row.request_id in taken:
            # Somebody's request, and not this one: it must not vanish without a trace.
            batch.bury(row.source, row.event_id, row.request_id, "RequestIdTaken", one.inbound.raw)
            refuse(batch, row, "ignored: the request id is taken")
        elif self._accept(batch, row, one.inbound.raw, one.opened, people) == DEAD:
            return
        known[key] = row.payload_hash

    def _answer(self, batch: Batch, one: _Answer, known: _Known) -> None:
        opened, parked = one.opened, one.inbound.parked
        if opened.confirmation.action is Action.SWEEP:
            self._apply_confirmation(batch, opened, known)
            return
        state = batch.states.get(opened.confirmation.request_id)
        early = state is None or _not_issued(state, opened)
        fresh = (opened.source, opened.event_id) not in known
        if early and fresh and (parked is None or batch.now < (parked.until or "")):
            event = decode_event(one.inbound.raw)
            sealed = self._box.seal_bytes(opened.confirmation.request_id, one.inbound.raw)
            until = utc(self._clock.now() + PATIENCE)
            _park(batch, one.inbound, event, TOO_EARLY, sealed, until, opened.confirmation.request_id)
        else:
            self._apply_confirmation(batch, opened, known)


def _subjects(events: Sequence[Inbound]) -> list[str]:
    """Give the requests that events say they are about; what cannot be read says nothing."""
    found: set[str] = set()
    for one in events:
        with contextlib.suppress(SchemaError):
            found.add(wire.subject_of(decode_event(one.raw).subject))
    return sorted(found)


_Known = dict[tuple[str, str], bytes]


def _known(batch: Batch, requests: Sequence[_Request], answers: Sequence[_Answer]) -> _Known:
    """Ask what was accepted before; only where contents differ, whether that was noticed before too."""
    keys = [(one.row.source, one.row.event_id, one.row.payload_hash) for one in requests]
    keys += [(one.opened.source, one.opened.event_id, one.opened.payload_hash) for one in answers]
    known = batch.tx.known([(source, event_id) for source, event_id, _ in keys])
    other = [
        (source, _another(event_id, payload_hash))
        for source, event_id, payload_hash in keys
        if known.get((source, event_id), payload_hash) != payload_hash
    ]
    return known | batch.tx.known(other) if other else known


def _another(event_id: str, payload_hash: bytes) -> str:
    """Give the id under which another content of an accepted event is noted."""
    return f"{event_id}.{payload_hash.hex()[:16]}"


def _contradiction(batch: Batch, row: JournalRow, raw: bytes, known: _Known) -> None:
    """The same event id with another content: the first one stands, and a person is told."""
    noted = (row.source, _another(row.event_id, row.payload_hash))
    if noted in known:
        return
    known[noted] = row.payload_hash
    batch.bury(row.source, row.event_id, row.request_id, "IncidentError", raw)
    if row.request_id in batch.states:
        incident = Incident(request_id=row.request_id, observed_at=batch.now, reason="contradictory_request")
        batch.apply(incident, *noted, raw, payload_hash=row.payload_hash)
    else:
        refuse(batch, msgspec.structs.replace(row, event_id=noted[1]), "ignored: contradictory")


def _not_issued(state: RequestState, one: Opened) -> bool:
    """Tell whether a task is answered that was never issued: the store is an older one than the answer (recover)."""
    system = state.systems.get(one.confirmation.system)
    number = _NUMBERED.search(one.confirmation.task_id)
    if system is None or number is None:
        return False
    return (int(number[1]), int(number[2])) > (state.episode, system.attempt)


def _park(
    batch: Batch,
    one: Inbound,
    event: CloudEvent,
    reason: str,
    sealed: bytes,
    until: str | None,
    request_id: str,
) -> None:
    parked = one.parked
    tries = parked.tries if parked else 0
    pause = min(_FIRST_RETRY * 2 ** min(tries, 16), _LAST_RETRY)
    row = ParkedRow(
        event_id=event.id,
        source=event.source,
        payload_hash=wire.digest(bytes(event.data))[0],
        request_id=request_id,
        type=event.type,
        reason=reason,
        parked_at=parked.parked_at if parked else batch.now,
        tries=tries + 1,
        retry_at=later(batch.now, seconds=pause),
        until=parked.until if parked else until,
        sealed=sealed,
    )
    batch.tx.park([row])
    if parked is None:
        batch.parked.append((request_id, reason))
