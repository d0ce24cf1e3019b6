"""Confirmations as they come over the wire: who sent one, whether it may be believed, and what it changes."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from orchestrator.core.commands_deciding import HoldPlaced
from orchestrator.core.events import Confirmed, Incident
from orchestrator.engine import wire
from orchestrator.engine.base import STOPS, again
from orchestrator.engine.batch import DEAD, INTERNAL_SOURCE, Batch
from orchestrator.engine.conflicts import HELD
from orchestrator.engine.hints import unanswered
from orchestrator.engine.swept import Swept
from orchestrator.errors import UsageError
from orchestrator.ports import Keyring
from schemas.codec import decode_confirmation, decode_event, encode
from schemas.envelope import CloudEvent
from schemas.errors import SchemaError, SealError
from schemas.outcomes import Anonymised, Changed, Deleted, Kept, Located, NothingHeld, Outcome, Pending, Survived
from schemas.tasks import Action, Confirmation, Findings, Task


class Opened(msgspec.Struct):
    """A confirmation whose sender was checked."""

    source: str
    event_id: str
    confirmation: Confirmation
    findings: Findings
    payload_hash: bytes
    sha256: str
    raw: bytes
    trace: str = ""

    @property
    def contradiction_id(self) -> str:
        """Event id of the incident, should another content be known under ``event_id``."""
        return f"{self.event_id}.{self.sha256[:16]}"


def open_confirmation(raw: bytes, keys: Keyring) -> Opened:
    """Read and check one confirmation.

    Its CloudEvents source and id are what a fact counts once by. Both are outside of what the system authenticated,
    so they have to say the same: else one system could use up the event id of another's answer.

    Raises:
        SchemaError: malformed, not made with the key of the system it names, or wrapped as somebody else's.
        UsageError: from a system that has no key.
    """
    return opened_confirmation(decode_event(raw), raw, keys)


def opened_confirmation(event: CloudEvent, raw: bytes, keys: Keyring) -> Opened:
    """Check a confirmation whose event was read; as ``open_confirmation``."""
    data = bytes(event.data)
    confirmation = decode_confirmation(data)
    key = keys.system(confirmation.system)
    key.check_mac(data, event.expungemac)
    if event.source != f"/systems/{confirmation.system}" or event.id != confirmation.task_id:
        raise SealError("confirmation.source", "the event is not the one its confirmation belongs to")
    findings = wire.open_findings(confirmation, key)
    payload_hash, sha256 = wire.digest(data)
    return Opened(event.source, event.id, confirmation, findings, payload_hash, sha256, raw, event.traceparent)


def contradicts(first: Confirmed | None, second: Confirmation) -> bool:
    """Tell whether a system's second answer to a task takes back what the first one said for good (ADR 27).

    Delivery is at least once, so a task may be carried out twice, by two workers, at two times: the answers differ in
    time, seal, and in what was left to find. The first one counts, the second is a repetition. But where the first
    said that nothing is there, and the second found something, the doubt is never passed over (I1).
    """
    if first is None or first.action is not second.action:
        return True
    return any(_contradict(first.outcomes.get(name), outcome) for name, outcome in second.outcomes.items())


def _contradict(first: Outcome | None, second: Outcome) -> bool:
    if isinstance(first, Changed):
        return isinstance(second, Survived)
    return isinstance(first, NothingHeld | Deleted | Anonymised) and _is_there(second)


def _is_there(outcome: Outcome) -> bool:
    """Tell whether an outcome says that there are records; those that wait for a file to be rotated are there too."""
    return isinstance(outcome, Located | Survived | Kept | Changed) or (
        isinstance(outcome, Pending) and outcome.count > 0
    )


class Answers(Swept):
    """Confirmations."""

    def confirm(self, events: Sequence[bytes], expected: Sequence[Task] = ()) -> int:
        """Apply confirmations as they came over the wire; returns how many counted.

        Args:
            events: CloudEvents, from systems that may lie.
            expected: Tasks that these are to be the answers to. One that no usable answer came to stays in the
                outbox, is held back for a while, and a person is called: it is neither lost nor repeated for ever.
        """
        counted, answered = self._confirm_safely(events)
        self._holdback.answered(answered)
        left = unanswered(expected, answered)
        if left:
            self._not_answered(left)
        return counted

    def _confirm_safely(self, events: Sequence[bytes]) -> tuple[int, set[str]]:
        try:
            return again(lambda: self._confirm(events))
        except STOPS:
            raise
        except Exception as error:  # noqa: BLE001 - one event is to blame: find it (section 8)
            if len(events) == 1:
                with self._batch("confirmations") as batch:
                    batch.bury("unknown", "unknown", "unknown", type(error).__name__, events[0])
                return 0, set()
        counted, answered = 0, set[str]()
        for one in events:
            count, ids = self._confirm_safely([one])
            counted += count
            answered |= ids
        return counted, answered

    def _confirm(self, events: Sequence[bytes]) -> tuple[int, set[str]]:
        with self._batch("confirmations") as batch:
            opened = [one for raw in events if (one := self._open_confirmation(batch, raw)) is not None]
            batch.load(one.confirmation.request_id for one in opened)
            keys = [(one.source, one.event_id) for one in opened]
            known = batch.tx.known(keys)
            if any(one.payload_hash != known.get(key, one.payload_hash) for key, one in zip(keys, opened, strict=True)):
                known |= batch.tx.known([(one.source, one.contradiction_id) for one in opened])
            done = [one.confirmation for one in opened if self._apply_confirmation(batch, one, known)]
            counted = batch.applied
        return counted, {one.task_id for one in done}

    def _open_confirmation(self, batch: Batch, raw: bytes) -> Opened | None:
        try:
            return open_confirmation(raw, self.keys)
        except (SchemaError, UsageError) as error:
            batch.bury("unknown", "unknown", "unknown", type(error).__name__, raw)
            return None

    def _apply_confirmation(self, batch: Batch, one: Opened, known: dict[tuple[str, str], bytes]) -> bool:
        """Apply one; tells whether its task was answered."""
        request_id, system = one.confirmation.request_id, one.confirmation.system
        batch.trace = one.trace
        if one.confirmation.action is Action.SWEEP:
            self.take_page(batch, one.confirmation, one.findings)
            return True
        before = known.get((one.source, one.event_id))
        if before == one.payload_hash:
            batch.repeated += 1
            return True
        state = batch.states.get(request_id)
        if state is None:
            batch.bury(one.source, one.event_id, request_id, "UnknownRequest", one.raw)
            return False
        if before is not None:
            if (one.source, one.contradiction_id) not in known and contradicts(
                batch.accepted(one.source, one.event_id, request_id), one.confirmation
            ):
                known[one.source, one.contradiction_id] = one.payload_hash
                batch.bury(one.source, one.event_id, request_id, "IncidentError", one.raw)
                incident = Incident(
                    request_id=request_id, observed_at=batch.now, reason="contradictory_answer", system=system
                )
                batch.apply(incident, one.source, one.contradiction_id, one.raw, payload_hash=one.payload_hash)
            return True
        capsule = batch.capsules.get(request_id)
        if capsule is not None:
            capsule = capsule.copy()
        awaited = system in state.systems and state.systems[system].task == one.confirmation.task_id
        plan = batch.plan_of(request_id)
        event = wire.confirmed(one.confirmation, one.findings, capsule, plan, one.sha256, batch.now, awaited=awaited)
        verdict = batch.apply(event, one.source, one.event_id, one.raw, payload_hash=one.payload_hash, capsule=capsule)
        if verdict == DEAD:
            return False
        known[one.source, one.event_id] = one.payload_hash
        self._reached(batch, request_id, event)
        return True

    def _reached(self, batch: Batch, request_id: str, event: Confirmed) -> None:
        """Tell a request of the holds on a person whom only what was found now shows it to be about.

        What the answer made the core send is called back before it leaves: nobody else has seen it yet.
        """
        state, capsule = batch.states[request_id], batch.capsules.get(request_id)
        if state.right not in HELD or not event.links or capsule is None:
            return
        known = {one.hold_id for one in state.holds}
        links = [one for one in event.links if one.ref in capsule.identifiers]
        for hold in batch.holds.found(self.keys.subject, capsule, links):
            if hold.hold_id not in known:
                placed = HoldPlaced(request_id=request_id, observed_at=batch.now, role=hold.owner, hold=hold)
                event_id = f"{request_id}.holdplaced.{hold.hold_id}"
                batch.apply(placed, INTERNAL_SOURCE, event_id, encode(placed))

    def _not_answered(self, tasks: Sequence[Task]) -> None:
        now = self._clock.now()
        for one in tasks:
            self._holdback.add(one.task_id, one.request_id, one.system, now)
        with self._batch("confirmations") as batch:
            batch.load(one.request_id for one in tasks)
            for one in tasks:
                batch.incident(one.request_id, "unusable_answer", one.task_id, one.system)
