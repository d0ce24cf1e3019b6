"""Both stores give the same report and the same list of today, of the same rows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from orchestrator.report import period
from orchestrator.store import reporting, todays
from orchestrator.store.migrate import migrate
from orchestrator.store.postgres import PostgresStore, open_postgres
from orchestrator.store.tables import metadata
from tests.simulation.run import Simulation

OWNERS = {"crm": "sales", "hr": "people", "shop": "shop", "legacy": "it"}


def test_both_stores_count_alike(tmp_path: Path, postgres: Any) -> None:
    one = Simulation(tmp_path, 7, 80, 60, 20)
    one.run()
    now = f"{one.clock.at.date()}T00:00:00.000Z"
    engine = open_postgres(sa.make_url(postgres))
    migrate(engine)
    other = PostgresStore(engine, "the database")
    try:
        with one.store.read() as source, other.write() as target:
            for table in metadata.sorted_tables:
                rows = [dict(row) for row in source.connection.execute(sa.select(table)).mappings()]
                target.connection.execute(sa.delete(table))
                if rows:
                    target.connection.execute(sa.insert(table), rows)
        days = period.read("2026-01-05", "2026-02-20", now)
        found = reporting.report(one.store, days, OWNERS)
        assert found.completed_total > 20
        assert reporting.report(other, days, OWNERS) == found
        assert todays.today(other, now, OWNERS) == todays.today(one.store, now, OWNERS)
        assert todays.today(other, now, OWNERS).items
    finally:
        other.close()
        one.store.close()
