"""Events that cannot be applied yet: they came before what they belong to, or are sealed to a key that is not held."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from orchestrator.ports import ParkedRow
from orchestrator.store import tables as t
from orchestrator.store.rows import Rows, columns_of
from orchestrator.store.statements import ANSWERED


class Parking(Rows):
    """The table ``parked``."""

    def park(self, rows: Sequence[ParkedRow]) -> None:
        """Keep events that cannot be applied yet; one that is kept already stays as it is."""
        if rows:
            self.connection.execute(self._insert_if_new(t.parked), [msgspec.structs.asdict(one) for one in rows])

    def take_parked(self, now: str, limit: int) -> list[ParkedRow]:
        """Take out events whose time to be tried again has come, earliest first; what is asked now has its answer."""
        c = t.parked.c
        due = sa.or_(c.retry_at <= now, sa.exists().where(ANSWERED))
        query = sa.select(*columns_of(ParkedRow, t.parked)).where(due).order_by(c.retry_at).limit(limit)
        found = [ParkedRow(*row) for row in self.connection.execute(self._free(query))]
        for one in found:
            key = (c.event_id == one.event_id, c.source == one.source, c.payload_hash == one.payload_hash)
            self.connection.execute(sa.delete(t.parked).where(*key))
        return found

    def parked(self) -> dict[str, int]:
        """Count what is parked, by reason."""
        query = sa.select(t.parked.c.reason, sa.func.count()).group_by(t.parked.c.reason)
        return {row[0]: row[1] for row in self.connection.execute(query)}
