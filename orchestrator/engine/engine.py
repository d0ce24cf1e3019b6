"""The engine: applies what waits in the journal, confirmations and timers; gives out tasks. One transaction a batch.

Both runtimes call it; it knows no threads, no broker and no clock but the port.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from orchestrator.core.effects import AssemblePackage
from orchestrator.core.events import Event, Incident, PackageAssembled, Resumed, TimerFired
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan
from orchestrator.engine import wire
from orchestrator.engine.batch import PACKAGE_SYSTEM, Batch, Hints, Plans
from orchestrator.engine.capsule import CapsuleBox, subject_ref
from orchestrator.errors import UsageError
from orchestrator.ports import Chance, Clock, JournalRow, Keyring, Store, Transaction
from schemas import envelope
from schemas.codec import decode, decode_confirmation, decode_event, encode
from schemas.errors import SchemaError, UnknownKeyError
from schemas.identifiers import Strength, strength_of
from schemas.requests import Right, utc
from schemas.tasks import Confirmation, Findings, Task

_NEVER: Final = "9999"
BATCH: Final = 200
"""Events a transaction: below 10 the commits dominate, above 500 the memory does (architecture.md section 9)."""


class Engine:
    """Load, dedupe, step, commit, emit."""

    def __init__(self, store: Store, keys: Keyring, clock: Clock, chance: Chance, plan: Plan) -> None:
        self.store = store
        self.keys = keys
        self._clock = clock
        self._chance = chance
        self._box = CapsuleBox(keys.store, chance)
        self._plans = Plans(plan)
        self.hints = Hints()
        with store.write() as tx:
            tx.save_plan(self._plans.digest, encode(plan))

    @contextlib.contextmanager
    def _batch(self) -> Iterator[Batch]:
        """One write transaction: what the body steps is written at its end, all or nothing."""
        with self.store.write() as tx:
            batch = Batch(tx, self._plans, self.keys, self._box, self._chance, utc(self._clock.now()))
            yield batch
            batch.flush()
        batch.note(self.hints)

    # -- what waits in the journal ------------------------------------------------------------------------
    def apply_waiting(self, limit: int = BATCH) -> int:
        """Apply events that were accepted but not applied yet; returns how many there were."""
        with self.store.read() as tx:
            if not tx.waiting(1):
                return 0
        with self._batch() as batch:
            tx = batch.tx
            rows = tx.waiting(limit)
            requests = {row.seq: self._open(batch, row) for row in rows if row.type == envelope.REQUEST_RECEIVED}
            batch.load(row.request_id for row in rows)
            subjects = self._note_subjects(batch, [one for one in requests.values() if one is not None])
            for row in rows:
                self._apply_row(batch, row, requests.get(row.seq), subjects)
            tx.applied(rows)
            return len(rows)

    def _open(self, batch: Batch, row: JournalRow) -> wire.OpenedRequest | None:
        assert row.wire is not None  # noqa: S101 - the query's condition
        try:
            return wire.open_request(decode_event(row.wire), self.keys)
        except UnknownKeyError:
            raise UsageError(
                "a request waits that was sealed to another intake key",
                where=f"request {row.request_id}",
                fix="restore keys/intake.jwk; nothing is lost meanwhile",
            ) from None
        except SchemaError as error:
            batch.bury(row.source, row.event_id, row.request_id, type(error).__name__, row.wire)
            return None

    def _apply_row(
        self, batch: Batch, row: JournalRow, opened: wire.OpenedRequest | None, others: dict[str, tuple[str, ...]]
    ) -> None:
        original = row.wire or b""
        row.wire = None
        row.observed_at = batch.now
        if row.type == envelope.REQUEST_RECEIVED:
            if opened is None:
                row.verdict = "dead"
                return
            capsule = batch.capsules.setdefault(row.request_id, self._box.new())
            waits_for = others.get(row.request_id, ())
            event: Event = wire.accept(opened, capsule, self._plans.digest, waits_for, batch.now)
        else:
            kind: type[Event] = Resumed if row.type == "Resumed" else _internal(row.type)
            event = msgspec.structs.replace(decode(original, kind), observed_at=batch.now)
        row.type = type(event).__name__
        row.body = encode(event)
        row.verdict = batch.apply(event, row.source, row.event_id, original)

    def _note_subjects(self, batch: Batch, opened: list[wire.OpenedRequest]) -> dict[str, tuple[str, ...]]:
        """Recognise open requests of the same person: an erasure waits for the accesses before it (decision 11)."""
        refs: dict[str, list[bytes]] = {
            one.message.request_id: [
                subject_ref(self.keys.subject, i.kind, i.value)
                for i in one.identifiers
                if strength_of(i.kind) is Strength.UNIQUE
            ]
            for one in opened
            if one.message.request_id not in batch.states
        }
        rights = {one.message.request_id: one.message.right for one in opened}
        everyone = [(ref, request_id, rights[request_id].value) for request_id, some in refs.items() for ref in some]
        before = batch.tx.same_subject(list({ref for ref, _, _ in everyone})) if everyone else []
        accesses: dict[bytes, list[str]] = {}
        for ref, request_id, right in (*before, *everyone):
            if right == Right.ACCESS:
                accesses.setdefault(ref, []).append(request_id)
        waits = {
            request_id: tuple(sorted({a for ref in some for a in accesses.get(ref, ())}))
            for request_id, some in refs.items()
            if rights[request_id] is Right.ERASURE
        }
        batch.tx.add_subjects(
            [
                {"subject_ref": ref, "request_id": request_id, "right": right}
                for ref, request_id, right in dict.fromkeys(everyone)
            ]
        )
        batch.tx.add_waits([{"other": a, "request_id": r} for r, others in waits.items() for a in others])
        return {request_id: others for request_id, others in waits.items() if others}

    def resume(self, request_id: str, role: str) -> None:
        """Note that somebody mended the cause; applied with what waits.

        Raises:
            UsageError: no such request, or nothing of it waits for a person.
        """
        now = utc(self._clock.now())
        with self.store.write() as tx:
            state = load_state(tx, request_id)
            if not state.attention:
                raise UsageError(f"request {request_id} does not wait for a person", fix="see `expunge list`")
            body = encode(Resumed(request_id=request_id, observed_at=now, role=role))
            event_id = f"{request_id}.resumed.{state.generation}"
            row = JournalRow(
                "/operator", event_id, request_id, "Resumed", now, wire.digest(body)[0], None, body, "waiting"
            )
            if not tx.known([(row.source, row.event_id)]):
                tx.journal([row])

    # -- confirmations ------------------------------------------------------------------------------------
    def confirm(self, events: Sequence[bytes]) -> int:
        """Apply confirmations as they came over the wire; returns how many counted."""
        with self._batch() as batch:
            tx = batch.tx
            opened = [one for raw in events if (one := self._open_confirmation(batch, raw)) is not None]
            batch.load(one.confirmation.request_id for one in opened)
            known = tx.known([(one.source, one.event_id) for one in opened])
            journal: list[JournalRow] = []
            answered: list[str] = []
            for one in opened:
                self._apply_confirmation(batch, one, known, journal)
                answered.append(one.confirmation.task_id)
            tx.journal(journal)
            tx.outbox_remove(answered)
            return batch.applied

    def _open_confirmation(self, batch: Batch, raw: bytes) -> _Opened | None:
        try:
            event = decode_event(raw)
            data = bytes(event.data)
            confirmation = decode_confirmation(data)
            key = self.keys.system(confirmation.system)
            key.check_mac(data, event.expungemac)
            findings = wire.open_findings(confirmation, key)
        except (SchemaError, UsageError) as error:
            batch.bury("unknown", "unknown", "unknown", type(error).__name__, raw)
            return None
        payload_hash, sha256 = wire.digest(data)
        return _Opened(event.source, event.id, confirmation, findings, payload_hash, sha256, raw)

    def _apply_confirmation(
        self, batch: Batch, one: _Opened, known: dict[tuple[str, str], bytes], journal: list[JournalRow]
    ) -> None:
        request_id = one.confirmation.request_id
        before = known.get((one.source, one.event_id))
        if before == one.payload_hash:
            return
        if request_id not in batch.states:
            batch.bury(one.source, one.event_id, request_id, "UnknownRequest", one.raw)
            return
        event: Event
        event_id = one.event_id
        if before is not None:
            batch.bury(one.source, one.event_id, request_id, "IncidentError", one.raw)
            event = Incident(
                request_id=request_id,
                observed_at=batch.now,
                reason="contradictory_answer",
                system=one.confirmation.system,
            )
            event_id = f"{one.event_id}.{one.sha256[:16]}"
            if (one.source, event_id) in known:
                return
        else:
            capsule = batch.capsules.get(request_id)
            plan = batch.plan_of(request_id)
            event = wire.confirmed(one.confirmation, one.findings, capsule, plan, one.sha256, batch.now)
        known[one.source, event_id] = one.payload_hash
        verdict = batch.apply(event, one.source, one.event_id, one.raw)
        journal.append(
            JournalRow(
                one.source,
                event_id,
                request_id,
                type(event).__name__,
                batch.now,
                one.payload_hash,
                encode(event),
                None,
                verdict,
            )
        )

    # -- timers -------------------------------------------------------------------------------------------
    def fire_timers(self, limit: int = BATCH) -> int:
        """Fire what is due; returns how many timers counted."""
        now = utc(self._clock.now())
        with self.store.read() as tx:
            if not tx.due(now, 1):
                self.hints.earliest = tx.next_timer() or _NEVER
                return 0
        with self._batch() as batch:
            tx = batch.tx
            ids = tx.due(batch.now, limit)
            batch.load(ids)
            journal: list[JournalRow] = []
            for request_id in ids:
                due = [
                    (name, timer.generation)
                    for name, timer in sorted(batch.states[request_id].timers.items())
                    if timer.due <= batch.now
                ]
                for name, generation in due:
                    event = TimerFired(request_id=request_id, observed_at=batch.now, name=name, generation=generation)
                    body = encode(event)
                    event_id = f"{request_id}.{name}.{generation}"
                    verdict = batch.apply(event, "/timers", event_id, body)
                    row = JournalRow(
                        "/timers",
                        event_id,
                        request_id,
                        "TimerFired",
                        batch.now,
                        wire.digest(body)[0],
                        body,
                        None,
                        verdict,
                    )
                    journal.append(row)
            tx.journal(journal)
        with self.store.read() as tx:
            self.hints.earliest = tx.next_timer() or _NEVER
        return batch.applied

    def next_timer(self) -> str | None:
        """When the earliest timer is due."""
        with self.store.read() as tx:
            return tx.next_timer()

    # -- tasks --------------------------------------------------------------------------------------------
    def next_tasks(self, system: str, limit: int = BATCH) -> list[Task]:
        """Release the next tasks of a system, in order of deadline; destructive ones get their lease (decision 4)."""
        with self.store.read() as tx:
            rows = tx.outbox_next(system, limit)
        self._seen(system, len(rows), limit)
        tasks: list[Task] = []
        now = self._clock.now()
        for row in rows:
            task = decode(bytes(decode_event(row.body).data), Task)
            if row.lease_minutes:
                until = utc(now + dt.timedelta(minutes=row.lease_minutes))
                task = msgspec.structs.replace(task, not_after=until)
            tasks.append(task)
        return tasks

    def _seen(self, system: str, found: int, limit: int) -> None:
        """Note that the store was asked: fewer than asked for means that nothing else is there yet."""
        if self.hints.tasks is None:
            self.hints.tasks = {*self._plans.current.by_name, PACKAGE_SYSTEM}
        if found < limit:
            self.hints.tasks.discard(system)

    # -- access packages ----------------------------------------------------------------------------------
    def next_packages(self, limit: int = BATCH) -> list[tuple[str, AssemblePackage]]:
        """Give (request id, job) of packages to assemble."""
        with self.store.read() as tx:
            rows = tx.outbox_next(PACKAGE_SYSTEM, limit)
        self._seen(PACKAGE_SYSTEM, len(rows), limit)
        return [(row.request_id, decode(row.body, AssemblePackage)) for row in rows]

    def package_key(self, request_id: str) -> bytes:
        """Give the key of a request's package, made durable before it is first used.

        Raises:
            UsageError: the package has expired: its key is destroyed.
        """
        with self.store.write() as tx:
            sealed = tx.capsules([request_id]).get(request_id)
            if sealed is None:
                raise UsageError(f"the package of request {request_id} has expired", fix="submit a new access request")
            capsule = self._box.open(request_id, sealed)
            if not capsule.package_key:
                capsule.package_key = self._chance(32)
                tx.save_capsules({request_id: self._box.seal(request_id, capsule)})
            return capsule.package_key

    def packaged(self, request_id: str, job_id: str, file: str, sha256: str) -> None:
        """Note that a package was written."""
        with self._batch() as batch:
            tx = batch.tx
            batch.load([request_id])
            event = PackageAssembled(
                request_id=request_id, observed_at=batch.now, job_id=job_id, file=file, sha256=sha256
            )
            body = encode(event)
            if not tx.known([("/package", job_id)]):
                verdict = batch.apply(event, "/package", job_id, body)
                row = JournalRow(
                    "/package",
                    job_id,
                    request_id,
                    "PackageAssembled",
                    batch.now,
                    wire.digest(body)[0],
                    body,
                    None,
                    verdict,
                )
                tx.journal([row])
            tx.outbox_remove([job_id])


class _Opened(msgspec.Struct):
    """A confirmation whose sender was checked."""

    source: str
    event_id: str
    confirmation: Confirmation
    findings: Findings
    payload_hash: bytes
    sha256: str
    raw: bytes


def _internal(name: str) -> type[Event]:
    from orchestrator.core import events

    return getattr(events, name)  # type: ignore[no-any-return]  # names come from our own journal


def load_state(tx: Transaction, request_id: str) -> RequestState:
    """Read one request's state.

    Raises:
        UsageError: no such request.
    """
    blob = tx.states([request_id]).get(request_id)
    if blob is None:
        raise UsageError(f"no request {request_id}", fix="see `expunge list`")
    return msgspec.msgpack.decode(blob, type=RequestState)
