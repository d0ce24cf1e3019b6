"""What has to go out through a broker: tasks and publications, each in two phases.

First it is taken, in a transaction of its own, with the bytes it is published as; when the broker has it, it is marked.
What was taken and not marked for a while is taken again: published twice at worst, and then the same bytes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec
import sqlalchemy as sa

from orchestrator.ports import OutboxRow, Publication, Released
from orchestrator.store import statements as q
from orchestrator.store import tables as t
from orchestrator.store.rows import Rows, columns_of

_O = t.outbox.c
_P = t.publications.c


class Sending(Rows):
    """The outbox's second half, and the publications."""

    # -- tasks --------------------------------------------------------------------------------------------
    def outbox_in_flight(self, systems: Sequence[str]) -> dict[str, int]:
        """Count what is out of each of these systems that have more to be released."""
        waiting = [one for one in systems if self._all(q.OUTBOX_WAITS, system=one)]
        return {one: int(self._all(q.OUTBOX_IN_FLIGHT, system=one)[0][0]) for one in waiting}

    def outbox_free(self, most: Mapping[str, int]) -> dict[str, list[OutboxRow]]:
        """Give the next tasks of each of these systems, in order of deadline; released ones, and answered ones, not."""
        return {
            system: [OutboxRow(*row) for row in self._all(q.OUTBOX_FREE, system=system, most=limit)]
            for system, limit in most.items()
        }

    def outbox_released(self, now: str, bodies: dict[str, bytes]) -> None:
        """Note that tasks were given to the relay, and their final bytes."""
        if bodies:
            update = sa.update(t.outbox).where(_O.task_id == sa.bindparam("id"))
            update = update.values(released_at=now, claimed_at=now, body=sa.bindparam("final"))
            self.connection.execute(update, [{"id": one, "final": body} for one, body in sorted(bodies.items())])

    def outbox_published(self, now: str, task_ids: Sequence[str]) -> None:
        """Note that the broker has these tasks; those that were answered meanwhile are gone."""
        self._change(q.OUTBOX_PUBLISHED, sorted(task_ids), now=now)

    def take_unpublished(self, now: str, before: str, limit: int) -> list[Released]:
        """Take tasks that were released, and last taken before ``before``, and never marked as published."""
        found = [Released(*row) for row in self._all(q.OUTBOX_UNPUBLISHED, before=before, most=limit)]
        self._change(q.OUTBOX_CLAIMED, [one.task_id for one in found], now=now)
        return found

    def quarantine(self, task_id: str, reason: str) -> OutboxRow | None:
        """Keep a task from being released; None if nobody awaits it any more."""
        update = sa.update(t.outbox).where(_O.task_id == task_id)
        update = update.values(released_at=None, claimed_at=None, published_at=None, quarantined=reason)
        row = self.connection.execute(update.returning(*columns_of(OutboxRow, t.outbox))).first()
        return OutboxRow(*row) if row else None

    # -- publications -------------------------------------------------------------------------------------
    def publish(self, rows: Sequence[Publication]) -> None:
        """Make what has to go out durable."""
        self._insert(t.publications, [msgspec.structs.asdict(one) | {"claimed_at": ""} for one in rows])

    def take_publications(self, now: str, before: str, limit: int) -> list[Publication]:
        """Take what has to go out and was not taken since ``before``."""
        found = [Publication(*row) for row in self._all(q.PUBLICATIONS, before=before, most=limit)]
        self._change(q.PUBLICATIONS_CLAIMED, [one.publication_id for one in found], now=now)
        return found

    def publication(self, publication_id: str) -> Publication | None:
        """Give one."""
        query = sa.select(*columns_of(Publication, t.publications)).where(_P.publication_id == publication_id)
        row = self.connection.execute(query).first()
        return Publication(*row) if row else None

    def publications_remove(self, publication_ids: Sequence[str]) -> None:
        """Drop what the broker has."""
        self._change(q.PUBLICATIONS_REMOVE, sorted(publication_ids))
