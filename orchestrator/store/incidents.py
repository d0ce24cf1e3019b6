"""The registry of incidents: who answers for each, until when an authority is told, and when somebody is reminded."""

from __future__ import annotations

from typing import Any, Final

import msgspec
import sqlalchemy as sa

from orchestrator.ports.incidents import IncidentRow
from orchestrator.store import tables as t
from orchestrator.store.rows import Rows, columns_of

_I: Final = t.incidents.c
_ALL: Final = sa.select(*columns_of(IncidentRow, t.incidents))


class Incidents(Rows):
    """The table ``incidents``."""

    def save_incident(self, row: IncidentRow) -> None:
        """Insert or replace one."""
        self._upsert(t.incidents, [msgspec.structs.asdict(row)], ("incident_id",))

    def incident(self, incident_id: str) -> IncidentRow | None:
        """Give one; in a write transaction nobody else changes it until that ends."""
        query = _ALL.where(_I.incident_id == incident_id)
        row = self.connection.execute(self._mine(query)).first()
        return _read(row) if row else None

    def incidents(self) -> list[IncidentRow]:
        """Give all, the open ones first, the latest of them first."""
        query = _ALL.order_by(_I.closed_at.is_not(None), _I.detected_at.desc(), _I.incident_id)
        return [_read(row) for row in self.connection.execute(query)]

    def due_incidents(self, now: str, limit: int) -> list[IncidentRow]:
        """Give those whose owner is to hear of them now; none that another transaction works on."""
        query = _ALL.where(_I.tell_at <= now).order_by(_I.tell_at, _I.incident_id).limit(limit)
        return [_read(row) for row in self.connection.execute(self._free(query))]


def _read(row: Any) -> IncidentRow:
    made = IncidentRow(*row)
    made.body = bytes(made.body)
    return made
