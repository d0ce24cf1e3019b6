"""Builds a home folder for tests: configuration, keys, database; and reads what came out of it."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import msgspec

from orchestrator.core.model import RequestState
from orchestrator.keys import create_missing, read_public
from orchestrator.ledger.record import verify
from orchestrator.runtime.clock import chance
from orchestrator.store.database import open_sqlite
from orchestrator.store.migrate import migrate
from schemas.completion import CompletionRecord
from schemas.identifiers import Identifier
from schemas.outcomes import Outcome
from schemas.requests import RequestForm, Right


def make_home(home: Path, systems: str, names: list[str]) -> Path:
    """Write ``expunge.toml`` with these ``[systems.*]`` tables, keys and an empty database."""
    home.mkdir(parents=True, exist_ok=True)
    (home / "expunge.toml").write_text(f"version = 1\n{systems}")
    create_missing(home / "keys", names, chance)
    engine = open_sqlite(home / "expunge.db")
    migrate(engine)
    engine.dispose()
    return home


def form(right: Right, request_id: str, **identifiers: str) -> RequestForm:
    """Make a request form; ``email="..."`` gives an identifier."""
    pairs = tuple(Identifier(kind, value) for kind, value in identifiers.items())
    return RequestForm(right, pairs, request_id=request_id)


def erasure(request_id: str, **identifiers: str) -> RequestForm:
    """Make an erasure request."""
    return form(Right.ERASURE, request_id, **identifiers)


def state_of(home: Path, request_id: str) -> RequestState:
    """Read a request's state from the database."""
    with sqlite3.connect(home / "expunge.db") as db:
        blob = db.execute("SELECT state FROM requests WHERE request_id = ?", (request_id,)).fetchone()[0]
    db.close()
    return msgspec.msgpack.decode(blob, type=RequestState)


def records_of(home: Path, request_id: str) -> list[CompletionRecord]:
    """Read and verify the records of a request, in order."""
    key = read_public(home / "keys" / "record.pub.jwk")
    with sqlite3.connect(home / "expunge.db") as db:
        rows = db.execute("SELECT jws FROM records WHERE request_id = ? ORDER BY number", (request_id,)).fetchall()
    db.close()
    return [verify(row[0], key) for row in rows]


def outcomes_of(record: CompletionRecord) -> dict[str, Outcome]:
    """Give ``system/record_set`` -> outcome."""
    return {f"{one.system}/{line.name}": line.outcome for one in record.systems for line in one.record_sets}


def dump(file: Path) -> dict[str, dict[tuple[object, ...], tuple[object, ...]]]:
    """Give every row of every table: table -> primary key -> row."""
    tables: dict[str, dict[tuple[object, ...], tuple[object, ...]]] = {}
    with sqlite3.connect(file) as db:
        names = [row[0] for row in db.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        for name in names:
            columns = db.execute(f"PRAGMA table_info([{name}])").fetchall()
            places = [one[0] for one in columns if one[5]] or list(range(len(columns)))
            rows = db.execute(f"SELECT * FROM [{name}]").fetchall()
            tables[name] = {tuple(row[place] for place in places): row for row in rows}
    db.close()
    return tables
