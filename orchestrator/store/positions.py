"""What was consumed, up to which offset; written in the transaction of what it caused (decision 2)."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from connectors.sqltext import Text, compiled_for
from orchestrator.ports import Position
from orchestrator.store import tables as t
from orchestrator.store.rows import Rows, columns_of, dialect_insert


class Positions(Rows):
    """Positions of consumer groups."""

    def positions(self, group: str) -> list[Position]:
        """Give what was consumed by a consumer group."""
        c = t.positions.c
        query = sa.select(*columns_of(Position, t.positions)).where(c.consumer_group == group)
        return [Position(*row) for row in self.connection.execute(query.order_by(c.topic, c.partition))]

    def save_positions(self, group: str, positions: Sequence[Position]) -> None:
        """Note what was consumed; a position never goes back, unless the topic is another one.

        A process that was stopped for so long that its partitions went to another may wake and commit what it had.
        """
        if not positions:
            return
        text = _forward(self._dialect)
        for row in _rows(group, positions):
            self._cursor.execute(text.sql, text.bound(row))

    def put_positions(self, group: str, positions: Sequence[Position]) -> None:
        """Replace all positions of a group."""
        self.connection.execute(sa.delete(t.positions).where(t.positions.c.consumer_group == group))
        if positions:
            self.connection.execute(sa.insert(t.positions), _rows(group, positions))


@functools.lru_cache(maxsize=8)
def _forward(dialect: sa.Dialect) -> Text:
    insert = dialect_insert(t.positions, dialect).values({c.name: sa.bindparam(c.name) for c in t.positions.c})
    old, new = t.positions.c, insert.excluded
    back = sa.and_(old.topic_id == new.topic_id, old.next_offset > new.next_offset)
    kept = {"topic_id": new.topic_id, "next_offset": sa.case((back, old.next_offset), else_=new.next_offset)}
    keys = ["consumer_group", "topic", "partition"]
    return compiled_for(insert.on_conflict_do_update(index_elements=keys, set_=kept), dialect)


def _rows(group: str, positions: Sequence[Position]) -> list[dict[str, Any]]:
    # Always in the same order: two transactions that lock the same rows in another order wait for each other.
    ordered = sorted(positions, key=lambda one: (one.topic, one.partition))
    return [{"consumer_group": group, **msgspec.structs.asdict(one)} for one in ordered]
