"""The data map compiled: one immutable plan, shared by all connectors of a system. ``building`` makes it."""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import msgspec
import sqlalchemy as sa
from sqlalchemy.sql import visitors

from connectors.datamap import Match
from connectors.sql.datamap import SqlRecordSet
from connectors.sql.replacing import Rule
from connectors.sql.schema import Column, Kind
from connectors.sql.statements import comparable
from connectors.sql.values import Key, as_uuid, digits_form, lower_form, text_of
from connectors.sql.writing import is_held
from connectors.sqltext import VALUES, chunks, compiled_for, spread
from schemas.identifiers import Strength, canonical

Row = Sequence[Any]
"""A row of the columns of ``SetPlan.columns``, in their order."""


@dataclass(frozen=True, slots=True)
class Place:
    """One column that holds one kind of identifier, and the statement that searches it."""

    kind: str
    match: Match
    position: int
    statement: sa.Select[Any]
    column_kind: Kind
    sqlite: bool

    def form(self, value: str) -> str:
        """Give the form under which an asked value is compared; empty: it can match nothing."""
        if self.match.case == "lower":
            return lower_form(value)
        if self.match.case == "digits":
            return digits_form(value)
        # A UUID may be spelt with capitals or without dashes; drivers give it back in one form.
        return str(as_uuid(value) or value) if self.column_kind is Kind.UUID else value

    def binds(self, form: str) -> tuple[Any, ...]:
        """Give what to send for a form."""
        return comparable(form, self.column_kind, self.match.case, sqlite=self.sqlite)

    def stored_form(self, value: Any, asked: Mapping[str, Any]) -> str:
        """Give the form of a stored value; the rows are given back to who asked by it."""
        if self.match.case == "lower":
            return lower_form(value)
        if self.match.case == "digits":
            return digits_form(value)
        text = text_of(value)
        return text if text in asked else canonical(self.kind, text)


@dataclass(frozen=True, slots=True)
class Moves:
    """How a row moves to a new key: insert a masked copy, point what refers to it there, delete the old row.

    The statements take ``old`` and ``new``; ``taken`` tells which of ``values`` are keys already.
    """

    kind: Kind
    largest: int
    taken: sa.Select[Any]
    insert: sa.Insert
    repoint: tuple[sa.Update, ...]


WRITTEN: Final = "expunge_keys"
"""Name of the keys in a statement that writes: its other parameters have the names of columns."""


@dataclass(frozen=True, slots=True)
class Edits:
    """What may be changed of rows that stay.

    Attributes:
        columns: Every column that a correction or a mark may write.
        places: Where they stand in the rows that ``read`` gives, after the key columns.
        restrict: Column, its value while a row is restricted, its value when that ends; None where there is no mark.
        stop: purpose -> column, and its value when the rows are not used for it any more.
        which: Chooses the rows to write.
    """

    table: sa.TableClause
    columns: Mapping[str, Column]
    places: Mapping[str, int]
    restrict: tuple[str, Any, Any] | None
    stop: Mapping[str, tuple[str, Any]]
    which: sa.ColumnElement[bool]
    read: sa.Select[Any]

    def holds(self, row: Row, name: str, value: Any) -> bool:
        """Tell whether a column of a row holds this value."""
        return is_held(row[self.places[name]], value, self.columns[name])

    def update(self, values: Mapping[str, Any]) -> sa.Update:
        """Give the statement that writes values; it takes keys as ``WRITTEN``."""
        return self.table.update().where(self.which).values(dict(values))


@dataclass(frozen=True, slots=True)
class SetPlan:
    """One record set, ready to run. Rows are read as ``columns``; the key columns come first.

    Attributes:
        by_key, by_parent, delete, update_anonymise, update_mask, whole: Statements that take ``values``: keys, or
            values of the columns that refer to the parent; ``whole`` reads all columns of the table.
        by_link: child set -> reads the rows that its rows refer to.
        up: Reads from a row what refers to the parent's row; None where it refers to none.
        down: child set -> reads from a row what that child's ``up`` gives.
        anchor: Position of the anchor date; None where there is none, or it is the parent's.
        since: Position of the day on which the person gave the data; as ``anchor``.
        method: What erasing means here: ``delete`` or ``anonymise``.
        edits: What may be changed of rows that stay; None where the data map names nothing.
        by_page: Reads key and anchor of the first ``most`` rows in the order of the key, and of those after a key
            (``after_0``, ...); None where the set has no period of its own.
    """

    spec: SqlRecordSet
    columns: tuple[str, ...]
    key_length: int
    decoder: msgspec.json.Decoder[Key]
    places: tuple[Place, ...]
    yields: tuple[tuple[str, Strength, int], ...]
    anchor: int | None
    since: int | None
    up: Callable[[Row], Any]
    down: Mapping[str, Callable[[Row], Any]]
    anonymise: tuple[Rule, ...]
    mask: tuple[Rule, ...]
    method: str
    by_key: sa.Select[Any]
    by_parent: sa.Select[Any] | None
    by_link: Mapping[str, sa.Select[Any]]
    whole: sa.Select[Any]
    delete: sa.Delete
    update_anonymise: sa.Update | None
    update_mask: sa.Update | None
    moves: Moves | None
    edits: Edits | None
    by_page: tuple[sa.Select[Any], sa.Select[Any]] | None = None

    @property
    def name(self) -> str:
        """Name of the record set."""
        return self.spec.name

    def key_of(self, row: Row) -> Key:
        """Give the key of a row."""
        return tuple(row[: self.key_length])

    def bound(self, keys: list[Key]) -> list[Any]:
        """Give keys as the statements take them: plain values where the key is one column."""
        return [key[0] for key in keys] if self.key_length == 1 else list(keys)


@dataclass(frozen=True, slots=True)
class Plan:
    """The whole system. ``sets`` come parents first; ``children`` by the name of the parent's set."""

    sqlite: bool
    sets: tuple[SetPlan, ...]
    by_name: Mapping[str, SetPlan]
    children: Mapping[str, tuple[SetPlan, ...]]
    warnings: tuple[str, ...]


def fetch(connection: sa.Connection, statement: sa.Select[Any], values: list[Any]) -> list[Row]:
    """Read the rows for any number of values, in statements of bounded size."""
    rows: list[Row] = []
    for chunk in chunks(values):
        if _plain(statement) and not isinstance(chunk[0], tuple):
            rows += _driven(connection, statement, chunk)
        else:
            rows += connection.execute(statement, {VALUES: chunk}).all()
    return rows


def change(connection: sa.Connection, statement: sa.Delete | sa.Update, values: list[Any]) -> None:
    """Delete or update the rows of these keys. How many rows it hit proves nothing and is not asked."""
    for chunk in chunks(values):
        if _plain(statement) and not isinstance(chunk[0], tuple):
            _driven(connection, statement, chunk)
        else:
            connection.execute(statement, {VALUES: chunk})


def _driven(connection: sa.Connection, statement: sa.Executable, values: Sequence[Any]) -> list[Row]:
    """Let the driver run a statement in the open transaction; gives its rows, if it has any.

    Raises:
        DBAPIError: as Core raises it, without the statement and its values.
    """
    text = compiled_for(statement, connection.dialect, len(values))
    driver: Any = connection.dialect.loaded_dbapi
    try:
        cursor = connection.connection.cursor()
        cursor.execute(text.sql, text.bound(spread(values)))
        described: object = cursor.description  # typed as always there; a change of rows has none
        return [] if described is None else list(cursor.fetchall())
    except driver.Error as error:
        raise sa.exc.DBAPIError(None, None, error) from None


@functools.lru_cache(maxsize=1024)
def _plain(statement: sa.ClauseElement) -> bool:
    """Tell whether the driver takes and gives the values of a statement as they are, without Core's conversions."""
    types = {type(one.type) for one in visitors.iterate(statement) if isinstance(one, sa.ColumnElement)}
    return types <= _UNCONVERTED


_UNCONVERTED: Final = frozenset(
    {sa.types.NullType, sa.Integer, sa.BigInteger, sa.SmallInteger, sa.INTEGER, sa.BIGINT, sa.SMALLINT}
    | {sa.String, sa.Text, sa.VARCHAR, sa.TEXT, sa.CHAR, sa.Boolean, sa.BOOLEAN}
)
"""Types whose values no dialect converts; comparisons are Boolean, and every column of SQLite is of the null type."""
