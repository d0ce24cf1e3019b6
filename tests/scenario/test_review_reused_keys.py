"""A row key that the store gives to somebody else must not lead an erasure to them (I9)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from connectors.settings import SystemSettings
from connectors.sql import connector
from connectors.testing.desk import Desk
from schemas.tasks import Instruction

MAP = """
[[record_set]]
name = "people"
table = "people"
match = { email = [{ field = "email" }] }
one_per_subject = true
personal = ["email", "name"]
"""


@pytest.mark.xfail(strict=True, reason="a row key alone does not tell whose row it leads to: issue 3, review")
def test_i09_a_key_given_to_somebody_else_between_two_tries_erases_nobody(tmp_path: Path) -> None:
    file = tmp_path / "crm.db"
    with sqlite3.connect(file) as db:
        db.execute("CREATE TABLE people (id INTEGER PRIMARY KEY, email TEXT NOT NULL UNIQUE, name TEXT)")
        db.execute("INSERT INTO people VALUES (1, 'bob@x.example', 'Bob'), (2, 'ada@x.example', 'Ada')")
    (tmp_path / "map.toml").write_text(MAP)
    settings = SystemSettings("sut", tmp_path / "map.toml", tmp_path, {"url": f"sqlite:///{file}"})
    desk = Desk(connector(settings))
    who = {"email": "ada@x.example"}
    handle = desk.locate(who).handle
    desk.erase(who, {"people": Instruction(found=1)}, handle)
    # The process is killed before the answer is durable. SQLite gives the key of the last row away again.
    with sqlite3.connect(file) as db:
        db.execute("INSERT INTO people (email, name) VALUES ('eve@x.example', 'Eve')")
        assert db.execute("SELECT id FROM people WHERE name = 'Eve'").fetchone() == (2,)
    desk.erase(who, {"people": Instruction(found=1)}, handle)
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT name FROM people ORDER BY id").fetchall() == [("Bob",), ("Eve",)]
