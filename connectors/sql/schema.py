"""Reads the real schema once: tables, keys, indexes, and every foreign key that points into a mapped table."""

from __future__ import annotations

import datetime as dt
import decimal
import enum
import uuid
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa

TableName = tuple[str | None, str]
"""(schema or None for the default one, table)."""


class Kind(enum.Enum):
    """What a column can hold, as far as matching and replacing care."""

    INTEGER = "integer"
    TEXT = "text"
    UUID = "uuid"
    NUMBER = "number"
    DATE = "date"
    DATETIME = "datetime"
    BOOLEAN = "boolean"
    BYTES = "bytes"
    OTHER = "other"


# Order matters: DateTime before Date is not needed (no subclass), Enum is a String and is told apart first.
_KINDS: Final[tuple[tuple[type[sa.types.TypeEngine[Any]], Kind], ...]] = (
    (sa.Enum, Kind.OTHER),
    (sa.Integer, Kind.INTEGER),
    (sa.Uuid, Kind.UUID),
    (sa.String, Kind.TEXT),
    (sa.Numeric, Kind.NUMBER),
    (sa.Float, Kind.NUMBER),
    (sa.DateTime, Kind.DATETIME),
    (sa.Date, Kind.DATE),
    (sa.Boolean, Kind.BOOLEAN),
    (sa.LargeBinary, Kind.BYTES),
)
KEY_TYPES: Final[Mapping[Kind, Any]] = {
    Kind.INTEGER: int,
    Kind.TEXT: str,
    Kind.UUID: uuid.UUID,
    Kind.NUMBER: decimal.Decimal,
    Kind.DATE: dt.date,
    Kind.DATETIME: dt.datetime,
}
"""Python type of a key column. SQLite types values, not columns, and uses one union instead."""


@dataclass(frozen=True, slots=True)
class Column:
    """One column.

    Attributes:
        type: What statements bind and read with; on SQLite the null type, so that values pass as stored.
        length: Most characters, where the database enforces it.
        generated: The database computes the value; it cannot be written.
        tiny: An integer of 16 bits: too few for random keys.
    """

    name: str
    kind: Kind
    type: sa.types.TypeEngine[Any]
    nullable: bool
    length: int | None
    generated: bool
    tiny: bool = False


@dataclass(frozen=True, slots=True)
class ForeignKey:
    """``table.columns`` refers to ``target.target_columns``."""

    table: TableName
    columns: tuple[str, ...]
    target: TableName
    target_columns: tuple[str, ...]
    on_delete: str


@dataclass(frozen=True, slots=True)
class Table:
    """One table. ``uniques`` are sets of columns that are unique together (primary key included, partial ones not)."""

    name: TableName
    columns: Mapping[str, Column]
    primary: tuple[str, ...]
    uniques: tuple[frozenset[str], ...]
    indexes: tuple[tuple[str, ...], ...]
    expressions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Schema:
    """The part of the database that the map and its neighbours touch."""

    sqlite: bool
    tables: Mapping[TableName, Table]
    names: tuple[TableName, ...]
    foreign_keys: tuple[ForeignKey, ...]


def reflect(connection: sa.Connection, wanted: set[TableName]) -> Schema:
    """Read the wanted tables (absent ones are left out) and all foreign keys of the database."""
    sqlite = connection.dialect.name == "sqlite"
    with warnings.catch_warnings():
        # Types and expression indexes that SQLAlchemy does not know are no concern of ours.
        warnings.simplefilter("ignore", sa.exc.SAWarning)
        inspector = sa.inspect(connection)
        default = inspector.default_schema_name
        schemas: list[str | None] = [None]
        if not sqlite:
            names = inspector.get_schema_names()
            schemas += [n for n in names if n not in {default, "information_schema"} and not n.startswith("pg_")]
        every = [(schema, table) for schema in schemas for table in inspector.get_table_names(schema=schema)]
        tables = {name: _table(inspector, name, sqlite=sqlite) for name in every if name in wanted}
        keys = [key for name in every for key in _foreign_keys(inspector, name, every, default)]
    return Schema(sqlite, tables, tuple(every), tuple(keys))


def _kind(kind: sa.types.TypeEngine[Any], *, sqlite: bool) -> Kind:
    for known, found in _KINDS:
        if isinstance(kind, known):
            # SQLite gives DATE, NUMERIC and unknown types NUMERIC affinity: any value may be in there.
            return Kind.OTHER if sqlite and found in {Kind.NUMBER, Kind.UUID, Kind.BOOLEAN} else found
    return Kind.OTHER


def _table(inspector: sa.Inspector, name: TableName, *, sqlite: bool) -> Table:
    schema, table = name
    columns: dict[str, Column] = {}
    for one in inspector.get_columns(table, schema=schema):
        kind = _kind(one["type"], sqlite=sqlite)
        type_: sa.types.TypeEngine[Any] = sa.types.NullType() if sqlite else one["type"]
        if kind is Kind.INTEGER and not sqlite:
            type_ = sa.BigInteger()  # an identifier above 32 bits must not match, and must not raise either
        identity = one.get("identity")
        generated = one.get("computed") is not None or bool(identity and identity["always"])
        length = None if sqlite else getattr(one["type"], "length", None)
        columns[one["name"]] = Column(
            one["name"], kind, type_, one["nullable"], length, generated, isinstance(one["type"], sa.SmallInteger)
        )
    primary = tuple(inspector.get_pk_constraint(table, schema=schema)["constrained_columns"])
    indexes = inspector.get_indexes(table, schema=schema)
    uniques = [frozenset(one["column_names"]) for one in inspector.get_unique_constraints(table, schema=schema)]
    ordered = [tuple(one["column_names"]) for one in inspector.get_unique_constraints(table, schema=schema)]
    expressions: list[str] = []
    for index in indexes:
        options = index.get("dialect_options", {})
        partial = bool(options.get("sqlite_where") is not None or options.get("postgresql_where"))
        named = [column for column in index["column_names"] if column is not None]
        expressions += index.get("expressions", []) if not partial else []
        if index["unique"] and not partial and len(named) == len(index["column_names"]):
            uniques.append(frozenset(named))
        if not partial and index["column_names"] and index["column_names"][0] is not None:
            ordered.append(tuple(named))
    if primary:
        uniques.append(frozenset(primary))
        ordered.append(primary)
    return Table(name, columns, primary, tuple(uniques), tuple(ordered), tuple(expressions))


def _foreign_keys(
    inspector: sa.Inspector, name: TableName, every: list[TableName], default: str | None
) -> list[ForeignKey]:
    found = []
    folded = {(schema, table.lower()): (schema, table) for schema, table in every}
    for one in inspector.get_foreign_keys(name[1], schema=name[0]):
        schema = one["referred_schema"]
        target: TableName = (None if schema == default else schema, one["referred_table"])
        target = target if target in every else folded.get((target[0], target[1].lower()), target)
        columns = tuple(one["referred_columns"])
        if not columns:
            columns = tuple(inspector.get_pk_constraint(target[1], schema=target[0])["constrained_columns"])
        action = str(one.get("options", {}).get("ondelete") or "NO ACTION").upper()
        found.append(ForeignKey(name, tuple(one["constrained_columns"]), target, columns, action))
    return found
