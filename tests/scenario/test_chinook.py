"""The main job on real data: the Chinook shop as CRM and HR, a real web server's log, events derived from it."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from pathlib import Path

import pytest

from orchestrator.core.model import Phase
from orchestrator.law.periods import add_months
from orchestrator.runtime.clock import ShiftedClock
from orchestrator.runtime.embedded import Embedded
from schemas.outcomes import Anonymised, Deleted, Kept, KeptWhy, NothingHeld
from tests.support.chinook import addresses, make_shop, needs_data
from tests.support.home import dump, erasure, outcomes_of, records_of, state_of

pytestmark = [pytest.mark.real_data, needs_data]

MASKED_CONTACT = ("erased", "erased", None, None, None, None)
CUSTOMERS = 59
GROUP = 7
"""Customers erased in one run; between two runs every row of everybody is compared."""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return make_shop(tmp_path / "home")


def contacts(home: Path, table: str) -> list[tuple[int, str]]:
    with sqlite3.connect(home / "chinook.sqlite") as db:
        rows = db.execute(f"SELECT {table}Id, Email FROM {table} ORDER BY 1").fetchall()
    db.close()
    return rows


def run(home: Path, *forms: object, clock: ShiftedClock | None = None) -> None:
    with Embedded.open(home, clock=clock or ShiftedClock()) as runtime:
        if forms:
            runtime.intake.submit(list(forms))  # type: ignore[arg-type]
        runtime.run(until_idle=True)


def test_the_data_maps_fit_the_real_schema(home: Path) -> None:
    with Embedded.open(home) as runtime:
        runtime.check()


def test_every_customer_is_erased_and_nobody_else_is_touched(home: Path) -> None:
    people = contacts(home, "Customer")
    ips = addresses(home, CUSTOMERS)
    assert len(people) == CUSTOMERS
    log = (home / "logs" / "access.log.1").read_bytes().splitlines(keepends=True)
    events = (home / "events" / "visits.jsonl").read_bytes().splitlines(keepends=True)
    before = dump(home / "chinook.sqlite")
    today = dt.datetime.now(dt.UTC).date()
    everybody = [(customer, email, ip) for (customer, email), ip in zip(people, ips, strict=True)]
    with Embedded.open(home) as runtime:
        for group in (everybody[at : at + GROUP] for at in range(0, CUSTOMERS, GROUP)):
            runtime.intake.submit([erasure(f"customer-{c}", email=email, ip=ip) for c, email, ip in group])
            runtime.run(until_idle=True)
            after = dump(home / "chinook.sqlite")
            _only_these_customers_changed(before, after, {customer for customer, _, _ in group}, today)
            for customer, _, ip in group:
                state = state_of(home, f"customer-{customer}")
                assert state.phase is Phase.CLOSED, (customer, state.attention)
                found = outcomes_of(records_of(home, f"customer-{customer}")[0])
                _the_record_says_so(found, before, customer)
                log = [line for line in log if line.split(b" ", 1)[0] != ip.encode()]
                events = [line for line in events if json.loads(line)["client"]["ip"] != ip]
            assert (home / "logs" / "access.log.1").read_bytes() == b"".join(log)
            assert (home / "events" / "visits.jsonl").read_bytes() == b"".join(events)
            before = after
    with sqlite3.connect(home / "chinook.sqlite") as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
    db.close()


def _only_these_customers_changed(before: dict, after: dict, customers: set[int], today: dt.date) -> None:  # type: ignore[type-arg]
    for table, rows in before.items():
        for key, row in rows.items():
            now = after[table].get(key)
            if table == "Customer" and key[0] in customers:
                assert now[1:3] == ("erased", "erased")
                assert now[3:7] == (None,) * 4
                assert now[8:11] == (None,) * 3
                assert row[11] != now[11]
                assert (now[7], now[12]) == (row[7], row[12]), "country and support representative stay"
            elif table == "Invoice" and row[1] in customers:
                kept = add_months(dt.date.fromisoformat(row[2][:10]), 120) > today
                assert kept, "all Chinook invoices are younger than ten years"
                assert now[:3] == row[:3]
                assert now[3:6] == (None,) * 3
                assert now[7] is None
                assert (now[6], now[8]) == (row[6], row[8]), "country and total stay: the books must add up"
            else:
                assert now == row, (table, key)
        assert after[table].keys() == rows.keys(), table


def _the_record_says_so(found: dict, before: dict, customer: int) -> None:  # type: ignore[type-arg]
    assert isinstance(found["crm/contacts"], Anonymised)
    assert found["crm/contacts"].before == 1
    invoices = [row for row in before["Invoice"].values() if row[1] == customer]
    kept = found["crm/invoices"]
    assert isinstance(kept, Kept)
    dates = sorted(dt.date.fromisoformat(row[2][:10]) for row in invoices)
    assert (kept.count, kept.why, kept.text) == (len(invoices), KeptWhy.LEGAL_OBLIGATION, "fr-ccom-l123-22")
    assert kept.masked
    assert kept.review_by == add_months(dates[0], 120).isoformat()
    assert kept.until == add_months(dates[-1], 120).isoformat()
    numbers = {row[0] for row in invoices}
    lines = sum(row[1] in numbers for row in before["InvoiceLine"].values())
    assert isinstance(found["crm/invoice_lines"], Kept)
    assert found["crm/invoice_lines"].count == lines
    assert isinstance(found["hr/employees"], NothingHeld)
    assert isinstance(found["events/visits"], Deleted)
    assert isinstance(found["logs/access"], Deleted)


def test_an_employee_who_manages_others_leaves_no_broken_reference(home: Path) -> None:
    before = dump(home / "chinook.sqlite")
    people = contacts(home, "Employee")
    for employee, email in people:
        run(home, erasure(f"employee-{employee}", email=email))
        state = state_of(home, f"employee-{employee}")
        assert state.phase is Phase.CLOSED, (employee, state.attention)
        after = dump(home / "chinook.sqlite")
        changed = {(t, key) for t, rows in before.items() for key, row in rows.items() if after[t].get(key) != row}
        assert changed == {("Employee", (employee,))}
        assert after["Employee"][employee,][4] == before["Employee"][employee,][4], "reports to the same manager"
        assert email not in str(after["Employee"][employee,])
        record = records_of(home, f"employee-{employee}")[0]
        assert isinstance(outcomes_of(record)["hr/employees"], Anonymised)
        before = after
    with sqlite3.connect(home / "chinook.sqlite") as db:
        assert db.execute("PRAGMA foreign_key_check").fetchall() == []
        supported = db.execute(
            "SELECT count(*) FROM Customer c JOIN Employee e ON e.EmployeeId = c.SupportRepId"
        ).fetchone()[0]
    db.close()
    assert supported == CUSTOMERS


def test_kept_invoices_go_one_by_one_when_their_time_comes(home: Path) -> None:
    customer, email = contacts(home, "Customer")[0]
    clock = ShiftedClock()
    run(home, erasure("r", email=email), clock=clock)
    invoices = [row for row in dump(home / "chinook.sqlite")["Invoice"].values() if row[1] == customer]
    dates = sorted(dt.date.fromisoformat(str(row[2])[:10]) for row in invoices)
    today = clock.now().date()
    for place, date in enumerate(dates):
        clock.shift += dt.datetime.combine(add_months(date, 120), dt.time(12), dt.UTC) - clock.now()
        run(home, clock=clock)
        left = [row for row in dump(home / "chinook.sqlite")["Invoice"].values() if row[1] == customer]
        assert len(left) == len(dates) - place - 1, date
    records = records_of(home, "r")
    assert len(records) == len(dates) + 1
    last = outcomes_of(records[-1])
    assert isinstance(last["crm/invoices"], Deleted)
    assert isinstance(last["crm/invoice_lines"], Deleted)
    assert today < clock.now().date()
    # Backups of the store live 30 days more; then nothing leads to the person any more.
    clock.shift += dt.timedelta(days=31)
    run(home, clock=clock)
    with sqlite3.connect(home / "expunge.db") as db:
        assert db.execute("SELECT count(*) FROM capsules").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM subjects").fetchone() == (0,)
        assert db.execute("SELECT count(*) FROM obligations").fetchone() == (0,)
    db.close()
    assert state_of(home, "r").forgotten
