"""A row key that the store gives to somebody else must not lead an erasure to them (I9)."""

from __future__ import annotations

import sqlite3
from pathlib import Path

from connectors.settings import SystemSettings
from connectors.sql import connector
from connectors.testing.desk import Desk
from orchestrator.core.troubles import trouble
from schemas.outcomes import Failed, FailureKind
from schemas.tasks import Instruction

MAP = """
[[record_set]]
name = "people"
table = "people"
match = { email = [{ field = "email" }] }
one_per_subject = true
personal = ["email", "name"]
"""


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
    again = desk.erase(who, {"people": Instruction(found=1)}, handle)
    assert again.outcomes == {"people": Failed(FailureKind.PERMANENT, "key_reused")}
    attention = trouble("sut", "people", again.outcomes["people"], "2026-03-01T12:00:00Z")
    assert attention is not None
    assert attention.detail == "key_reused"
    with sqlite3.connect(file) as db:
        assert db.execute("SELECT name FROM people ORDER BY id").fetchall() == [("Bob",), ("Eve",)]
