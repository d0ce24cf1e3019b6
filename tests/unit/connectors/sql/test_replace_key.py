from __future__ import annotations

import re
import sqlite3
from pathlib import Path

import pytest

from connectors.contract import SetReport
from connectors.settings import SystemSettings
from connectors.sql import connector
from connectors.testing.desk import Desk
from schemas.outcomes import Anonymised, Kept, KeptWhy
from schemas.tasks import Instruction
from tests.unit.connectors.sql.shop import ANONYMISED, KEEP, LINES, ORDERS, PEOPLE, RETAINED, VISITS, Shop, ask

MAP = (
    PEOPLE.replace('[{ field = "number" }]', '[{ field = "id" }]')
    + ANONYMISED
    + "replace_key = true\n"
    + ORDERS
    + RETAINED
    + LINES
    + VISITS
)
BILLS = """
[[record_set]]
name = "bills"
table = "bills"
match = { email = [{ field = "email" }] }
personal = ["email"]
erase = "anonymise"
replace_key = true
anonymise = { email = "{random}" }
retain = { why = "exception_17_3_b", text = "law", months = 120, anchor = "day", mask = { email = "{random}" } }
"""


def test_the_row_moves_to_a_new_key_and_its_children_follow(shop: Shop) -> None:
    (report,) = shop.erase(MAP, ask(customer_id="1"), orders=KEEP, lines=KEEP)
    assert report["people"] == SetReport(("[1]",), (), "anonymise")
    ((new, email, country),) = shop.rows("SELECT id, email, country FROM people WHERE name = 'erased'")
    assert new < 0
    assert re.match(r"erased-[0-9a-f]{16}@erased\.invalid\Z", email)
    assert country == "FR"
    assert shop.rows("SELECT id, person_id FROM orders ORDER BY id") == [(11, new), (20, 2)]
    assert shop.look(MAP, people=["[1]", f"[{new}]"], orders=["[11]"]) == {
        "people": {"[1]": "gone", f"[{new}]": "anonymised"},
        "orders": {"[11]": "masked"},
    }
    (found,) = shop.locate(MAP, ask(customer_id="1", email="ada@x.example"))
    assert not found["people"].keys


def test_a_second_erasure_moves_nothing(shop: Shop) -> None:
    shop.erase(MAP, ask(customer_id="1"), orders=KEEP, lines=KEEP)
    before = shop.rows("SELECT id, email FROM people ORDER BY id")
    (report,) = shop.erase(MAP, ask(keys={"people": ("[1]",)}, customer_id="1"), orders=KEEP, lines=KEEP)
    assert report["people"].erased == ()
    assert shop.rows("SELECT id, email FROM people ORDER BY id") == before


def test_several_rows_get_keys_of_their_own(shop: Shop) -> None:
    shop.erase(MAP, ask("a", customer_id="1"), ask("b", customer_id="2"), ask("c", customer_id="3"))
    keys = [row[0] for row in shop.rows("SELECT id FROM people")]
    assert len(set(keys)) == 3
    assert all(key < 0 for key in keys)
    assert shop.rows("SELECT id FROM orders") == []


STAFF = """
[[record_set]]
name = "staff"
table = "staff"
match = { employee_id = [{ field = "id" }] }
erase = "anonymise"
replace_key = true
personal = ["name"]
anonymise = { name = "{null}" }

[[other_reference]]
table = "desks"
column = "staff_id"
reason = "a desk names nobody"
"""


@pytest.mark.parametrize(("kind", "old", "other"), [("TEXT", "e-1", "e-2"), ("UUID", "0" * 31 + "1", "0" * 31 + "2")])
def test_references_of_bystanders_to_the_row_are_moved_too(shop: Shop, kind: str, old: str, other: str) -> None:
    if kind == "UUID" and shop.url.startswith("sqlite"):
        pytest.skip("SQLite has no UUIDs")
    shop.run(f"CREATE TABLE staff (id {kind} PRIMARY KEY, boss {kind} REFERENCES staff (id), name TEXT)")
    shop.run(f"CREATE TABLE desks (id INTEGER PRIMARY KEY, staff_id {kind} REFERENCES staff (id))")
    shop.run(f"INSERT INTO staff VALUES ('{old}', '{old}', 'Ada'), ('{other}', '{old}', 'Bob')")
    shop.run(f"INSERT INTO desks VALUES (1, '{old}')")
    (report,) = shop.erase(STAFF, ask(employee_id=old))
    assert len(report["staff"].erased) == 1
    ((new,),) = shop.rows("SELECT id FROM staff WHERE name IS NULL")
    assert str(new) != old
    assert {boss for (boss,) in shop.rows("SELECT boss FROM staff")} == {new}
    assert shop.rows("SELECT staff_id FROM desks") == [(new,)]
    assert shop.look(STAFF, staff=report["staff"].erased)["staff"] == {report["staff"].erased[0]: "gone"}


def test_i01_a_row_that_was_kept_masked_moves_when_its_time_is_up(tmp_path: Path) -> None:
    file = tmp_path / "bills.db"
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE bills (id INTEGER PRIMARY KEY, email TEXT, day TEXT)")
        db.execute("INSERT INTO bills VALUES (1, 'ada@x.example', '2025-01-01')")
    (tmp_path / "map.toml").write_text(BILLS)
    desk = Desk(connector(SystemSettings("sut", tmp_path / "map.toml", tmp_path, {"url": f"sqlite:///{file}"})))
    who = {"email": "ada@x.example"}
    keep = {"bills": Instruction(keep=KeptWhy.LEGAL_OBLIGATION, text="law", period_months=120, found=1)}
    kept = desk.erase(who, keep, desk.locate(who).handle)
    assert isinstance(kept.outcomes["bills"], Kept)
    over = desk.erase(who, {"bills": Instruction(found=1)}, kept.handle)  # ten years later
    assert isinstance(over.outcomes["bills"], Anonymised)
    with sqlite3.connect(file) as db:
        ((key,),) = db.execute("SELECT id FROM bills").fetchall()
    assert key < 0, "the key that led to the person is still there"
