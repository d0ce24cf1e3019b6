"""Gives tasks to a relay that publishes them: in two phases, up to a window per system (decision 3).

Released is what may be out: stamped, with the bytes it is published as, in a transaction of its own. Published is what
the broker has acknowledged. Between the two a relay may die; then the same bytes go out again. A task leaves the outbox
only when the request does not await it any more, so the window counts exactly what was not answered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from orchestrator.engine.base import BATCH, Base, again
from orchestrator.engine.batch import INTERNAL_SOURCE
from orchestrator.engine.release import heard
from orchestrator.ports import OutboxRow, Publication, Released, Transaction
from schemas.codec import encode
from schemas.requests import utc
from schemas.sealing import SharedKey

_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw]).decode
_RELEASE: Final = "release "
"""Before a system's name: that of the lock under which its tasks are released."""
UNPUBLISHED_AFTER: Final = dt.timedelta(seconds=30)
"""How long whoever took something may take to publish it before another one does."""


class Taken(msgspec.Struct):
    """What may go out. ``tasks``: by system, also where there are none; one that another process is at is missing."""

    tasks: dict[str, list[Released]]
    publications: list[Publication] = []


class Releasing(Base):
    """Tasks for a relay."""

    def release(self, system: str, window: int, limit: int = BATCH) -> list[Released]:
        """Release the next tasks of one system; see ``outgoing``."""
        return self.outgoing([system], window, limit).tasks.get(system, [])

    def outgoing(
        self,
        systems: Iterable[str],
        window: int,
        limit: int = BATCH,
        again_after: dt.timedelta | None = None,
    ) -> Taken:
        """Take what may go out now: tasks in order of deadline, destructive ones with their lease (decision 4).

        A task whose answer is parked stays: a restored store knows of it again, and the answer of then counts (ADR 27).
        Everything in one transaction: alone, a transaction costs what a small batch costs. Any number of processes
        may call it: one at a time releases for a system, the others get nothing of it meanwhile.

        Args:
            systems: Whose tasks.
            window: Most tasks of a system that may be released and not answered.
            limit: Most tasks of each system, and most publications.
            again_after: Take publications too: those that nobody took within it (``publications``).
        """
        wanted = sorted(systems)
        return again(lambda: self._outgoing(wanted, window, limit, again_after))

    def _outgoing(self, systems: Sequence[str], window: int, limit: int, again_after: dt.timedelta | None) -> Taken:
        self.keys.refresh()
        now = self._clock.now()
        with self.store.write() as tx:
            tasks = self._released(tx, systems, window, limit, now)
            bodies = {one.task_id: one.body for released in tasks.values() for one in released}
            tx.outbox_released(utc(now), bodies)
            if again_after is None:
                return Taken(tasks)
            return Taken(tasks, tx.take_publications(utc(now), utc(now - again_after), limit))

    def _released(
        self, tx: Transaction, systems: Sequence[str], window: int, limit: int, now: dt.datetime
    ) -> dict[str, list[Released]]:
        """Ask once for all systems: it is at every turn, and a question costs what some ten tasks cost."""
        if not systems:
            return {}
        names = tx.alone_of([f"{_RELEASE}{system}" for system in systems])
        ours = [one.removeprefix(_RELEASE) for one in names]
        # Counted by a statement of its own: one that also asks for the locks would see what was there before them.
        out = tx.outbox_in_flight(ours) if ours else {}
        room = {system: free for system, count in out.items() if (free := min(limit, window - count)) > 0}
        found = tx.outbox_free(room) if room else {}
        rows = {one.task_id for one in heard(tx, [one for some in found.values() for one in some])}
        self.hints.note((name for name, some in found.items() if any(one.task_id not in rows for one in some)), None)
        return {
            system: [self._signed(one, now) for one in found.get(system, ()) if one.task_id in rows] for system in ours
        }

    def _signed(self, row: OutboxRow, now: dt.datetime) -> Released:
        return Released(row.task_id, row.request_id, row.system, _stamped(row, now, self.keys.system(row.system)))

    def published(self, task_ids: Sequence[str]) -> None:
        """Note that the broker has these tasks."""
        now = utc(self._clock.now())

        def mark() -> None:
            with self.store.write() as tx:
                tx.outbox_published(now, task_ids)

        again(mark)

    def unpublished(self, limit: int = BATCH, after: dt.timedelta = UNPUBLISHED_AFTER) -> list[Released]:
        """Take tasks that were released, and that nobody reported as published within ``after``: the same bytes."""
        now = self._clock.now()

        def take() -> list[Released]:
            with self.store.write() as tx:
                return tx.take_unpublished(utc(now), utc(now - after), limit)

        return again(take)

    def quarantine(self, one_id: str, reason: str) -> bool:
        """Give up publishing a task or a publication: it goes to the dead letters, its request to a person.

        A task stays in the outbox as one that is awaited; `expunge retry` makes a new one in its place.

        Args:
            one_id: Id of the task, or of the publication.
            reason: A code, e.g. ``too_large``; never a text of the broker.

        Returns:
            False where nobody awaits it any more.
        """
        return again(lambda: self._quarantine(one_id, reason))

    def _quarantine(self, one_id: str, reason: str) -> bool:
        with self._batch("publish") as batch:
            found: OutboxRow | Publication | None = batch.tx.quarantine(one_id, reason)
            system = found.system if isinstance(found, OutboxRow) else ""
            if found is None:
                found = batch.tx.publication(one_id)
                batch.tx.publications_remove([one_id])
            if found is None:
                return False
            batch.load([found.request_id])
            batch.bury(INTERNAL_SOURCE, one_id, found.request_id, f"Unpublishable: {reason}", found.body, tell=False)
            batch.incident(found.request_id, "unpublishable", one_id, system)
        return True


def _stamped(row: OutboxRow, now: dt.datetime, key: SharedKey) -> bytes:
    """Give the final bytes: with the lease of a destructive order, and authenticated for the system.

    The rest stays as it is, read as plain members: a newer orchestrator may have written fields that a typed struct of
    this version would drop.
    """
    event = _MEMBERS(row.body)
    data = bytes(event["data"])
    if row.lease_minutes:
        until = utc(now + dt.timedelta(minutes=row.lease_minutes))
        data = encode(_MEMBERS(data) | {"not_after": until})
    return encode(event | {"data": msgspec.Raw(data), "expungemac": key.task_mac(data)})
