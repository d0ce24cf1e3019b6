"""The registry of legal holds: who answers for each, what it is about, and (by keyed digests) whom."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from orchestrator.ports import HoldRow
from orchestrator.store import tables as t
from orchestrator.store.rows import Rows, columns_of
from orchestrator.store.statements import UNHEARD

_H = t.holds.c
_P = t.hold_subjects.c
_R = t.requests.c
_STANDING = sa.select(*columns_of(HoldRow, t.holds)).where(_H.released_at.is_(None)).order_by(_H.placed_at, _H.hold_id)
_PEOPLE = sa.select(_P.hold_id).where(_P.subject_ref.in_(sa.bindparam("values", expanding=True))).distinct()


class Holds(Rows):
    """The tables ``holds`` and ``hold_subjects``."""

    def among_people(self) -> None:
        """Wait until nobody places or releases a hold; nobody can until this ends: on SQLite nobody else writes."""

    def everybody(self) -> None:
        """Wait until nobody decides about any person; nobody can until this ends: on SQLite nobody else writes."""

    def add_hold(self, row: HoldRow, refs: Sequence[bytes]) -> None:
        """Note a hold, and the digests of whom it is about."""
        self.connection.execute(sa.insert(t.holds), msgspec.structs.asdict(row))
        self._insert(t.hold_subjects, [{"subject_ref": ref, "hold_id": row.hold_id} for ref in refs])

    def release_hold(self, hold_id: str, at: str, role: str) -> None:
        """Note that a hold is over, and forget whom it was about."""
        over = sa.update(t.holds).where(_H.hold_id == hold_id).values(released_at=at, released_by=role)
        self.connection.execute(over)
        self.connection.execute(sa.delete(t.hold_subjects).where(_P.hold_id == hold_id))

    def hold(self, hold_id: str) -> HoldRow | None:
        """Give one hold."""
        row = self.connection.execute(sa.select(*columns_of(HoldRow, t.holds)).where(_H.hold_id == hold_id)).first()
        return HoldRow(*row) if row else None

    def holds(self) -> list[HoldRow]:
        """Give all holds, the standing ones first."""
        query = sa.select(*columns_of(HoldRow, t.holds))
        rows = self.connection.execute(query.order_by(_H.released_at.is_not(None), _H.review_by, _H.hold_id))
        return [HoldRow(*row) for row in rows]

    def standing_holds(self) -> list[HoldRow]:
        """Give the holds that were not released, the oldest first."""
        return [HoldRow(*row) for row in self._all(_STANDING)]

    def held_people(self, refs: Sequence[bytes]) -> set[str]:
        """Give the ids of the holds that are about one of these people."""
        return {row[0] for row in self.connection.execute(_PEOPLE, {"values": list(refs)})} if refs else set()

    def erasures(self) -> Iterator[tuple[str, bytes, bytes]]:
        """Give (request id, state, sealed capsule) of what a hold may stop, and that still leads to its person.

        Erasures and rectifications: nothing that is evidence may go, or become another.
        """
        query = sa.select(_R.request_id, _R.state, t.capsules.c.sealed).join(
            t.capsules, t.capsules.c.request_id == _R.request_id
        )
        rows: Any = self.connection.execute(
            query.where(_R.right.in_(("erasure", "rectification"))).order_by(_R.request_id)
        )
        for row in rows:
            yield row[0], bytes(row[1]), bytes(row[2])

    def all_erasures(self) -> Iterator[tuple[str, bytes]]:
        """Give (request id, state) of every erasure, also of those that nothing leads to the person of any more."""
        query = sa.select(_R.request_id, _R.state).where(_R.right == "erasure").order_by(_R.request_id)
        for request_id, state in self.connection.execute(query.execution_options(yield_per=1000)):
            yield request_id, bytes(state)

    def subjects_of(self, refs: Sequence[bytes]) -> set[str]:
        """Give the requests that were made with one of these identifiers, closed ones too."""
        c = t.subjects.c
        query = sa.select(c.request_id).where(c.subject_ref.in_(list(refs))).distinct()
        return set(self.connection.execute(query).scalars())

    def unheard(self, request_ids: Sequence[str]) -> set[str]:
        """Give those of these requests that an event waits for, which was accepted and is not applied yet."""
        return {row[0] for row in self._among(UNHEARD, request_ids)}

    def waiting_holds(self, hold_id: str) -> set[str]:
        """Give the requests that a hold was told to, and that have not taken it in yet."""
        c = t.journal.c
        query = sa.select(c.request_id, c.event_id).where(c.wire.is_not(None), c.type == "HoldPlaced")
        return {
            request_id for request_id, event_id in self.connection.execute(query) if event_id.endswith(f".{hold_id}")
        }

    def all_plans(self) -> list[bytes]:
        """Give every plan that requests were ever decided under."""
        return [bytes(one) for one in self.connection.execute(sa.select(t.plans.c.body)).scalars()]
