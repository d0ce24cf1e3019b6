"""The end of a request's evidence in the store: what may go, what still hangs on it, and the deletion itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import sqlalchemy as sa

from connectors.sqltext import chunks
from orchestrator.ports import INTAKE_SOURCE
from orchestrator.store import tables as t
from orchestrator.store.rows import Rows

FIRST: Final = "RequestAccepted"
"""The event that begins a request; what is left of it keeps the id and the event from counting once more."""
_SWEPT: Final = "/retention"
_R: Final = t.requests.c
_J: Final = t.journal.c
_L: Final = t.leaves.c
_HANGING: Final = (
    t.capsules.c.request_id,
    t.subjects.c.request_id,
    t.outbox.c.request_id,
    t.obligations.c.request_id,
    t.suppressions.c.request_id,
    t.publications.c.request_id,
    t.parked.c.request_id,
    t.waits.c.request_id,
    t.waits.c.other,
)
_GOES: Final = (t.records, t.notices, t.dead_letters, t.links, t.requests)


class Retired(Rows):
    """Requests whose evidence is deleted."""

    def retirable(self, until: str, after: str, limit: int) -> list[str]:
        """Give ids of closed requests without a timer that were received on a day or before, in order of their ids."""
        query = (
            sa.select(_R.request_id)
            .where(_R.phase == "closed", _R.next_timer.is_(None), _R.attention == 0)
            .where(sa.func.substr(_R.received_at, 1, 10) <= until, _R.request_id > after)
            .order_by(_R.request_id)
            .limit(limit)
        )
        return list(self.connection.execute(query).scalars())

    def last_noted(self, request_ids: Sequence[str]) -> dict[str, str]:
        """Give when the last event of each of these requests was noted, or its last leaf."""
        found: dict[str, str] = {}
        for chunk in chunks(request_ids):
            for of, moment in ((_J.request_id, _J.observed_at), (_L.request_id, _L.at)):
                query = sa.select(of, sa.func.max(moment)).where(of.in_(chunk)).group_by(of)
                for request_id, at in self.connection.execute(query):
                    found[request_id] = max(found.get(request_id, ""), at)
        return found

    def in_use(self, request_ids: Sequence[str]) -> set[str]:
        """Give those of these requests that something hangs on: work, an event, a message, a fact without a number."""
        found: set[str] = set()
        for chunk in chunks(request_ids):
            queries: list[sa.Select[Any]] = [sa.select(one).where(one.in_(chunk)) for one in _HANGING]
            queries.append(sa.select(_J.request_id).where(_J.request_id.in_(chunk), _J.wire.is_not(None)))
            queries.append(sa.select(_L.request_id).where(_L.request_id.in_(chunk), _L.number.is_(None)))
            for query in queries:
                found.update(self.connection.execute(query).scalars())
        return found

    def retire(self, request_ids: Sequence[str], at: str) -> None:
        """Delete everything of these requests but their leaves, which say when, and that their ids are taken."""
        for chunk in chunks(request_ids):
            for table in _GOES:
                self.connection.execute(sa.delete(table).where(table.c.request_id.in_(chunk)))
            mine = _J.request_id.in_(chunk)
            self.connection.execute(sa.delete(t.journal).where(mine, _J.type != FIRST))
            ours = sa.case((_J.source.in_((INTAKE_SOURCE, _SWEPT)), b""), else_=_J.payload_hash)
            self.connection.execute(sa.update(t.journal).where(mine).values(body=None, payload_hash=ours))
            leaves = sa.update(t.leaves).where(_L.request_id.in_(chunk))
            self.connection.execute(leaves.values(statement=None, retired_at=at))

    def retired(self, request_ids: Sequence[str]) -> dict[str, str]:
        """Give when the evidence of each of these requests was deleted, of those of which it was."""
        found: dict[str, str] = {}
        for chunk in chunks(request_ids):
            query = sa.select(_L.request_id, _L.retired_at).where(_L.request_id.in_(chunk))
            rows = self.connection.execute(query.where(_L.retired_at.is_not(None)))
            found |= {row[0]: row[1] for row in rows}
        return found

    def retired_in(self, since: str, until: str) -> list[str]:
        """Give the requests taken in on a day of a period (ISO 8601, UTC) of which nothing is left but leaves."""
        query = sa.select(_L.request_id, _L.at).where(_L.fact == "received", _L.retired_at.is_not(None))
        found = self.connection.execute(query.order_by(_L.at, _L.request_id))
        return [one for one, at in found if (not since or since <= at[:10]) and (not until or at[:10] <= until)]
