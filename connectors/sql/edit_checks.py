"""Holds corrections, marks and provided columns of the data map against the real schema. Reads no row."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from connectors.datamap import Mark, Restrict
from connectors.errors import MisconfiguredError, PermanentError
from connectors.sql.checks import key_columns, near, table_name
from connectors.sql.datamap import NULL, SqlMap, SqlRecordSet
from connectors.sql.schema import Kind, Schema, Table
from connectors.sql.writing import WRITABLE, read_value
from schemas.tasks import FieldValue

_WHY: Final = {
    "not_null": ("of null for a column that is NOT NULL", "give set and lifted, each a value"),
    "wrong_type": (
        "of a type that the column does not take",
        "a text, a number, true or false, as the column holds it",
    ),
    "too_long": ("that is longer than the column", "use a shorter text"),
}


def marks_of(one: SqlRecordSet) -> Iterator[tuple[tuple[str, ...], Mark]]:
    """Give every mark of a record set, and where it stands in the map."""
    if one.restrict is not None:
        yield ("restrict",), one.restrict
    for purpose, mark in one.stop.items():
        yield ("stop", purpose), mark


def mark_value(value: str | float) -> FieldValue:
    """Give a mark's value as the column holds it; TOML has no null."""
    return None if value == NULL else value


def check_edits(one: SqlRecordSet, sql_map: SqlMap, schema: Schema) -> None:
    """Check what may be changed of rows that stay, and what the person provided.

    Raises:
        MisconfiguredError: unknown column, one that cannot be written or must not be, a value that does not fit.
    """
    table = schema.tables[table_name(one)]
    for column in one.provided:
        _known(one, sql_map, table, ("provided",), column)
    for column in one.free_text:
        _known(one, sql_map, table, ("free_text",), column)
    for column in one.rectify:
        _known(one, sql_map, table, ("rectify",), column)
        _check_column(one, sql_map, schema, ("rectify",), column)
    marks = list(marks_of(one))
    for where, mark in marks:
        _known(one, sql_map, table, where, mark.column)
        _check_column(one, sql_map, schema, where, mark.column)
        _check_mark(one, sql_map, schema, where, mark)
    _check_apart(one, sql_map, marks)


def _wrong(
    one: SqlRecordSet, sql_map: SqlMap, where: tuple[str, ...], column: str, message: str, fix: str, code: str
) -> MisconfiguredError:
    text = f"record set {one.name!r}: {'.'.join(where)}: {column}: {message}"
    return sql_map.location.wrong(text, one.name, *where, column, fix=fix, code=code)


def _known(one: SqlRecordSet, sql_map: SqlMap, table: Table, where: tuple[str, ...], column: str) -> None:
    if column not in table.columns:
        message = f"table {one.table!r} has no such column"
        raise _wrong(one, sql_map, where, column, message, near(column, table.columns), "unknown_column")


def _check_column(one: SqlRecordSet, sql_map: SqlMap, schema: Schema, where: tuple[str, ...], name: str) -> None:
    """Refuse a column that leads to rows, or that nobody can write a plain value into."""
    table = schema.tables[table_name(one)]
    column = table.columns[name]
    links = {
        *one.parent_on,
        *(up for child in sql_map.sets if child.parent == one.name for up in child.parent_on.values()),
    }
    if name in key_columns(one, table) or name in table.primary or name in links:
        message = "rows are found by this column: a key, or a link to a parent or child"
        raise _wrong(one, sql_map, where, name, message, "remove it", "column")
    if any(key.table == table.name and name in key.columns for key in schema.foreign_keys):
        raise _wrong(one, sql_map, where, name, "the column refers to another table", "remove it", "column")
    if any(key.target == table.name and name in key.target_columns for key in schema.foreign_keys):
        raise _wrong(one, sql_map, where, name, "another table refers to this column", "remove it", "column")
    if column.generated:
        fix = "name what it is computed from"
        raise _wrong(one, sql_map, where, name, "the database computes this column", fix, "column")
    if column.kind not in WRITABLE and not (schema.sqlite and column.kind is Kind.OTHER):
        message = f"a column of type {column.kind.value}"
        fix = "a column of texts, numbers, dates, UUIDs, or true and false"
        raise _wrong(one, sql_map, where, name, message, fix, "column")


def _check_mark(one: SqlRecordSet, sql_map: SqlMap, schema: Schema, where: tuple[str, ...], mark: Mark) -> None:
    table, name = schema.tables[table_name(one)], mark.column
    given = {"set": mark_value(mark.set)}
    if isinstance(mark, Restrict):
        given["lifted"] = mark_value(mark.lifted)
        if given["set"] == given["lifted"]:
            fix = "set what stands there while a row is restricted, lifted what stands there otherwise"
            raise _wrong(one, sql_map, where, name, "set and lifted are the same", fix, "mark")
    for word, value in given.items():
        try:
            read_value(value, table.columns[name], sqlite=schema.sqlite)
        except PermanentError as error:
            message, fix = _WHY[error.code]
            raise _wrong(one, sql_map, (*where, word), name, f"a value {message}", fix, "mark") from None
        if value is not None and any(name in unique for unique in table.uniques):
            raise _wrong(one, sql_map, where, name, "a fixed value into a UNIQUE column", "name another column", "mark")


def _check_apart(one: SqlRecordSet, sql_map: SqlMap, marks: list[tuple[tuple[str, ...], Mark]]) -> None:
    """Refuse a mark that something else writes, or that says two things: nobody could tell what it says."""
    personal = {*one.personal, *one.anonymise, *one.mask, *one.rectify}
    personal |= {place.field for places in one.match.values() for place in places}
    personal |= {place.field for places in one.yields.values() for place in places}
    personal |= {one.retain.anchor} if one.retain is not None else set()
    personal |= {one.anchor} if one.anchor else set()
    seen: dict[str, tuple[bool, object]] = {}
    for where, mark in marks:
        if mark.column in personal:
            message = "the column holds data, or is corrected, or replaced when a row is erased"
            raise _wrong(one, sql_map, where, mark.column, message, "a column that is nothing but the mark", "mark")
        said = (where[0] == "restrict", mark_value(mark.set))
        if seen.setdefault(mark.column, said) != said:
            message = "two marks in one column that say different things"
            raise _wrong(one, sql_map, where, mark.column, message, "a column for each", "mark")
