"""Data that comes back, over Kafka and PostgreSQL: the same as in one process (I14)."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.cli import queries
from orchestrator.core.model import Phase
from orchestrator.engine import holds, restoring
from orchestrator.engine.holds import Order
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.store.opening import open_store
from schemas.completion import CompletionRecord
from schemas.identifiers import Identifier
from schemas.outcomes import Anonymised, Kept, Outcome
from tests.support import came_back
from tests.support.bus import wait_for
from tests.support.cli import WHO
from tests.support.company import Company, made_up
from tests.support.distributed import Installation, Workers
from tests.support.home import erasure

pytestmark = [pytest.mark.timeout(300)]


@pytest.fixture
def company(tmp_path: Path) -> Company:
    made = Company.build(tmp_path, 6, dt.date(2026, 3, 1))
    came_back.tells_since_when(made)
    return made


@pytest.fixture
def installation(company: Company, kafka: str, postgres: str) -> Installation:
    return Installation(company.home, kafka, postgres)


def staff(record: CompletionRecord) -> Outcome:
    (hr,) = [one for one in record.systems if one.system == "hr"]
    return {one.name: one.outcome for one in hr.record_sets}["employees"]


def test_i14_a_hold_a_restore_an_import_and_a_new_relationship(
    company: Company, installation: Installation, workers: Workers
) -> None:
    store, who = open_store(installation.settings), (Identifier("email", made_up(WHO).email),)
    backup = came_back.snapshot(company)
    snapshot = (dt.datetime.now(dt.UTC) - dt.timedelta(hours=1)).isoformat()

    def is_restored() -> None:
        told = restoring.restored(store, SystemClock(), "hr", snapshot, "dpo", installation.systems)
        assert (told.requests, told.lost) == (1, ())

    def record(number: int) -> CompletionRecord:
        wait_for(lambda: number in installation.numbered("r1"), 90)
        return installation.numbered("r1")[number]

    with installation.orchestrate("faust") as process, closing(store):
        order = Order("legal", "litigation", "gdpr-17-3-e", "2099-01-01", ("hr",), identifiers=who)
        hold = holds.place(store, SystemClock(), installation.keys, chance, order).hold_id
        installation.publish([erasure("r1", email=made_up(WHO).email)])
        assert isinstance(staff(record(1)), Kept)

        # The hold outlives the restore; its release has it decided afresh.
        came_back.restore(company, backup)
        is_restored()
        assert isinstance(staff(record(2)), Kept)
        assert (record(2).looked_again or "").startswith("restored:")
        holds.release(store, SystemClock(), hold, "legal")
        assert isinstance(staff(record(3)), Anonymised)
        assert came_back.there(company) == 0

        # An import of an old list brings the person back.
        came_back.add(company, came_back.LONG_AGO)
        is_restored()
        assert isinstance(staff(record(4)), Anonymised)
        assert came_back.there(company) == 0

        # The person begins to work there again.
        came_back.add(company, came_back.tomorrow(), key=9998)
        is_restored()
        assert record(5).not_searched["hr/employees"].endswith("the person came back themselves")
        wait_for(lambda: queries.page(store, "r1").state.phase is Phase.CLOSED, 30)
        assert came_back.there(company) == 1
        code, said = process.stop()
    assert code == 0, said
