"""One transaction's work: load what is touched, step every event, gather all writes, write once.

A failure of one event never touches its neighbours: ``step`` does not change the state it is given, and what an
event causes is gathered apart and merged only when it went through. The culprit goes to the dead letters and its
request to NEEDS_ATTENTION (architecture.md section 8).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from orchestrator.core import adopting, machine
from orchestrator.core.effects import Complete, Effect, Recall
from orchestrator.core.events import Confirmed, Event, Incident, OtherClosed, Recalled
from orchestrator.core.model import LOGIC, Phase, RequestState
from orchestrator.core.moments import later
from orchestrator.core.plan import Plan
from orchestrator.engine import conflicts, stored, suppressing, wire
from orchestrator.engine.capsule import Capsule, CapsuleBox
from orchestrator.engine.causing import Caused, Realiser, outgoing
from orchestrator.engine.hints import Hints
from orchestrator.engine.reach import Reach
from orchestrator.engine.stored import Plans
from orchestrator.errors import DependencyError, IllegalTransitionError
from orchestrator.ports import Chance, JournalRow, Keyring, Transaction
from schemas import topics
from schemas.codec import encode
from schemas.requests import Right

_EVENT: Final = msgspec.json.Decoder(Event)
APPLIED: Final = "applied"
DEAD: Final = "dead"
INTERNAL_SOURCE: Final = "/engine"


class Batch:
    """Everything one write transaction does."""

    def __init__(
        self,
        tx: Transaction,
        plans: Plans,
        keys: Keyring,
        box: CapsuleBox,
        chance: Chance,
        now: str,
        *,
        publish: bool = False,
        given: Callable[[str], bool] = lambda _: False,
    ) -> None:
        """Begin. ``publish``: there is a broker, and what others are told goes out through it.

        ``given`` tells whether this process has given a task to a connector, and so cannot call it back.
        """
        self.tx = tx
        self.plans = plans
        self.keys = keys
        self.box = box
        self.chance = chance
        self.now = now
        self.trace = ""
        self.holds = Reach(tx)
        self._publish = publish
        self._given = given
        self._realiser = Realiser(keys, chance, now, publish=publish)
        self.states: dict[str, RequestState] = {}
        self.capsules: dict[str, Capsule] = {}
        self.journal: list[JournalRow] = []
        self._touched: dict[str, None] = {}
        self._caused: list[Caused] = []
        self._closed_first: list[str] = []
        self._closed_part: list[str] = []
        """Closed, and still restricting: an erasure goes on waiting for these."""
        self._over: list[str] = []
        self._owing: dict[str, None] = {}
        self._spent: dict[str, set[str]] = {}
        self._dead: list[dict[str, Any]] = []
        self._untold: set[int] = set()
        self.applied = 0
        self.ignored = 0
        self.repeated = 0
        """Events that counted before (I3)."""
        self.parked: list[tuple[str, str]] = []
        """Request id and reason of what waits for the first time."""

    @property
    def buried(self) -> list[tuple[str, str]]:
        """Give request id and error of what goes to the dead letters."""
        return [(wire.subject_of(one["request_id"]), one["error"]) for one in self._dead]

    def load(self, request_ids: Iterable[str]) -> None:
        """Load states and capsules of the requests that events will touch.

        Raises:
            UsageError: a state was written by a newer version.
            DependencyError: a capsule cannot be opened.
        """
        wanted = [one for one in dict.fromkeys(request_ids) if one not in self.states]
        for request_id, blob in self.tx.states(wanted).items():
            self.states[request_id] = stored.read_state(request_id, blob)
        for request_id, sealed in self.tx.capsules(wanted).items():
            self.capsules[request_id] = self.box.open(request_id, sealed)

    def plan_of(self, request_id: str) -> Plan:
        """Give the plan of a request, or the current one for a new request."""
        state = self.states.get(request_id)
        return self.plans.current if state is None else self.plans.get(self.tx, state.plan_sha256)

    def _newer(self, state: RequestState | None, event: Event) -> Plan | None:
        digest = adopting.brought(state, event) if state is not None else ""
        return self.plans.get(self.tx, digest) if digest else None

    def apply(
        self,
        event: Event,
        source: str,
        event_id: str,
        original: bytes,
        *,
        payload_hash: bytes = b"",
        capsule: Capsule | None = None,
    ) -> str:
        """Step one event and journal it; returns the verdict.

        An event that could not be applied is in the dead letters and *not* in the journal: when the cause is mended,
        the same event may come again and count.

        Args:
            event: As the core sees it; its bytes are what the journal keeps.
            source: CloudEvents source, with ``event_id`` the key under which a fact counts once.
            event_id: CloudEvents id.
            original: What came in, for the dead letters.
            payload_hash: Tells a repetition from another content; by default over the event's bytes.
            capsule: The request's capsule with what the event brings; takes effect only if the event counts.
        """
        request_id = event.request_id
        try:
            state = self.states.get(request_id)
            step = machine.step(self.plan_of(request_id), state, event, self._newer(state, event))
            if not step.ignored:
                caused = self._realise(step.state, step.effects, capsule or self.capsules.get(request_id))
                self._accept(step.state, caused)
        except DependencyError:
            raise  # nothing that this event is to blame for
        except IllegalTransitionError as error:
            self.bury(source, event_id, request_id, f"IllegalTransitionError: {error.what}", original)
            return DEAD
        except Exception as error:  # noqa: BLE001 - a bug on one event must not stop the others (section 8)
            self.bury(source, event_id, request_id, type(error).__name__, original)
            self.incident(request_id, "internal_error", event_id)
            return DEAD
        verdict = f"ignored: {step.ignored}" if step.ignored else APPLIED
        self.ignored += bool(step.ignored)
        self._note(event, source, event_id, verdict, payload_hash)
        if not step.ignored:
            self._call_back(request_id, step.effects)
        return verdict

    def _call_back(self, request_id: str, effects: tuple[Effect, ...]) -> None:
        """Call back what has not left: what was gathered in this batch, and what waits in the outbox (decision 4)."""
        wanted = {task for one in effects if isinstance(one, Recall) for task in one.tasks}
        if not wanted:
            return
        gone: set[str] = set()
        for caused in self._caused:
            gone |= {row.task_id for row in caused.outbox if row.task_id in wanted}
            caused.outbox = [row for row in caused.outbox if row.task_id not in wanted]
        gone |= self.tx.outbox_recall(sorted(one for one in wanted - gone if not self._given(one)))
        if gone:
            event = Recalled(request_id=request_id, observed_at=self.now, tasks=tuple(sorted(gone)))
            self.apply(event, INTERNAL_SOURCE, f"recalled.{event.tasks[0]}", encode(event))

    def _accept(self, state: RequestState, caused: Caused) -> None:
        before = self.states.get(state.request_id)
        if before is None:
            caused.leaves.insert(0, self._realiser.received(state))
        # Whoever writes a state last says so: an older process must not take what this one put in for its own.
        state.logic = LOGIC
        if before is not None:
            self._over += _over(before, state)
        if state.obligations or (before is not None and before.obligations):
            self._owing[state.request_id] = None
        self.states[state.request_id] = state
        if caused.capsule is not None:
            self.capsules[state.request_id] = caused.capsule
        if caused.closes_first or _ends_quietly(before, state):
            (self._closed_part if conflicts.restricts(state) else self._closed_first).append(state.request_id)
        self._touched[state.request_id] = None
        self._caused.append(caused)
        self.applied += 1

    def _note(self, event: Event, source: str, event_id: str, verdict: str, payload_hash: bytes = b"") -> None:
        body = encode(event)
        self.journal.append(
            JournalRow(
                source=source,
                event_id=event_id,
                request_id=event.request_id,
                type=type(event).__name__,
                observed_at=self.now,
                payload_hash=payload_hash or wire.digest(body)[0],
                body=body,
                wire=None,
                verdict=verdict,
            )
        )

    def accepted(self, source: str, event_id: str, request_id: str) -> Confirmed | None:
        """Give the answer that counted under a key; None if another kind of event did."""
        rows = [one for one in self.journal if (one.source, one.event_id) == (source, event_id)]
        if not rows:
            rows = [one for one in self.tx.history(request_id) if (one.source, one.event_id) == (source, event_id)]
        event = _EVENT.decode(rows[0].body) if rows and rows[0].body else None
        return event if isinstance(event, Confirmed) else None

    def incident(self, request_id: str, reason: str, cause: str, system: str = "") -> None:
        """Call somebody to a request. ``cause``: id of the event that led to it."""
        state = self.states.get(request_id)
        if state is None:
            return
        event = Incident(request_id=request_id, observed_at=self.now, reason=reason, system=system)
        try:
            step = machine.step(self.plan_of(request_id), state, event)
            caused = self._realise(step.state, step.effects, self.capsules.get(request_id))
        except Exception as error:  # noqa: BLE001 - then the dead letters are all there is
            self.bury(INTERNAL_SOURCE, cause, request_id, f"Incident: {type(error).__name__}", encode(event))
            return
        if not step.ignored:
            self._accept(step.state, caused)
            # The same cause may call again after somebody has looked, so this is an event of its own each time.
            self._note(event, INTERNAL_SOURCE, f"{cause}.incident.{self.chance(9).hex()}", APPLIED)

    def spend(self, request_id: str, timer: str) -> None:
        """Put a timer that did not count off; else it would be due, and fire, at every turn."""
        self._spent.setdefault(request_id, set()).add(timer)
        self._touched[request_id] = None

    def bury(
        self, source: str, event_id: str, request_id: str, error: str, original: bytes, *, tell: bool = True
    ) -> None:
        """Put an event that cannot be applied to the dead letters, sealed. ``tell``: others hear of it."""
        if not tell:
            self._untold.add(len(self._dead))
        self._dead.append(
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
    def _realise(self, state: RequestState, effects: tuple[Effect, ...], capsule: Capsule | None) -> Caused:
        caused = self._realiser.realise(state.request_id, effects, capsule, self.trace)
        for effect in effects:
            if isinstance(effect, Complete):
                caused.suppressions += self._suppressed(state, capsule, effect)
        return caused

    def _suppressed(self, state: RequestState, capsule: Capsule | None, effect: Complete) -> list[dict[str, Any]]:
        if capsule is None:
            return []
        before = self.states.get(state.request_id)
        plan = self.plans.get(self.tx, state.plan_sha256)
        return suppressing.rows(self.keys.subject, plan, before, state, capsule, effect.record)

    def note(self, hints: Hints) -> None:
        """Say what is left to do, once the transaction is committed."""
        timers = [due for one in self._touched if (due := self._next_timer(self.states[one])) is not None]
        hints.note((row.system for one in self._caused for row in one.outbox), min(timers, default=None))

    # -- writes -------------------------------------------------------------------------------------------
    def flush(self) -> None:
        """Write everything, once."""
        with self.tx.together():
            self._write(self.tx)
        self._bury_now()
        self._list_obligations()
        self._wake_waiting()

    def _write(self, tx: Transaction) -> None:
        tx.journal(self.journal)
        touched = list(self._touched)
        states = [self.states[one] for one in touched]
        tx.save_states([stored.row(one, self._next_timer(one)) for one in states])
        forgotten = [one for one in touched if self.states[one].forgotten]
        tx.forget(forgotten)
        tx.drop_mails([one for one in touched if self.states[one].phase is Phase.CLOSED])
        gone = set(forgotten)
        tx.save_capsules(
            {one: self.box.seal(one, self.capsules[one]) for one in touched if one in self.capsules and one not in gone}
        )
        tx.outbox_add([row for one in self._caused for row in one.outbox])
        tx.outbox_remove(self._over)
        tx.add_notices([row for one in self._caused for row in one.notices])
        tx.add_records([row for one in self._caused for row in one.records])
        tx.add_leaves([row for one in self._caused for row in one.leaves])
        tx.add_suppressions([row for one in self._caused for row in one.suppressions])
        tx.publish([one for caused in self._caused for one in caused.outgoing])

    def _bury_now(self) -> None:
        numbers = self.tx.add_dead_letters(self._dead)
        if self._publish:
            rows = [
                outgoing(topics.DEAD_LETTERS, str(number), row["request_id"], wire.dead_letter_event(number, row))
                for place, (number, row) in enumerate(zip(numbers, self._dead, strict=True))
                if place not in self._untold
            ]
            self.tx.publish(rows)

    def _next_timer(self, state: RequestState) -> str | None:
        spent = self._spent.get(state.request_id)
        if not spent:
            return state.next_timer()
        # Not never again: what is owed must come up, and by then the bug may be mended.
        again = later(self.now, seconds=self.plans.current.limits.retry_most_seconds)
        return min((again if name in spent else timer.due for name, timer in state.timers.items()), default=None)

    def _list_obligations(self) -> None:
        changed = list(self._owing)
        rows = [
            {
                "request_id": one,
                "place": place,
                "kind": owed.kind,
                "system": owed.system,
                "record_set": owed.record_set or owed.recipient,
                "due": owed.due,
                "text": owed.text,
            }
            for one in changed
            for place, owed in enumerate(self.states[one].obligations)
        ]
        if changed:
            self.tx.replace_obligations(changed, rows)
            self.tx.drop_suppressions(changed, self.now[:10])

    def _wake_waiting(self) -> None:
        """Requests that waited for one of these go on: an event of their own, applied in the next batch."""
        if not self._closed_first and not self._closed_part:
            return
        rows = []
        woken = self.tx.take_waits(self._closed_first) + self.tx.take_waits(self._closed_part, but="erasure")
        for other, request_id in woken:
            erased = self.states[other].right is Right.ERASURE
            body = encode(OtherClosed(request_id=request_id, observed_at=self.now, other=other, erased=erased))
            rows.append(
                JournalRow(
                    source=INTERNAL_SOURCE,
                    event_id=f"{request_id}.waited.{other}",
                    request_id=request_id,
                    type=OtherClosed.__name__,
                    observed_at=self.now,
                    payload_hash=wire.digest(body)[0],
                    body=None,
                    wire=body,
                    verdict="waiting",
                )
            )
        self.tx.journal(rows)


def _ends_quietly(before: RequestState | None, after: RequestState) -> bool:
    """Tell whether a look has found nothing: it ends without a record, and who waited for it goes on all the same."""
    ends = before is not None and before.phase is not Phase.CLOSED and after.phase is Phase.CLOSED
    return ends and after.right in conflicts.AWAITED


def _over(before: RequestState, after: RequestState) -> list[str]:
    """Give the tasks that are not awaited any more: answered, or given up for a new try.

    Derived from the states and not from what came in: a confirmation can name any task, its sender's or not.
    """
    over = [
        one.task
        for name, one in before.systems.items()
        if one.task and (name not in after.systems or after.systems[name].task != one.task)
    ]
    if before.package_job and (after.package_job != before.package_job or after.package_sha256):
        over.append(before.package_job)
    return over
