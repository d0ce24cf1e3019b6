"""One transaction's work: load what is touched, step every event, gather all writes, write once.

A failure of one event never touches its neighbours: ``step`` does not change the state it is given, and what an
event causes is gathered apart and merged only when it went through. The culprit goes to the dead letters and its
request to NEEDS_ATTENTION (architecture.md section 8).
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from orchestrator.core import machine
from orchestrator.core.effects import AssemblePackage, Complete, Effect, Forget, IssueTask, Notice
from orchestrator.core.events import Event, Incident
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan
from orchestrator.engine import wire
from orchestrator.engine.capsule import Capsule, CapsuleBox
from orchestrator.errors import IllegalTransitionError
from orchestrator.ledger import record
from orchestrator.ports import Chance, JournalRow, Keyring, OutboxRow, Transaction
from schemas.codec import encode
from schemas.requests import Right

PACKAGE_SYSTEM: Final = "_package"
"""Name under which package jobs wait in the outbox; no connector can have it."""

_STATE_ENCODE: Final = msgspec.msgpack.Encoder().encode
_STATE_DECODE: Final = msgspec.msgpack.Decoder(RequestState).decode


class Plans:
    """Plans by digest, from the store, kept in memory once read."""

    def __init__(self, current: Plan) -> None:
        self.current = current
        self.digest = current.digest()
        self._known = {self.digest: current}

    def get(self, tx: Transaction, digest: str) -> Plan:
        """Give the plan a request was accepted under."""
        if digest not in self._known:
            body = tx.plan(digest)
            if body is None:
                raise IllegalTransitionError("the plan of the request is missing from the store")
            self._known[digest] = msgspec.json.decode(body, type=Plan)
        return self._known[digest]


class Hints:
    """What the batches of this process have left to do, so that a runtime need not ask the store at every turn.

    Hints only ever say too much: ``None`` and an unlooked-at system mean "ask". They hold for the process that owns
    the store's lock; another one's work is found by asking now and then.
    """

    def __init__(self) -> None:
        self.tasks: set[str] | None = None
        self.earliest: str | None = None

    def may_have_tasks(self, system: str) -> bool:
        """Tell whether asking for tasks of this system may give any."""
        return self.tasks is None or system in self.tasks

    def may_be_due(self, now: str) -> bool:
        """Tell whether a timer may be due."""
        return self.earliest is None or self.earliest <= now

    def note(self, systems: Iterable[str], earliest: str | None) -> None:
        """Take in what a committed batch left behind."""
        if self.tasks is not None:
            self.tasks.update(systems)
        if self.earliest is not None and earliest is not None:
            self.earliest = min(self.earliest, earliest)


class _Caused(msgspec.Struct):
    """What one event causes."""

    outbox: list[OutboxRow] = []
    notices: list[dict[str, Any]] = []
    records: list[dict[str, Any]] = []


class Batch:
    """Everything one write transaction does."""

    def __init__(self, tx: Transaction, plans: Plans, keys: Keyring, box: CapsuleBox, chance: Chance, now: str) -> None:
        self.tx = tx
        self.plans = plans
        self.keys = keys
        self.box = box
        self.chance = chance
        self.now = now
        self.states: dict[str, RequestState] = {}
        self.capsules: dict[str, Capsule] = {}
        self._touched: dict[str, None] = {}
        self._caused: list[_Caused] = []
        self._closed_access: list[str] = []
        self.dead: list[dict[str, Any]] = []
        self.applied = 0

    def load(self, request_ids: Iterable[str]) -> None:
        """Load states and capsules of the requests that events will touch."""
        wanted = [one for one in dict.fromkeys(request_ids) if one not in self.states]
        for request_id, blob in self.tx.states(wanted).items():
            self.states[request_id] = _STATE_DECODE(blob)
        for request_id, sealed in self.tx.capsules(wanted).items():
            self.capsules[request_id] = self.box.open(request_id, sealed)

    def plan_of(self, request_id: str) -> Plan:
        """Give the plan of a request, or the current one for a new request."""
        state = self.states.get(request_id)
        return self.plans.current if state is None else self.plans.get(self.tx, state.plan_sha256)

    def apply(self, event: Event, source: str, event_id: str, original: bytes) -> str:
        """Step one event; returns the verdict for the journal."""
        state = self.states.get(event.request_id)
        try:
            step = machine.step(self.plan_of(event.request_id), state, event)
            if step.ignored:
                return f"ignored: {step.ignored}"
            caused = self._realise(event.request_id, step.effects)
        except IllegalTransitionError as error:
            self.bury(source, event_id, event.request_id, f"IllegalTransitionError: {error.what}", original)
            return "dead"
        except Exception as error:  # noqa: BLE001 - a bug on one event must not stop the others (section 8)
            self.bury(source, event_id, event.request_id, type(error).__name__, original)
            self._incident(event.request_id)
            return "dead"
        self.states[event.request_id] = step.state
        self._touched[event.request_id] = None
        self._caused.append(caused)
        self.applied += 1
        return "applied"

    def _incident(self, request_id: str) -> None:
        state = self.states.get(request_id)
        if state is None:
            return
        event = Incident(request_id=request_id, observed_at=self.now, reason="internal_error")
        step = machine.step(self.plan_of(request_id), state, event)
        if not step.ignored:
            self.states[request_id] = step.state
            self._touched[request_id] = None
            self._caused.append(self._realise(request_id, step.effects))
            self._journal_internal(event, f"{request_id}.incident.{state.generation}.{len(self.dead)}")

    def _journal_internal(self, event: Event, event_id: str) -> None:
        body = encode(event)
        row = JournalRow(
            source="/engine",
            event_id=event_id,
            request_id=event.request_id,
            type=type(event).__name__,
            observed_at=self.now,
            payload_hash=wire.digest(body)[0],
            body=body,
            wire=None,
            verdict="applied",
        )
        self.tx.journal([row])

    def bury(self, source: str, event_id: str, request_id: str, error: str, original: bytes) -> None:
        """Put an event that cannot be applied to the dead letters, sealed."""
        self.dead.append(
            {
                "source": source,
                "event_id": event_id,
                "request_id": request_id,
                "observed_at": self.now,
                "error": error,
                "sealed": self.box.seal_bytes(request_id, original),
            }
        )

    # -- effects ------------------------------------------------------------------------------------------
    def _realise(self, request_id: str, effects: tuple[Effect, ...]) -> _Caused:
        caused = _Caused()
        for effect in effects:
            match effect:
                case IssueTask():
                    body = wire.task_event(
                        request_id, effect, self.capsules[request_id], self.keys, self.chance, self.now
                    )
                    caused.outbox.append(
                        OutboxRow(effect.task_id, request_id, effect.system, effect.due_on, effect.lease_minutes, body)
                    )
                case AssemblePackage():
                    caused.outbox.append(
                        OutboxRow(effect.job_id, request_id, PACKAGE_SYSTEM, effect.due_on, 0, encode(effect))
                    )
                case Notice():
                    body = wire.notice_event(request_id, effect, self.now)
                    caused.notices.append({"notice_id": effect.notice_id, "request_id": request_id, "body": body})
                case Complete():
                    caused.records.append(self._sign(request_id, effect))
                    if effect.record.right == Right.ACCESS:
                        self._closed_access.append(request_id)
                case Forget():
                    self._shrink(request_id, effect)
        return caused

    def _sign(self, request_id: str, effect: Complete) -> dict[str, Any]:
        one = effect.record
        salt = hmac.digest(self.keys.log, one.record_id.encode(), "sha256")
        return {
            "record_id": one.record_id,
            "request_id": request_id,
            "number": one.number,
            "completed_at": one.completed_at,
            "jws": record.sign(one, salt, self.keys.signer),
        }

    def _shrink(self, request_id: str, effect: Forget) -> None:
        capsule = self.capsules.get(request_id)
        if capsule is None:
            return
        keep = set(effect.keep)
        self.capsules[request_id] = Capsule(
            capsule.secret,
            {ref: one for ref, one in capsule.identifiers.items() if ref in keep},
            {name: one for name, one in capsule.handles.items() if name in effect.systems},
            capsule.package_key if effect.package else b"",
        )

    def note(self, hints: Hints) -> None:
        """Say what is left to do, once the transaction is committed."""
        timers = [due for one in self._touched if (due := self.states[one].next_timer()) is not None]
        hints.note((row.system for one in self._caused for row in one.outbox), min(timers, default=None))

    # -- writes -------------------------------------------------------------------------------------------
    def flush(self) -> None:
        """Write everything, once."""
        tx = self.tx
        touched = list(self._touched)
        tx.save_states([self._row(self.states[one]) for one in touched])
        forgotten = [one for one in touched if self.states[one].forgotten]
        tx.forget(forgotten)
        gone = set(forgotten)
        tx.save_capsules(
            {one: self.box.seal(one, self.capsules[one]) for one in touched if one in self.capsules and one not in gone}
        )
        tx.outbox_add([row for one in self._caused for row in one.outbox])
        tx.add_notices([row for one in self._caused for row in one.notices])
        tx.add_records([row for one in self._caused for row in one.records])
        tx.add_dead_letters(self.dead)
        self._list_obligations(touched)
        self._wake_waiting()

    def _row(self, state: RequestState) -> dict[str, Any]:
        return {
            "request_id": state.request_id,
            "right": state.right.value,
            "phase": state.phase.value,
            "result": state.result.value if state.result else None,
            "attention": len(state.attention),
            "received_at": state.received_at,
            "due_on": state.due_on,
            "next_timer": state.next_timer(),
            "logic": state.logic,
            "state": _STATE_ENCODE(state),
        }

    def _list_obligations(self, touched: list[str]) -> None:
        changed = [one for one in touched if self.states[one].records]
        rows = [
            {
                "request_id": one,
                "place": place,
                "kind": owed.kind,
                "system": owed.system,
                "record_set": owed.record_set,
                "due": owed.due,
                "text": owed.text,
            }
            for one in changed
            for place, owed in enumerate(self.states[one].obligations)
        ]
        if changed:
            self.tx.replace_obligations(changed, rows)

    def _wake_waiting(self) -> None:
        """Requests that waited for one of these go on: an event of their own, applied in the next batch."""
        if not self._closed_access:
            return
        rows = []
        for other, request_id in self.tx.take_waits(self._closed_access):
            body = encode({"event": "otherclosed", "request_id": request_id, "observed_at": self.now, "other": other})
            rows.append(
                JournalRow(
                    source="/engine",
                    event_id=f"{request_id}.waited.{other}",
                    request_id=request_id,
                    type="OtherClosed",
                    observed_at=self.now,
                    payload_hash=wire.digest(body)[0],
                    body=None,
                    wire=body,
                    verdict="waiting",
                )
            )
        self.tx.journal(rows)
