"""Holds the data map against the real schema: columns, keys, replacements. ``references`` looks at foreign keys.

Every function raises on the first thing that is wrong, naming file, line and fix; none reads a row.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable

from connectors.errors import MisconfiguredError
from connectors.sql.datamap import NULL, RANDOM, SqlMap, SqlRecordSet
from connectors.sql.replacing import EMAIL_SUFFIX, TOKEN_LENGTH, read_replacement
from connectors.sql.schema import KEY_TYPES, Column, Kind, Schema, Table, TableName


def near(name: str, known: Iterable[str]) -> str:
    """Give advice for a misspelt name."""
    words = sorted(known)
    close = difflib.get_close_matches(name, words, n=1) or [w for w in words if w.lower() == name.lower()]
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(words) or 'none'}"


def table_name(one: SqlRecordSet) -> TableName:
    """Give the full name of a set's table."""
    return (one.schema, one.table)


def key_columns(one: SqlRecordSet, table: Table) -> tuple[str, ...]:
    """Give the columns that identify a row of this set."""
    return one.key or table.primary


def check_set(one: SqlRecordSet, sql_map: SqlMap, schema: Schema) -> None:
    """Check one record set on its own.

    Raises:
        MisconfiguredError: see the module.
    """
    table = _check_table(one, sql_map, schema)
    _check_columns(one, table, sql_map)
    _check_key(one, table, sql_map)
    _check_anonymise(one, sql_map)
    if one.retain is not None:
        _check_cover(one, sql_map, one.retain.mask, "retain.mask", ("retain", "mask"))
        _check_replacements(one, table, sql_map, schema, one.retain.mask, "retain.mask")
    _check_replacements(one, table, sql_map, schema, one.anonymise, "anonymise")


def _check_table(one: SqlRecordSet, sql_map: SqlMap, schema: Schema) -> Table:
    table = schema.tables.get(table_name(one))
    if table is None:
        known = [name for where, name in schema.names if where == one.schema]
        fix = near(one.table, known)
        raise _wrong(one, sql_map, f"no table {one.table!r}", "table", one.table, fix=fix, code="missing_table")
    if any(other is not one and table_name(other) == table_name(one) for other in sql_map.sets):
        message = f"table {one.table!r} stands in two record sets"
        raise _wrong(one, sql_map, message, "table", fix="one record set for each table")
    return table


def _wrong(
    one: SqlRecordSet, sql_map: SqlMap, message: str, *words: str, fix: str, code: str = "datamap"
) -> MisconfiguredError:
    return sql_map.location.wrong(f"record set {one.name!r}: {message}", one.name, *words, fix=fix, code=code)


def _columns_named(one: SqlRecordSet) -> Iterable[tuple[str, str]]:
    """Give (where in the map, column) for every column the map names."""
    yield from (("key", column) for column in one.key)
    yield from (("parent_on", column) for column in one.parent_on)
    yield from (("personal", column) for column in one.personal)
    yield from (("anonymise", column) for column in one.anonymise)
    for where in ("match", "yields"):
        for places in getattr(one, where).values():
            yield from ((where, place.field) for place in places)
    if one.since:
        yield ("since", one.since)
    # The rows of a with_parent set take their date from the parent's row.
    if one.anchor:
        yield ("anchor", one.anchor)
    if one.retain is not None:
        yield from (("mask", column) for column in one.retain.mask)


def _check_columns(one: SqlRecordSet, table: Table, sql_map: SqlMap) -> None:
    for where, column in _columns_named(one):
        if column not in table.columns:
            message = f"{where}: table {one.table!r} has no column {column!r}"
            raise _wrong(one, sql_map, message, where, column, fix=near(column, table.columns), code="unknown_column")


def _check_key(one: SqlRecordSet, table: Table, sql_map: SqlMap) -> None:
    key = key_columns(one, table)
    if not key:
        fix = "name a unique key: key = [...]"
        raise _wrong(one, sql_map, f"table {one.table!r} has no primary key", "table", fix=fix)
    if not any(unique <= set(key) for unique in table.uniques):
        fix = "name the primary key, or add a unique constraint"
        raise _wrong(one, sql_map, f"key: {', '.join(key)} is not unique in {one.table!r}", "key", fix=fix)
    for name in key:
        column = table.columns[name]
        if column.nullable and name not in table.primary:
            raise _wrong(one, sql_map, f"key: {name} may be null", "key", name, fix="name the primary key")
        if column.kind not in KEY_TYPES and column.kind is not Kind.OTHER:
            message = f"key: {name} is of type {column.kind.value}"
            raise _wrong(one, sql_map, message, "key", name, fix="name a key of integers, texts, UUIDs or dates")
    if one.replace_key:
        _check_move(one, table, sql_map)


def _check_move(one: SqlRecordSet, table: Table, sql_map: SqlMap) -> None:
    """Check that a masked copy of a row can stand beside it under a new key for a moment."""
    key = key_columns(one, table)
    if one.erase != "anonymise":
        fix = 'erase = "anonymise", or remove replace_key'
        raise _wrong(one, sql_map, "replace_key goes with anonymise", "replace_key", fix=fix)
    column = table.columns[key[0]]
    room = column.length is None or column.length >= TOKEN_LENGTH
    fits = column.kind in {Kind.INTEGER, Kind.TEXT, Kind.UUID} and not column.generated and not column.tiny
    if len(key) > 1 or not fits or not room:
        fix = f"a single column of integers, UUIDs or texts of at least {TOKEN_LENGTH} characters"
        raise _wrong(one, sql_map, "replace_key cannot make a key for this table", "replace_key", fix=fix)
    for unique in table.uniques:
        if key[0] not in unique and not any(one.anonymise.get(name, "") in {NULL, RANDOM, None} for name in unique):
            message = f"replace_key: {', '.join(sorted(unique))} is unique, the copy would collide"
            raise _wrong(one, sql_map, message, "replace_key", fix=f'replace it by "{RANDOM}" in anonymise')


def _check_anonymise(one: SqlRecordSet, sql_map: SqlMap) -> None:
    if one.erase == "delete":
        if one.anonymise:
            fix = 'erase = "anonymise"'
            raise _wrong(one, sql_map, "anonymise is given, but the rows are deleted", "anonymise", fix=fix)
        return
    if one.erase == "anonymise" and not one.anonymise:
        raise _wrong(one, sql_map, "anonymise names no column", "anonymise", fix="anonymise = { column = ... }")
    if one.anonymise:
        _check_cover(one, sql_map, one.anonymise, "anonymise", ("anonymise",))
    if one.erase != "anonymise" or one.retain is not None:
        return
    for places in one.match.values():
        for place in places:
            moved = one.replace_key and (place.field,) == (one.key or (place.field,))
            if place.field not in one.anonymise and not moved:
                message = f"match: an anonymised row would still be found by {place.field!r}"
                fix = "mask it in anonymise, or use replace_key if it is the key, or give a retain rule"
                raise _wrong(one, sql_map, message, "match", place.field, fix=fix)


def _check_cover(
    one: SqlRecordSet, sql_map: SqlMap, rules: dict[str, str | int | None], where: str, words: tuple[str, ...]
) -> None:
    for column in one.personal:
        if column not in rules:
            message = f"{where} leaves the personal column {column!r} as it is"
            raise _wrong(one, sql_map, message, *words, fix=f'add {column} = "{NULL}", "{RANDOM}" or a fixed value')


def _check_replacements(
    one: SqlRecordSet, table: Table, sql_map: SqlMap, schema: Schema, rules: dict[str, str | int | None], where: str
) -> None:
    word = where.rpartition(".")[2]
    emails = email_columns(one)
    for name, raw in rules.items():
        column = table.columns[name]

        def wrong(message: str, fix: str, name: str = name) -> MisconfiguredError:
            return _wrong(one, sql_map, f"{where}.{name}: {message}", word, name, fix=fix, code="replacement")

        if name in key_columns(one, table):
            raise wrong("a key is not replaced in place", "remove it, or use replace_key")
        if column.generated:
            raise wrong("the database computes this column", "mask what it is computed from")
        if raw is None or raw == NULL:
            if not column.nullable:
                raise wrong("null into a column that is NOT NULL", f'use "{RANDOM}" or a fixed value')
            continue
        if any(key.table == table.name and name in key.columns for key in schema.foreign_keys):
            raise wrong("the column refers to another table", f'use "{NULL}"')
        _check_type(raw, column, sqlite=schema.sqlite, email=name in emails, wrong=wrong)
        if raw != RANDOM:
            for unique in table.uniques:
                # A key in the constraint keeps rows apart; a token or a null beside the fixed value does, too.
                others = unique - {name}
                apart = set(table.primary) <= others or any(rules.get(other) in {RANDOM, NULL} for other in others)
                if name in unique and not apart:
                    raise wrong("a fixed value into a UNIQUE column", f'use "{RANDOM}"')


def email_columns(one: SqlRecordSet) -> frozenset[str]:
    """Give the columns that hold e-mail addresses, as far as the map tells; their tokens look like addresses."""
    matched = {place.field for place in one.match.get("email", ())}
    return frozenset(matched | {place.field for place in one.yields.get("email", ())})


def _check_type(
    raw: str | int, column: Column, *, sqlite: bool, email: bool, wrong: Callable[[str, str], MisconfiguredError]
) -> None:
    kind = column.kind
    if raw == RANDOM:
        if kind is not Kind.TEXT:
            raise wrong(f"a random text into a column of type {kind.value}", f'use "{NULL}" or a fixed value')
        needed = TOKEN_LENGTH + (len(EMAIL_SUFFIX) if email else 0)
        if column.length is not None and column.length < needed:
            raise wrong(f"the token has {needed} characters, the column {column.length}", "use a fixed value or null")
        return
    if isinstance(raw, int):
        if kind not in {Kind.INTEGER, Kind.NUMBER, Kind.OTHER}:
            raise wrong(f"a number into a column of type {kind.value}", "write it as text, in quotes")
        return
    try:
        read_replacement(raw, column, sqlite=sqlite)
    except ValueError:
        raise wrong("not a date", "write it as YYYY-MM-DD") from None
    if kind not in {Kind.TEXT, Kind.DATE, Kind.DATETIME} and not (kind is Kind.OTHER and sqlite):
        raise wrong(f"a text into a column of type {kind.value}", f'use "{NULL}" or a number')
    if column.length is not None and len(raw) > column.length:
        raise wrong(f"the column has room for {column.length} characters", "use a shorter text")
