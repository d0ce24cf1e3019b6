"""Says whether a deadline was missed in silence: asks the store by queries of its own, every day and at the end."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec
import sqlalchemy as sa

from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan
from orchestrator.store.store import SqlStore

_DUE = sa.text("SELECT request_id, state FROM requests WHERE due_on = :day AND phase <> 'closed'")
_OWED = sa.text(
    "SELECT o.request_id, r.phase, r.state FROM obligations o JOIN requests r ON r.request_id = o.request_id"
    " WHERE o.kind = 'retention' AND o.due < :day"
)
GRACE: Final = 31
"""Days after which what was due for erasure is erased, or its owner was called: an episode has its own date."""


class Judge:
    """Collects what is wrong; empty is good.

    ``late``: requests that were answered after their date, all of which were brought to somebody before it.
    """

    def __init__(self, store: SqlStore, plan: Plan) -> None:
        self._store = store
        self._plan = plan
        self.wrong: list[str] = []
        self.called: Counter[str] = Counter()
        self.refused: Counter[str] = Counter()
        self.late = 0
        self.open = 0
        self.closed = 0
        self.kept = 0

    def every_day(self, today: dt.date) -> None:
        """Whoever is not answered on the day must have been brought to somebody before it."""
        with self._store.read() as tx:
            rows = tx.connection.execute(_DUE, {"day": today.isoformat()}).fetchall()
        for request_id, blob in rows:
            state = msgspec.msgpack.decode(blob, type=RequestState)
            if state.records:
                continue  # answered; what is looked at afresh has a date of its own
            before = [one.reason for one in state.attention if one.since[:10] < today.isoformat()]
            self.called.update(before)
            self.late += 1
            if not before:
                self.wrong.append(f"{request_id}: due on {today}, not answered, and nobody was called")
        if today.day == 1:
            self._kept(today)

    def _kept(self, today: dt.date) -> None:
        day = (today - dt.timedelta(days=GRACE)).isoformat()
        with self._store.read() as tx:
            rows = tx.connection.execute(_OWED, {"day": day}).fetchall()
        for request_id, _, blob in rows:
            state = msgspec.msgpack.decode(blob, type=RequestState)
            if not state.attention:
                self.wrong.append(f"{request_id}: what was kept was due before {day}, and nobody was called")

    def at_the_end(
        self, today: dt.date, records: Mapping[tuple[str, str, str], list[str]], person: Mapping[str, str]
    ) -> None:
        """Every request is closed or somebody's; what is left in the systems is what the store says is kept."""
        self._kept(today)
        allowed: set[tuple[str, str, str]] = set()
        gone: set[str] = set()
        with self._store.read() as tx:
            for request_id, blob in tx.all_states():
                state = msgspec.msgpack.decode(blob, type=RequestState)
                self.open += state.phase != "closed"
                self.closed += state.phase == "closed"
                # What is on its way has a date, before which somebody is called.
                if state.phase != "closed" and not state.attention and "deadline" not in state.timers:
                    self.wrong.append(f"{request_id}: neither closed nor anybody's, and nobody will be called")
                who = person[request_id]
                if state.right == "erasure":
                    owed = {(who, one.system, one.record_set) for one in state.obligations if one.kind == "retention"}
                    self.kept += len(owed)
                    allowed |= owed
                    if state.phase != "closed":
                        allowed |= {
                            (who, name, one.name)
                            for name in state.scope
                            for one in self._plan.by_name[name].record_sets
                        }
                    gone.add(who)
        for place, anchors in records.items():
            if anchors and place[0] in gone and place not in allowed:
                self.wrong.append(f"{place[0]}: said to be erased, and {place[1]}/{place[2]} holds {len(anchors)}")
