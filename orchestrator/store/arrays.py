"""Many rows in one statement of PostgreSQL: each column travels as an array, and ``unnest`` makes rows of them again.

A statement a row, even in a pipeline, costs the client twice as much as all else that it does for the row; and a list
of 500 parameters is a text that the driver has to read anew each time.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import sqlalchemy as sa

from connectors.sqltext import compiled_for

_TYPES: Final = {"str": "text", "bytes": "bytea", "int": "bigint"}
_LIST: Final = re.compile(r'IN \(%\(values_1\)s(?:::\w+)?(?: COLLATE "C")?\)')


@functools.lru_cache(maxsize=64)
def insert_text(table: sa.Table, names: tuple[str, ...], key: tuple[str, ...] = ()) -> str:
    """Give the statement that inserts rows of these columns, in their order; with a key it replaces what is there."""
    columns = ", ".join(f'"{name}"' for name in names)
    arrays = ", ".join(f"%({name})b::{_array(table.c[name])}" for name in names)
    # The order of the rows is kept: the journal is numbered by it.
    text = (
        f'INSERT INTO "{table.name}" ({columns}) SELECT {columns} FROM unnest({arrays})'
        f" WITH ORDINALITY AS given ({columns}, place_in_the_batch) ORDER BY place_in_the_batch"
    )
    if not key:
        return text
    changes = ", ".join(f'"{name}" = excluded."{name}"' for name in names if name not in key)
    return f"{text} ON CONFLICT ({', '.join(key)}) DO UPDATE SET {changes}"


def columns_of(names: Iterable[str], rows: Sequence[dict[str, Any]]) -> dict[str, list[Any]]:
    """Give rows column by column."""
    return {name: [row[name] for row in rows] for name in names}


@functools.lru_cache(maxsize=256)
def any_text(statement: sa.ClauseElement, dialect: sa.Dialect, kind: str) -> tuple[str, dict[str, Any]]:
    """Give a statement whose ``IN`` takes one array ``values``, and the parameters that stand in it."""
    compiled = compiled_for(statement, dialect, 1)
    text, found = _LIST.subn(f"= ANY(%(values)b::{_TYPES[kind]}[])", compiled.sql)
    if found != 1:
        raise AssertionError(f"no single list in: {compiled.sql}")
    return text, dict(compiled.fixed)


def _array(column: sa.Column[Any]) -> str:
    if isinstance(column.type, sa.LargeBinary):
        return "bytea[]"
    if isinstance(column.type, sa.Integer):
        return "bigint[]"
    return "text[]"
