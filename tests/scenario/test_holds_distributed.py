"""A legal hold placed while processes erase over Kafka and PostgreSQL: the same record as in one process (S29)."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.cli import queries
from orchestrator.core.model import RequestState
from orchestrator.engine import holds
from orchestrator.engine.holds import Order
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.store.opening import open_store
from schemas.identifiers import Identifier
from schemas.outcomes import Deleted, Failed
from tests.support.bus import wait_for
from tests.support.cli import WHO
from tests.support.company import Company, made_up
from tests.support.distributed import Installation, Workers
from tests.support.held import AFTER, DURING, told
from tests.support.home import erasure

pytestmark = [pytest.mark.timeout(240)]


@pytest.fixture
def company(tmp_path: Path) -> Company:
    made = Company.build(tmp_path, 6, dt.date(2026, 3, 1))
    made.limits(retry_first_seconds=600)
    return made


@pytest.fixture
def installation(company: Company, kafka: str, postgres: str) -> Installation:
    return Installation(company.home, kafka, postgres)


def test_s29_a_hold_placed_while_the_erasure_is_running_and_its_release(
    company: Company, installation: Installation, workers: Workers
) -> None:
    bystanders = company.snapshot_bystanders([WHO])
    store = open_store(installation.settings)

    def state() -> RequestState | None:
        with store.read() as tx:
            found = tx.states(["r1"])
        return queries.page(store, "r1").state if found else None

    def half_done() -> bool:
        """The crm has erased; hr could not, and is tried again in ten minutes."""
        now = state()
        if now is None:
            return False
        crm, hr = now.systems["crm"].outcomes.get("notes"), now.systems["hr"].outcomes.get("employees")
        return isinstance(crm, Deleted) and isinstance(hr, Failed)

    with installation.orchestrate("plain") as process, closing(store):
        with closing(sqlite3.connect(company.stores / "hr.sqlite", isolation_level=None)) as busy:
            busy.execute("BEGIN IMMEDIATE")
            installation.publish([erasure("r1", email=made_up(WHO).email)])
            wait_for(half_done, 90)
            person = (Identifier("email", made_up(WHO).email),)
            order = Order("legal", "litigation", "gdpr-17-3-e", "2099-01-01", ("hr",), identifiers=person)
            placed = holds.place(store, SystemClock(), installation.keys, chance, order)
            assert placed.requests == 1
        wait_for(lambda: 1 in installation.numbered("r1"), 90)
        assert told(installation.numbered("r1")[1], placed.hold_id) == DURING
        assert holds.release(store, SystemClock(), placed.hold_id, "legal").requests == 1
        wait_for(lambda: 2 in installation.numbered("r1"), 90)
        assert told(installation.numbered("r1")[2], placed.hold_id) == AFTER
        code, said = process.stop()
    assert code == 0, said
    assert company.snapshot_bystanders([WHO]) == bystanders
