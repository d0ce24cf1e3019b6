"""Tells of incidents: each version as an event, and their owner again and again until somebody closes them (I6)."""

from __future__ import annotations

from orchestrator.core.effects import Notice
from orchestrator.engine import incidents, wire
from orchestrator.engine.base import Base, again
from orchestrator.engine.causing import outgoing
from orchestrator.ports import IncidentRow, Publication, Transaction
from schemas import envelope, topics
from schemas.codec import encode
from schemas.incidents import Incident
from schemas.requests import utc


class Telling(Base):
    """What time brings to incidents."""

    def tell_incidents(self, limit: int) -> int:
        """Tell of those that are due; gives how many there were. Each is told once, by one process."""
        now = utc(self._clock.now())
        with self.store.read() as tx:
            if not tx.due_incidents(now, 1):
                return 0

        def tell() -> int:
            with self.store.write() as tx:
                due = tx.due_incidents(now, limit)
                for row in due:
                    self._tell(tx, row, now)
                return len(due)

        return again(tell)

    def _tell(self, tx: Transaction, row: IncidentRow, now: str) -> None:
        one = incidents.read(row)
        number = row.told + 1
        notice = Notice(f"{one.incident_id}.notice.{number}", _kind(one, number), one.owner, _facts(one))
        body = wire.notice_event(one.incident_id, notice, now)
        tx.add_notices([{"notice_id": notice.notice_id, "request_id": one.incident_id, "body": body}])
        if self._publish:
            tx.publish([outgoing(topics.NOTICES, notice.notice_id, one.incident_id, body), *_announced(row, one, now)])
        row.told, row.announced, row.tell_at = number, one.version, incidents.next_telling(one, now)
        tx.save_incident(row)


def _announced(row: IncidentRow, one: Incident, now: str) -> list[Publication]:
    if row.announced == one.version:
        return []
    event_id = f"{one.incident_id}.{one.version}"
    event = wire.wrap(event_id, envelope.INCIDENT, one.incident_id, now, encode(one))
    return [outgoing(topics.NOTICES, event_id, one.incident_id, event)]


def _kind(one: Incident, number: int) -> str:
    if one.closed_at is not None:
        return "incident_closed"
    return "incident_reported" if number == 1 else "incident_open"


def _facts(one: Incident) -> dict[str, str]:
    found = {
        "incident": one.incident_id,
        "kind": one.kind,
        "cause": one.cause,
        "detected_at": one.detected_at,
        "notify_by": one.notify_by(),
        "authorities": "; ".join(f"{duty.controller}: {duty.authority or 'not named'}" for duty in one.owing()),
    }
    return {name: value for name, value in found.items() if value}
