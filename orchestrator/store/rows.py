"""What the parts of a transaction have in common: the connection, and columns as they are named in the structs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from connectors.sqltext import chunks


class Rows:
    """A connection with an open transaction. Not the hot path: statements run through SQLAlchemy Core."""

    connection: sa.Connection

    @property
    def _postgresql(self) -> bool:
        return self.connection.dialect.name == "postgresql"

    def _insert(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self.connection.execute(sa.insert(table), list(rows))

    def _insert_if_new(self, table: sa.Table) -> Any:
        return self._dialect_insert(table).on_conflict_do_nothing()

    def _dialect_insert(self, table: sa.Table) -> Any:
        if self._postgresql:
            from sqlalchemy.dialects import postgresql

            return postgresql.insert(table)
        from sqlalchemy.dialects import sqlite

        return sqlite.insert(table)

    def _free(self, query: sa.Select[Any]) -> sa.Select[Any]:
        """Leave out rows that another transaction works on, and keep others off those that are given."""
        return query.with_for_update(skip_locked=True) if self._postgresql else query

    def _delete(self, column: sa.Column[Any], values: list[Any]) -> None:
        for part in chunks(values):
            self.connection.execute(sa.delete(column.table).where(column.in_(part)))


def columns_of(kind: type[Any], table: sa.Table) -> list[sa.Column[Any]]:
    """Give the columns that a struct has, in its order."""
    return [table.c[name] for name in kind.__struct_fields__]
