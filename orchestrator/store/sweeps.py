"""Where each sweep of a record set is (ADR 36)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from orchestrator.ports import SweepRow
from orchestrator.store import tables as t
from orchestrator.store.rows import Rows, columns_of

_KEY = ("system", "record_set")


class Sweeps(Rows):
    """The table ``sweeps``: one row a record set."""

    def sweeps(self) -> list[SweepRow]:
        """Give all of them."""
        c = t.sweeps.c
        query = sa.select(*columns_of(SweepRow, t.sweeps)).order_by(c.system, c.record_set)
        return [SweepRow(*row) for row in self.connection.execute(query)]

    def save_sweeps(self, rows: Sequence[SweepRow]) -> None:
        """Insert or replace."""
        self._upsert(t.sweeps, [msgspec.structs.asdict(one) for one in rows], _KEY)
