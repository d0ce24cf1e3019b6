"""What is past its period goes over Kafka and PostgreSQL too, also where an orchestrator is killed on the way (I11)."""

from __future__ import annotations

import datetime as dt
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.engine import sweeps
from orchestrator.ports import SweepRow
from orchestrator.runtime.systems import openers, plan_of
from orchestrator.store.opening import open_store
from schemas.outcomes import Kept
from tests.support.bus import wait_for
from tests.support.company import Company
from tests.support.distributed import Installation, Workers
from tests.support.home import outcomes_of

pytestmark = [pytest.mark.timeout(300)]
PEOPLE = 40


@pytest.fixture
def company(tmp_path: Path) -> Company:
    made = Company.build(tmp_path, PEOPLE, dt.datetime.now(dt.UTC).date())
    text = (made.home / "expunge.toml").read_text()
    (made.home / "expunge.toml").write_text(
        f"{text}\n[retention]\npage_rows = 5\npage_found = 2\nrows_per_second = 10\n"
    )
    return made


@pytest.fixture
def installation(company: Company, kafka: str, postgres: str) -> Installation:
    return Installation(company.home, kafka, postgres)


def test_s15_a_sweep_goes_on_after_its_orchestrator_is_killed_and_erases_once(
    company: Company, installation: Installation, workers: Workers
) -> None:
    before = company.contents()
    old = {number for number in company.people if number % 4 == 0}
    store = open_store(installation.settings)

    def row() -> SweepRow:
        with store.read() as tx:
            return next(one for one in tx.sweeps() if one.system == "crm")

    with closing(store):
        sweeps.ask(store, plan_of(installation.settings, openers(installation.settings)), ["crm"])
        with installation.orchestrate("plain") as process:
            wait_for(lambda: row().pages >= 2, 90)
            process.stop(signal.SIGKILL)
        assert row().state == "running"
        with installation.orchestrate("plain") as process:
            wait_for(lambda: row().state == "done", 120)
            wait_for(lambda: len(installation.records()) >= len(old), 120)
            code, said = process.stop()
        assert code == 0, said
        end = row()
    assert (end.past, end.opened, end.unclear) == (len(old), len(old), 0)
    assert end.scanned == len(before["crm.sqlite/invoices"])
    records = installation.records()
    assert len(records) == len(old)
    for record in records.values():
        assert (record.origin, record.requester) == ("retention", "controller")
        kept = outcomes_of(record)["crm/invoices"]
        assert isinstance(kept, Kept)
        assert (kept.erased, kept.masked) == (1, False)
    after = company.contents()
    assert {place for place in before if after[place] != before[place]} == {
        "crm.sqlite/invoices",
        "crm.sqlite/invoice_lines",
    }
    with closing(sqlite3.connect(company.stores / "crm.sqlite")) as crm:
        (count,) = crm.execute("SELECT COUNT(*) FROM invoices WHERE billing_name = 'erased'").fetchone()
    assert count == 0
