from __future__ import annotations

import re

import pytest

from connectors.contract import SetReport
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
