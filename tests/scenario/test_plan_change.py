"""``correct the data map, then expunge retry``, with the real runtime: the advice is true."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from orchestrator.core.model import Phase
from orchestrator.runtime.clock import ShiftedClock
from orchestrator.runtime.embedded import Embedded
from schemas.outcomes import Deleted, Kept
from tests.support.home import erasure, make_home, outcomes_of, records_of, state_of

SYSTEMS = """
[systems.shop]
connector = "sql"
map = "shop.toml"
url = "sqlite:///shop.db"
"""
PEOPLE = """
[[record_set]]
name = "people"
table = "people"
match = { email = [{ field = "email" }] }
personal = ["email"]
max_records = 1
"""
BILLS = """
[[record_set]]
name = "bills"
table = "bills"
match = { email = [{ field = "email" }] }
personal = ["name"]
[record_set.retain]
why = "exception_17_3_b"
text = "fr-ccom-l123-22"
months = 120
anchor = "issued"
mask = { name = "erased" }
"""
LEADS = PEOPLE.replace("people", "leads")
SCHEMA = """
CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL);
CREATE TABLE leads (id INTEGER PRIMARY KEY, email TEXT NOT NULL);
CREATE TABLE bills (id INTEGER PRIMARY KEY, email TEXT NOT NULL, name TEXT NOT NULL, issued TEXT NOT NULL);
CREATE INDEX b ON bills (email);
CREATE INDEX p ON people (email); CREATE INDEX l ON leads (email);
INSERT INTO people VALUES (1, 'ada@example.com'), (2, 'ada@example.com'), (3, 'bob@example.com');
INSERT INTO leads VALUES (1, 'ada@example.com'), (2, 'bob@example.com');
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    home = make_home(tmp_path / "home", SYSTEMS, ["shop"])
    (home / "shop.toml").write_text(PEOPLE)
    with closing(sqlite3.connect(home / "shop.db")) as db:
        db.executescript(SCHEMA)
    return home


def run(home: Path, *, retry: bool = False, days: int = 0) -> list[str]:
    """Run until idle, so many days later; gives the requests whose journal does not lead to their state."""
    clock = ShiftedClock()
    clock.shift = dt.timedelta(days)
    with Embedded.open(home, clock=clock) as runtime:
        if retry:
            runtime.engine.resume("ada", "dpo")
        elif not days:
            runtime.intake.submit([erasure("ada", email="ada@example.com")])
        runtime.run(until_idle=True)
        return list(runtime.engine.audit())


def left(home: Path, table: str) -> list[str]:
    with closing(sqlite3.connect(home / "shop.db")) as db:
        return [row[0] for row in db.execute(f"SELECT email FROM {table} ORDER BY id")]


def test_a_raised_limit_and_a_further_record_set_reach_an_open_request(home: Path) -> None:
    assert run(home) == []
    before = state_of(home, "ada")
    assert [one.reason for one in before.attention] == ["max_records"]
    # Retrying without a correction changes nothing.
    assert run(home, retry=True) == []
    assert [one.reason for one in state_of(home, "ada").attention] == ["max_records"]
    (home / "shop.toml").write_text((PEOPLE + LEADS).replace("max_records = 1", "max_records = 10"))
    assert run(home, retry=True) == []
    after = state_of(home, "ada")
    assert after.phase is Phase.CLOSED, after.attention
    assert after.plan_sha256 != before.plan_sha256
    record = records_of(home, "ada")[0]
    assert record.plan_sha256 == after.plan_sha256
    outcomes = outcomes_of(record)
    assert {name: one.before for name, one in outcomes.items() if isinstance(one, Deleted)} == {
        "shop/people": 2,
        "shop/leads": 1,
    }
    assert left(home, "people") == left(home, "leads") == ["bob@example.com"]


def test_what_comes_due_years_later_goes_by_the_data_map_of_that_day(home: Path) -> None:
    (home / "shop.toml").write_text(BILLS)
    issued = (dt.datetime.now(dt.UTC) - dt.timedelta(365 * 9)).date().isoformat()
    with closing(sqlite3.connect(home / "shop.db")) as db, db:
        db.execute("INSERT INTO bills VALUES (1, 'ada@example.com', 'Ada', ?)", (issued,))
    assert run(home) == []
    before = state_of(home, "ada")
    assert before.phase is Phase.CLOSED, before.attention
    assert isinstance(outcomes_of(records_of(home, "ada")[0])["shop/bills"], Kept)
    # Years later the set is renamed: nothing is forgotten with its name, and a person is told.
    (home / "shop.toml").write_text(LEADS + BILLS.replace('name = "bills"', 'name = "invoices"'))
    assert run(home, days=800) == []
    gone = state_of(home, "ada")
    assert [(one.reason, one.record_set) for one in gone.attention] == [("system_gone", "bills")]
    assert left(home, "bills") == ["ada@example.com"]
    (home / "shop.toml").write_text(LEADS + BILLS)
    assert run(home, retry=True, days=800) == []
    after = state_of(home, "ada")
    assert after.phase is Phase.CLOSED, after.attention
    assert after.forgotten
    assert set(outcomes_of(records_of(home, "ada")[1])) == {"shop/bills", "shop/leads"}
    assert (left(home, "bills"), left(home, "leads")) == ([], ["bob@example.com"])
