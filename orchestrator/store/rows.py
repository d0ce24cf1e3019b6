"""What the parts of a transaction have in common: the connection, and statements as they run on the hot path.

``_all``, ``_among``, ``_change``, ``_insert`` and ``_upsert`` run what Core compiled once on the driver's cursor
(``connectors.sqltext``); the rest of a part may ask ``connection``, and pays Core's price for each execution.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from connectors.sqltext import Text, chunks, compiled_for, spread
from orchestrator.store import tables as t


class Rows:
    """A connection with an open transaction."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection
        self._dialect = connection.dialect
        self._cursor = connection.connection.cursor()

    @property
    def _postgresql(self) -> bool:
        return self._dialect.name == "postgresql"

    def _insert(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self._many(_insert_text(table, self._dialect), rows)

    def _upsert(self, table: sa.Table, rows: Sequence[dict[str, Any]], key: tuple[str, ...]) -> None:
        if rows:
            self._many(_upsert_text(table, key, self._dialect), rows)

    def _many(self, text: Text, rows: Sequence[dict[str, Any]]) -> None:
        self._cursor.executemany(text.sql, [text.bound(row) for row in rows])

    def _all(self, statement: sa.Select[Any], **values: Any) -> list[Any]:
        text = compiled_for(statement, self._dialect)
        self._cursor.execute(text.sql, text.bound(values))
        return list(self._cursor.fetchall())

    def _among(self, statement: sa.Select[Any], values: Sequence[Any]) -> list[Any]:
        found: list[Any] = []
        for chunk in chunks(values):
            text = compiled_for(statement, self._dialect, len(chunk))
            self._cursor.execute(text.sql, text.bound(spread(chunk)))
            found += self._cursor.fetchall()
        return found

    def _change(self, statement: sa.Update | sa.Delete, values: Sequence[Any], **others: Any) -> None:
        for chunk in chunks(values):
            text = compiled_for(statement, self._dialect, len(chunk))
            self._cursor.execute(text.sql, text.bound(spread(chunk) | others))

    def _insert_if_new(self, table: sa.Table) -> Any:
        return self._dialect_insert(table).on_conflict_do_nothing()

    def _dialect_insert(self, table: sa.Table) -> Any:
        return dialect_insert(table, self._dialect)

    def _mine(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """Let what a write transaction reads be its own until it ends; SQLite has one writer anyway."""
        return query

    def _free(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """Leave out rows that another transaction works on, and keep others off those that are given."""
        return query.with_for_update(skip_locked=True) if self._postgresql else query


def columns_of(kind: type[Any], table: sa.Table) -> list[sa.Column[Any]]:
    """Give the columns that a struct has, in its order."""
    return [table.c[name] for name in kind.__struct_fields__]


def given(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns we give a value; the database numbers one, and some are empty at first."""
    return [c for c in table.columns if c is not table.autoincrement_column and c.info != t.LATER]


def dialect_insert(table: sa.Table, dialect: sa.Dialect) -> Any:
    """Give an insert of the dialect, which can say what to do where a row is there already."""
    if dialect.name != "postgresql":
        return sqlite.insert(table)
    # Imported only where it is served: it costs every command 30 ms.
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


@functools.lru_cache(maxsize=64)
def _insert_text(table: sa.Table, dialect: sa.Dialect) -> Text:
    return compiled_for(sa.insert(table).values({c.name: sa.bindparam(c.name) for c in given(table)}), dialect)


@functools.lru_cache(maxsize=64)
def _upsert_text(table: sa.Table, key: tuple[str, ...], dialect: sa.Dialect) -> Text:
    insert = dialect_insert(table, dialect)
    others = {c.name: insert.excluded[c.name] for c in table.columns if c.name not in key}
    statement = insert.values({c.name: sa.bindparam(c.name) for c in given(table)})
    return compiled_for(statement.on_conflict_do_update(index_elements=list(key), set_=others), dialect)
