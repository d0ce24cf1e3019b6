"""Gives out tasks: they leave the outbox only when their confirmation is in the journal (decision 3)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

import msgspec

from orchestrator.engine.base import BATCH, Base
from orchestrator.engine.causing import PACKAGE_SYSTEM
from orchestrator.ports import OutboxRow, Transaction
from schemas.codec import decode, decode_event
from schemas.requests import utc
from schemas.tasks import Task


def heard(tx: Transaction, rows: Sequence[OutboxRow]) -> list[OutboxRow]:
    """Leave out orders that change something, as long as a word about their request waits to be taken in.

    A hold, a withdrawal or a decision that is in the journal counts from then on, whenever it is applied (decision 4).
    """
    unheard = tx.unheard(sorted({one.request_id for one in rows if one.lease_minutes}))
    return [one for one in rows if not one.lease_minutes or one.request_id not in unheard]


class Release(Base):
    """Tasks, in order of deadline."""

    def next_tasks(self, system: str, limit: int = BATCH) -> list[Task]:
        """Release the next tasks of a system, in order of deadline; destructive ones get their lease (decision 4)."""
        now = self._clock.now()
        wanted = limit + len(self._holdback)
        with self.store.read() as tx:
            found = tx.outbox_next(system, wanted)
            rows = heard(tx, found)
        # What does not leave yet is still there: it has to be asked for again.
        self._seen(system, len(found) if len(rows) == len(found) else wanted, wanted)
        tasks: list[Task] = []
        for row in [one for one in rows if not self._holdback.holds(one.task_id, now)][:limit]:
            task = decode(bytes(decode_event(row.body).data), Task)
            if row.lease_minutes:
                until = utc(now + dt.timedelta(minutes=row.lease_minutes))
                task = msgspec.structs.replace(task, not_after=until)
            tasks.append(task)
        # Nothing else of the system is out (its thread is asked for more only when it has answered).
        self._given[system] = frozenset(one.task_id for one in tasks)
        return tasks

    def _seen(self, system: str, found: int, limit: int) -> None:
        """Note that the store was asked: fewer than asked for means that nothing else is there yet."""
        if self.hints.tasks is None:
            self.hints.tasks = {*self._plans.current.by_name, PACKAGE_SYSTEM}
        if found < limit:
            self.hints.tasks.discard(system)

    def recall(self) -> None:
        """Let tasks whose pause is over go out again."""
        if self._holdback:
            self.hints.note(self._holdback.over(self._clock.now()), None)
