"""What a worker does with what it is sent: bytes of a topic in, bytes for a topic out. No broker, no thread.

Events of one message have nothing to do with each other: each is read alone, and one that cannot be goes to the dead
letters, sealed for the orchestrator. Whatever can be read is answered, a refusal included: the orchestrator must know.
"""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Literal

import msgspec

from connectors import registry
from connectors.contract import Connector
from connectors.execute import execute
from connectors.exports import ExportSink
from connectors.keyfile import SystemKeys
from connectors.signals import SILENT, Signals, why
from schemas import batches, envelope
from schemas.codec import decode, decode_event, encode
from schemas.envelope import CloudEvent
from schemas.errors import SchemaError, SealError
from schemas.fields import ID_PATTERN
from schemas.heartbeats import Heartbeat
from schemas.outcomes import Failed, FailureKind
from schemas.published import DeadLetter
from schemas.requests import utc
from schemas.sealing import Binding, IntakePublicKey, key_id_of
from schemas.tasks import WHOLE_SYSTEM, Confirmation, Task
from schemas.wrapping import confirmation_event, heartbeat_event, source_of

LARGEST_ANSWER: Final = 900_000
"""A broker takes 1 MiB by default, framing included."""
LARGEST_LETTER: Final = 256 * 1024
"""An original that is larger does not travel on; where it stood can still be seen."""

State = Literal["ready", "working", "standby", "waiting_for_key", "stopping"]


class Order(msgspec.Struct, frozen=True):
    """A task as it came.

    Attributes:
        kid: Which key it is sealed with.
        trace: Which trace it belongs to.
        unproven: Its bytes and MAC, where the key to check them with has still to come.
    """

    task: Task
    kid: str
    trace: str = ""
    unproven: tuple[bytes, str] | None = None

    def __repr__(self) -> str:
        """Hide the bytes."""
        return f"Order({self.task.task_id!r}, kid={self.kid!r})"


class Unread(msgspec.Struct, frozen=True):
    """What is no task for this system."""

    raw: bytes
    error: str
    request_id: str = "unknown"

    def __repr__(self) -> str:
        """Hide the bytes (I4)."""
        return f"Unread({len(self.raw)} bytes, error={self.error!r})"


class Worker:
    """One system's worker."""

    def __init__(
        self,
        system: str,
        open_connector: Callable[[], Connector],
        keys: SystemKeys,
        intake: IntakePublicKey,
        *,
        now: Callable[[], dt.datetime],
        chance: Callable[[int], bytes],
        exports: ExportSink | None = None,
        signals: Signals = SILENT,
    ) -> None:
        self.system = system
        self.keys = keys
        self.name = f"w{chance(8).hex()}"
        self.connector = "connector"
        self._open = open_connector
        self._intake = intake
        self._now = now
        self._chance = chance
        self._exports = exports
        self._signals = signals

    def read(self, value: bytes) -> list[Order | Unread]:
        """Take a message apart. Never raises, whatever the bytes."""
        return [self._order(one) for one in batches.unpack(value)]

    def _order(self, one: bytes | batches.Unreadable) -> Order | Unread:
        if isinstance(one, batches.Unreadable):
            return Unread(one.raw, one.error)
        try:
            event = decode_event(one)
        except SchemaError as error:
            return Unread(one, type(error).__name__)
        subject = event.subject if re.match(ID_PATTERN, event.subject) else "unknown"
        if event.type != envelope.TASK:
            return Unread(one, "UnexpectedType", subject)
        try:
            task = decode(bytes(event.data), Task)
        except SchemaError as error:
            return Unread(one, type(error).__name__, subject)
        if task.system != self.system:
            return Unread(one, "AnotherSystem", subject)
        try:
            kid = key_id_of(task.sealed)
        except SealError:
            kid = self.keys.active().kid  # cannot be opened with any key; it is answered so
        data = bytes(event.data)
        if not self.keys.holds(kid):
            return Order(task, kid, event.traceparent, (data, event.expungemac))
        if not self._is_authentic(kid, data, event.expungemac):
            return Unread(one, "ForgedTask", subject)
        return Order(task, kid, event.traceparent)

    def _is_authentic(self, kid: str, data: bytes, mac: str) -> bool:
        """Tell whether the orchestrator says so: action, instructions and lease stand beside the seal."""
        try:
            self.keys.of(kid).check_task_mac(data, mac)
        except SealError:
            return False
        return True

    def rest(self) -> None:
        """Let go of the store: there is nothing to do for now. Never while ``carry_out`` runs."""
        registry.rest(self._open)

    def carry_out(self, orders: Sequence[Order]) -> list[bytes]:
        """Carry out tasks whose keys are held; gives one confirmation each, ready to be sent; none for a forged one."""
        registry.hold(self._open)
        answers: list[bytes] = []
        for kid in dict.fromkeys(one.kid for one in orders):
            some = [one for one in orders if one.kid == kid and self._proven(one)]
            if not some:
                continue
            key = self.keys.of(kid)
            done = execute(
                self._open,
                [one.task for one in some],
                key,
                now=self._now,
                nonce=lambda: self._chance(12),
                exports=self._exports,
            )
            self.connector = done[-1].connector
            for order, answer in zip(some, done, strict=True):
                event = confirmation_event(answer, key, order.trace)
                if len(event) > LARGEST_ANSWER:
                    event = confirmation_event(_too_large(answer), key, order.trace)
                answers.append(event)
                self._note(order, answer)
        return answers

    def _proven(self, order: Order) -> bool:
        if order.unproven is None or self._is_authentic(order.kid, *order.unproven):
            return True
        self._signals.log("task.refused", system=self.system, task_id=order.task.task_id, reason="forged")
        self._signals.count("expunge_tasks_refused_total", system=self.system, reason="forged")
        return False

    def _note(self, order: Order, answer: Confirmation) -> None:
        self._signals.count("expunge_tasks_received_total", system=self.system, action=str(order.task.action))
        codes = {one.code for one in answer.outcomes.values() if isinstance(one, Failed)}
        if "lease_expired" in codes:
            self._signals.log("task.expired", system=self.system, task_id=order.task.task_id)
            self._signals.count("expunge_tasks_refused_total", system=self.system, reason="expired")
        if "seal" in codes:
            self._signals.log("task.refused", system=self.system, task_id=order.task.task_id, reason="moved")
            self._signals.count("expunge_tasks_refused_total", system=self.system, reason="moved")

    def bury(self, unread: Iterable[Unread]) -> list[bytes]:
        """Give events for the dead letters: the original sealed for the orchestrator."""
        events = []
        for one in unread:
            digest = hashlib.sha256(one.raw).hexdigest()[:32]
            sealed = ""
            if len(one.raw) <= LARGEST_LETTER:
                bound = Binding(sys=self.system, use="dead-letter")
                token = self._intake.seal(one.raw, bound, nonce=self._chance(12), ephemeral=self._chance(32))
                sealed = base64.b64encode(token.encode()).decode()
            at = utc(self._now())
            data = encode(DeadLetter(0, one.request_id, at, one.error, sealed))
            event = CloudEvent(
                f"dead-letter.{digest}", source_of(self.system), envelope.DEAD_LETTER, "1.0", one.request_id, at,
                msgspec.Raw(data), expungemac=self.keys.active().mac(data),
            )  # fmt: skip
            events.append(encode(event))
            self._signals.log("event.buried", system=self.system, reason=why(one.error))
            self._signals.count("expunge_tasks_refused_total", system=self.system, reason=why(one.error))
        return events

    def heartbeat(self, state: State) -> bytes:
        """Say that this worker is there."""
        beat = Heartbeat(self.system, self.name, self.connector, utc(self._now()), state, self.keys.kids)
        return heartbeat_event(beat, self.keys.active())


def _too_large(answer: Confirmation) -> Confirmation:
    """What cannot travel is said so; an empty seal leaves the orchestrator what it holds of this system."""
    outcome = Failed(FailureKind.PERMANENT, "answer_too_large")
    names = list(answer.outcomes)[:1_000] or [WHOLE_SYSTEM]
    return msgspec.structs.replace(answer, outcomes=dict.fromkeys(names, outcome), sealed="")
