from __future__ import annotations

import sqlite3
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from connectors.sqltext import CHUNK, VALUES, chunks, compiled_for, spread

_PEOPLE = sa.table("people", sa.column("id", sa.Integer()), sa.column("name", sa.String()))
_MANY: sa.BindParameter[Any] = sa.bindparam(VALUES, expanding=True)
_FIND = sa.select(_PEOPLE.c.id).where(_PEOPLE.c.name.in_(_MANY), _PEOPLE.c.id != 3).order_by(_PEOPLE.c.id)
_DROP = sa.delete(_PEOPLE).where(_PEOPLE.c.name.in_(_MANY))
_RENAME = sa.update(_PEOPLE).where(_PEOPLE.c.name.in_(_MANY)).values(name="x")


def _people() -> sqlite3.Connection:
    db = sqlite3.connect(":memory:")
    db.execute("CREATE TABLE people (id INTEGER, name TEXT)")
    db.executemany("INSERT INTO people VALUES (?, ?)", [(i, f"n{i}") for i in range(1200)])
    return db


def _run(db: sqlite3.Connection, statement: sa.ClauseElement, values: list[str]) -> list[Any]:
    found: list[Any] = []
    for chunk in chunks(values):
        text = compiled_for(statement, sqlite.dialect(), len(chunk))
        found += db.execute(text.sql, text.bound(spread(chunk))).fetchall()
    return found


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 500, 512, 513, 1100])
def test_every_value_is_asked_for_once_whatever_their_number(count: int) -> None:
    found = _run(_people(), _FIND, [f"n{i}" for i in range(count)])
    assert [row[0] for row in found] == [i for i in range(count) if i != 3]


def test_there_are_few_texts() -> None:
    sizes = {len(chunk) for count in range(1, 2000) for chunk in chunks(range(count))}
    assert sizes == {1 << power for power in range(10)}
    assert max(sizes) == CHUNK


def test_rows_are_changed_and_deleted_and_others_stay() -> None:
    db = _people()
    _run(db, _RENAME, ["n1", "n2", "n5"])
    assert db.execute("SELECT id FROM people WHERE name = 'x'").fetchall() == [(1,), (2,), (5,)]
    _run(db, _DROP, [f"n{i}" for i in range(10, 1200)])
    assert db.execute("SELECT count(*) FROM people").fetchone() == (10,)


def test_a_driver_that_takes_names_gets_names_and_what_stands_in_the_statement() -> None:
    text = compiled_for(_FIND, postgresql.psycopg.dialect(), 2)  # type: ignore[no-untyped-call]
    assert text.order is None
    assert text.bound(spread(["a", "b"])) == {"values_1": "a", "values_2": "b", "id_1": 3}
    assert all(f"%({name})s" in text.sql for name in ("values_1", "values_2", "id_1"))


def test_the_statement_itself_is_left_as_it_was() -> None:
    before = str(_FIND)
    compiled_for(_FIND, sqlite.dialect(), 4)
    assert str(_FIND) == before
    assert _MANY.value is None
