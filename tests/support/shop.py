"""A small shop with one database behind the SQL connector, and the command line over it: what tests of rights share."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from orchestrator.cli import deciding, main
from orchestrator.runtime import embedded
from orchestrator.runtime.clock import ShiftedClock
from schemas.codec import decode, decode_event
from schemas.published import Notice
from tests.support.home import make_home, outcomes_of, records_of

ANN, BOB = "ann@example.org", "bob@example.org"
TABLES = """
CREATE TABLE customers (id INTEGER PRIMARY KEY, name TEXT, email TEXT, city TEXT, rating INTEGER,
    restricted INTEGER NOT NULL DEFAULT 0, marketing_ok INTEGER NOT NULL DEFAULT 1);
CREATE TABLE scores (id INTEGER PRIMARY KEY, email TEXT, score INTEGER, restricted INTEGER NOT NULL DEFAULT 0,
    scoring_ok INTEGER NOT NULL DEFAULT 1);
CREATE TABLE notes (id INTEGER PRIMARY KEY, email TEXT, body TEXT);
CREATE INDEX customers_email ON customers (email);
CREATE INDEX scores_email ON scores (email);
CREATE INDEX notes_email ON notes (email);
"""
MAP = """version = 1
[[record_set]]
name = "contacts"
table = "customers"
match.email = [{ field = "email" }]
personal = ["name", "email", "city"]
erase = "delete"
rectify = ["name", "email", "city"]
restrict = { column = "restricted", set = 1, lifted = 0 }
stop.marketing = { column = "marketing_ok", set = 0 }
provided = ["name", "email", "city"]
purpose = "delivery"
basis = "contract"
[[record_set]]
name = "scores"
table = "scores"
match.email = [{ field = "email" }]
personal = ["email", "score"]
erase = "delete"
restrict = { column = "restricted", set = 1, lifted = 0 }
stop.scoring = { column = "scoring_ok", set = 0 }
purpose = "scoring"
basis = "legitimate_interest"
"""
NOTES = """
[[record_set]]
name = "notes"
table = "notes"
match.email = [{ field = "email" }]
personal = ["email", "body"]
erase = "delete"
purpose = "support"
basis = "contract"
"""
CANARY = "canary4711"


class Shop:
    """One installation over one database."""

    def __init__(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, *, notes: bool = False, attested: bool = False
    ) -> None:
        self.home, self.root, self._patch = root / "home", root, monkeypatch
        system = '[systems.crm]\nconnector = "sql"\nmap = "crm.toml"\nurl = "sqlite:///crm.db"\n'
        make_home(self.home, system + ("attested = true\n" if attested else ""), ["crm"])
        (self.home / "crm.toml").write_text(MAP + (NOTES if notes else ""))
        with closing(sqlite3.connect(self.home / "crm.db")) as db, db:
            db.executescript(TABLES)
            for key, who in enumerate((ANN, BOB), 1):
                name = who.partition("@")[0]
                db.execute("INSERT INTO customers VALUES (?, ?, ?, 'Paris', 3, 0, 1)", (key, name, who))
                db.execute("INSERT INTO scores VALUES (?, ?, 50, 0, 1)", (key, who))
                db.execute("INSERT INTO notes VALUES (?, ?, 'called')", (key, who))

    def __call__(self, *arguments: str, code: int | None = 0) -> int:
        got = main([*arguments, "--home", str(self.home)])
        assert code is None or got == code, arguments
        return got

    def submit(self, right: str, *, who: str = ANN, code: int = 0, **more: Any) -> None:
        body = {"right": right, "request_id": right, "identifiers": [{"kind": "email", "value": who}], **more}
        (self.root / "form.json").write_text(json.dumps(body))
        self("submit", str(self.root / "form.json"), code=code)

    def run(self, code: int | None = 0) -> None:
        self("run", "--until-idle", code=code)

    def later(self, **span: float) -> None:
        clock = ShiftedClock()
        clock.shift = dt.timedelta(**span)
        for module in (embedded, deciding):
            self._patch.setattr(module, "SystemClock", lambda: clock)

    def row(self, table: str, key: int) -> dict[str, Any]:
        with closing(sqlite3.connect(self.home / "crm.db")) as db:
            db.row_factory = sqlite3.Row
            return dict(db.execute(f"SELECT * FROM {table} WHERE id = ?", (key,)).fetchone() or {})

    def lines(self, request_id: str) -> dict[str, Any]:
        return outcomes_of(records_of(self.home, request_id)[-1])

    def notices(self, request_id: str) -> list[Notice]:
        with closing(sqlite3.connect(self.home / "expunge.db")) as db:
            rows = db.execute("SELECT body FROM notices WHERE request_id = ? ORDER BY rowid", (request_id,)).fetchall()
        return [decode(bytes(decode_event(bytes(body)).data), Notice) for (body,) in rows]

    def attention(self, request_id: str, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
        capsys.readouterr()
        self("show", request_id, "-o", "json", code=None)
        found: list[dict[str, Any]] = json.loads(capsys.readouterr().out)["attention"]
        return found


def untouched(shop: Shop) -> None:
    """Bob is as he was."""
    assert shop.row("customers", 2) == {
        "id": 2, "name": "bob", "email": BOB, "city": "Paris", "rating": 3, "restricted": 0, "marketing_ok": 1
    }  # fmt: skip
    assert shop.row("scores", 2) == {"id": 2, "email": BOB, "score": 50, "restricted": 0, "scoring_ok": 1}
