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
    triggers: Mapping[TableName, tuple[str, ...]]


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
        tables = {name: _table(connection, inspector, name, sqlite=sqlite) for name in every if name in wanted}
        if sqlite:
            keys = [key for name in every for key in _sqlite_foreign_keys(connection, inspector, name, every)]
        else:
            keys = [key for name in every for key in _foreign_keys(inspector, name, default)]
        triggers = {name: _triggers(connection, name, default, sqlite=sqlite) for name in tables}
    return Schema(sqlite, tables, tuple(every), tuple(keys), triggers)


def _triggers(connection: sa.Connection, name: TableName, default: str | None, *, sqlite: bool) -> tuple[str, ...]:
    """Give the names of a table's triggers, without those of PostgreSQL's own for foreign keys."""
    if sqlite:
        query = (
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND lower(tbl_name) = lower(:table) ORDER BY name"
        )
    else:
        query = (
            "SELECT t.tgname FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid JOIN pg_namespace n "
            "ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND c.relname = :table AND n.nspname = :schema "
            "ORDER BY t.tgname"
        )
    values = {"table": name[1]} if sqlite else {"table": name[1], "schema": name[0] or default}
    return tuple(connection.execute(sa.text(query), values).scalars())


def _kind(kind: sa.types.TypeEngine[Any], *, sqlite: bool) -> Kind:
    for known, found in _KINDS:
        if isinstance(kind, known):
            # SQLite gives DATE, NUMERIC and unknown types NUMERIC affinity: any value may be in there.
            return Kind.OTHER if sqlite and found in {Kind.NUMBER, Kind.UUID, Kind.BOOLEAN} else found
    return Kind.OTHER


def _table(connection: sa.Connection, inspector: sa.Inspector, name: TableName, *, sqlite: bool) -> Table:
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
    uniques, ordered, expressions = _sqlite_indexes(connection, table) if sqlite else _indexes(inspector, name)
    if primary:
        uniques.append(frozenset(primary))
        ordered.append(primary)
    return Table(name, columns, primary, tuple(uniques), tuple(ordered), tuple(expressions))


Indexes = tuple[list[frozenset[str]], list[tuple[str, ...]], list[str]]
"""Columns unique together, columns of indexes in order, texts of indexed expressions; partial indexes left out."""


def _indexes(inspector: sa.Inspector, name: TableName) -> Indexes:
    schema, table = name
    constraints = inspector.get_unique_constraints(table, schema=schema)
    uniques = [frozenset(one["column_names"]) for one in constraints]
    ordered = [tuple(one["column_names"]) for one in constraints]
    expressions: list[str] = []
    for index in inspector.get_indexes(table, schema=schema):
        if index.get("dialect_options", {}).get("postgresql_where"):
            continue
        named = tuple(column for column in index["column_names"] if column is not None)
        whole = len(named) == len(index["column_names"])
        expressions += index.get("expressions", [])
        if index["unique"] and whole:
            uniques.append(frozenset(named))
        if named and index["column_names"][0] is not None:
            ordered.append(named)
    return uniques, ordered, expressions


def _sqlite_indexes(connection: sa.Connection, table: str) -> Indexes:
    """Ask SQLite itself: SQLAlchemy reads unnamed UNIQUE constraints out of the SQL text, and misses some."""
    uniques: list[frozenset[str]] = []
    ordered: list[tuple[str, ...]] = []
    quoted = connection.dialect.identifier_preparer.quote
    for _, index, unique, _, partial in connection.exec_driver_sql(f"PRAGMA index_list({quoted(table)})").all():
        if partial:
            continue
        names = [row[2] for row in connection.exec_driver_sql(f"PRAGMA index_info({quoted(index)})")]
        if unique and None not in names:
            uniques.append(frozenset(names))
        if names[0] is not None:
            ordered.append(tuple(name for name in names if name is not None))
    return uniques, ordered, []


def _foreign_keys(inspector: sa.Inspector, name: TableName, default: str | None) -> list[ForeignKey]:
    found = []
    for one in inspector.get_foreign_keys(name[1], schema=name[0]):
        schema = one["referred_schema"]
        target = (None if schema == default else schema, one["referred_table"])
        action = str(one.get("options", {}).get("ondelete") or "NO ACTION").upper()
        columns, targets = tuple(one["constrained_columns"]), tuple(one["referred_columns"])
        found.append(ForeignKey(name, columns, target, targets, action))
    return found


def _sqlite_foreign_keys(
    connection: sa.Connection, inspector: sa.Inspector, name: TableName, every: list[TableName]
) -> list[ForeignKey]:
    """Ask SQLite itself: SQLAlchemy reads the actions out of the SQL text, and misses those of inline references."""
    folded = {table.lower(): table for _, table in every}
    quoted = connection.dialect.identifier_preparer.quote(name[1])
    by_id: dict[int, list[Any]] = {}
    for row in connection.exec_driver_sql(f"PRAGMA foreign_key_list({quoted})"):
        by_id.setdefault(row[0], []).append(row)
    found = []
    for rows in by_id.values():
        rows.sort(key=lambda row: row[1])
        # SQLite compares names without regard to case; no target column means the primary key.
        target = folded.get(rows[0][2].lower(), rows[0][2])
        targets = tuple(row[4] for row in rows)
        if None in targets and target in folded.values():
            targets = tuple(inspector.get_pk_constraint(target)["constrained_columns"])
        found.append(ForeignKey(name, tuple(row[3] for row in rows), (None, target), targets, rows[0][6].upper()))
    return found
