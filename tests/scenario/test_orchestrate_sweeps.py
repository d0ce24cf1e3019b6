"""An orchestrator empties old dead letters by itself: on a real PostgreSQL, beside a real broker, by a test's clock."""

from __future__ import annotations

import datetime as dt
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from orchestrator.runtime.clock import ShiftedClock
from orchestrator.runtime.orchestrator import Orchestrator
from orchestrator.runtime.sweeping import KEPT
from orchestrator.store import tables as t
from tests.support.bus import wait_for
from tests.support.company import Company
from tests.support.distributed import Installation

pytestmark = pytest.mark.timeout(120)


def test_bytes_go_after_a_week_while_it_runs_and_the_lines_stay(tmp_path: Path, kafka: str, postgres: str) -> None:
    installation = Installation(Company.build(tmp_path, 6, dt.date(2026, 3, 1)).home, kafka, postgres)
    clock = ShiftedClock()
    with Orchestrator.open(installation.settings, clock=clock) as one:

        def kept() -> dict[str, int]:
            with one.store.read() as tx:
                query = sa.select(t.dead_letters.c.event_id, sa.func.length(t.dead_letters.c.sealed))
                return {str(name): int(size) for name, size in tx.connection.execute(query)}

        with one.engine._batch() as batch:
            batch.bury("/portal", "old", "r-portal", "ValueError", b"garbage")
        clock.shift = KEPT
        with one.engine._batch() as batch:
            batch.bury("/portal", "young", "r-portal", "ValueError", b"garbage")
        clock.shift = KEPT + dt.timedelta(minutes=1)
        before = kept()
        stop = threading.Event()
        thread = threading.Thread(target=one.run, args=("plain", stop))
        thread.start()
        try:
            wait_for(lambda: kept() == {"old": 0, "young": before["young"]})
        finally:
            stop.set()
            thread.join(60)
    assert before["old"] > 0
    assert not thread.is_alive()
