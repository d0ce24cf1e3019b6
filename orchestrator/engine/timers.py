"""Fires what is due."""

from __future__ import annotations

from typing import Final

import msgspec

from orchestrator.core import returning
from orchestrator.core.events import TimerFired
from orchestrator.core.model import Phase
from orchestrator.engine.base import BATCH, STOPS, again, one_by_one
from orchestrator.engine.batch import APPLIED, Batch
from orchestrator.engine.conflicts import RESTRICTING, marks
from orchestrator.engine.reach import refs_of
from orchestrator.engine.telling import Telling
from schemas.codec import encode
from schemas.identifiers import Identifier
from schemas.requests import utc

_NEVER: Final = "9999"
_SOURCE: Final = "/timers"


class Timers(Telling):
    """Timers live in the states; one column finds the next."""

    _firing: frozenset[str] | set[str] = frozenset()

    def fire_timers(self, limit: int = BATCH) -> int:
        """Fire what is due, and tell of incidents; returns how many counted."""
        now = utc(self._clock.now())
        told = self.tell_incidents(limit)
        with self.store.read() as tx:
            if not tx.due(now, 1):
                self.hints.earliest = tx.next_timer() or _NEVER
                return told
        try:
            counted = again(lambda: self._fire_timers(limit))
        except STOPS:
            raise
        except Exception as error:  # noqa: BLE001 - one event is to blame: find it (section 8)
            if limit > 1:
                return one_by_one(lambda: self.fire_timers(1), limit)
            failed = type(error).__name__
            counted = again(lambda: self._fire_timers(1, failed=failed))
        with self.store.read() as tx:
            self.hints.earliest = tx.next_timer() or _NEVER
        return told + counted

    def _fire_timers(self, limit: int, failed: str = "") -> int:
        with self._batch("timers") as batch:
            ids = batch.tx.due(batch.now, limit)
            # Another process may have taken the one that failed here: the next one is not to blame.
            ids = [one for one in ids if one in self._firing] if failed else ids
            self._firing = set(ids)
            batch.load(ids)
            due = [
                self._fired(batch, one, name, timer.generation)
                for one in ids
                for name, timer in sorted(batch.states[one].timers.items())
                if timer.due <= batch.now
            ]
            known = batch.tx.known([(_SOURCE, _timer_id(event)) for event in due])
            for one in due:
                event_id = _timer_id(one)
                # What others keep restricted is asked in its turn: the one before it may be theirs.
                event = self._asked_others(batch, one) if one.name == "lift" else one
                if failed:
                    batch.bury(_SOURCE, event_id, event.request_id, failed, encode(event))
                    batch.spend(event.request_id, event.name)
                elif (_SOURCE, event_id) in known or batch.apply(event, _SOURCE, event_id, encode(event)) != APPLIED:
                    batch.spend(event.request_id, event.name)
            return batch.applied

    def _fired(self, batch: Batch, request_id: str, name: str, generation: int) -> TimerFired:
        plan = self._plans.digest if name in {"owed", returning.TIMER} else ""
        return TimerFired(
            request_id=request_id, observed_at=batch.now, name=name, generation=generation, plan_sha256=plan
        )

    def _asked_others(self, batch: Batch, event: TimerFired) -> TimerFired:
        """Say what other requests of the person keep restricted: several share one mark."""
        capsule = batch.capsules.get(event.request_id)
        known = [] if capsule is None else [Identifier(*one) for one in capsule.identifiers.values()]
        given = [ref for _, ref in batch.tx.subject_refs([event.request_id])]
        refs = sorted({*given, *refs_of(self.keys.subject, known)})
        batch.tx.one_person(refs)
        others = {one for _, one, right in batch.tx.same_subject(refs) if right in RESTRICTING} - {event.request_id}
        batch.load(others)
        found = {one: marks(batch.plan_of(one), batch.states[one]) for one in sorted(others)}
        marked = {place: one for one, places in found.items() for place in sorted(places or ())}
        closed = batch.states[event.request_id].phase is Phase.CLOSED
        plan = self._plans.digest if closed else ""
        return msgspec.structs.replace(event, marked=marked, busy=None in found.values(), plan_sha256=plan)

    def next_timer(self) -> str | None:
        """When the earliest timer is due."""
        with self.store.read() as tx:
            return tx.next_timer()


def _timer_id(event: TimerFired) -> str:
    return f"{event.request_id}.{event.name}.{event.generation}"
