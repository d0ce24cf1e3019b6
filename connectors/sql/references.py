"""Holds parents, foreign keys and indexes of the data map against the real schema; orders the record sets.

A deletion that a foreign key forbids, or that a foreign key would carry into rows that must stay, is found here
and not by the first person whose erasure fails.
"""

from __future__ import annotations

import graphlib

from connectors.errors import MisconfiguredError
from connectors.sql.checks import key_columns, near, table_name
from connectors.sql.datamap import SqlMap, SqlRecordSet
from connectors.sql.schema import ForeignKey, Kind, Schema, TableName
from connectors.sql.statements import BLANKS

_UNLINKS = frozenset({"SET NULL", "SET DEFAULT"})


def check_parents(sql_map: SqlMap) -> None:
    """Check that parents exist and form no cycle.

    Raises:
        MisconfiguredError: with the line.
    """
    names = {one.name for one in sql_map.sets}
    for one in sql_map.sets:
        if one.parent is None:
            if one.erase == "with_parent" or one.parent_on:
                what = "with_parent" if one.erase == "with_parent" else "parent_on"
                raise _wrong(one, sql_map, f"{what} needs a parent", what, fix='add parent = "<record set>"')
        elif one.parent not in names:
            raise _wrong(
                one, sql_map, f"no record set {one.parent!r}", "parent", one.parent, fix=near(one.parent, names)
            )
        elif not one.parent_on:
            fix = 'parent_on = { "<column here>" = "<column of the parent>" }'
            raise _wrong(one, sql_map, "parent without parent_on", "parent", fix=fix)
        if one.erase == "with_parent" and one.retain is not None and not one.retain.mask:
            fix = "the parent's rule counts; give only what is masked, in anonymise"
            raise _wrong(one, sql_map, "retain on a with_parent set masks nothing", "retain", fix=fix)
    try:
        tuple(graphlib.TopologicalSorter(_by_parent(sql_map)).static_order())
    except graphlib.CycleError as error:
        cycle = [str(name) for name in error.args[1]]
        one = sql_map.get(cycle[0])
        raise _wrong(one, sql_map, f"parents form a cycle: {' -> '.join(cycle)}", "parent", fix="remove one") from None


def check_followers(sql_map: SqlMap) -> None:
    """Check that what lives with a kept parent is masked with it.

    Raises:
        MisconfiguredError: with the line.
    """
    for one in sql_map.sets:
        above: SqlRecordSet | None = one
        while above is not None and above.erase == "with_parent" and above.parent is not None:
            above = sql_map.get(above.parent)
            if above.retain is not None and one.personal and not one.mask:
                message = f"its rows stay with those of {above.name!r}, and nothing masks their personal columns"
                raise _wrong(one, sql_map, message, "personal", fix="anonymise = { column = ... }")


def _wrong(one: SqlRecordSet, sql_map: SqlMap, message: str, *words: str, fix: str) -> MisconfiguredError:
    return sql_map.location.wrong(f"record set {one.name!r}: {message}", one.name, *words, fix=fix)


def _by_parent(sql_map: SqlMap) -> dict[str, set[str]]:
    return {one.name: {one.parent} if one.parent else set() for one in sql_map.sets}


def parents_first(sql_map: SqlMap, schema: Schema) -> tuple[SqlRecordSet, ...]:
    """Order the sets: parents, and tables that others refer to, come first. Erasing goes backwards."""
    graph = _by_parent(sql_map)
    by_table = {table_name(one): one.name for one in sql_map.sets}
    for key in schema.foreign_keys:
        child, target = by_table.get(key.table), by_table.get(key.target)
        if child is None or target is None or child == target:
            continue
        graph[child].add(target)
        try:
            tuple(graphlib.TopologicalSorter(graph).static_order())
        except graphlib.CycleError:
            if target != sql_map.get(child).parent:
                graph[child].discard(target)
    return tuple(sql_map.get(name) for name in graphlib.TopologicalSorter(graph).static_order())


def check_parent_columns(sql_map: SqlMap, schema: Schema) -> None:
    """Check the columns of ``parent_on`` in the parent's table.

    Raises:
        MisconfiguredError: unknown column, or two types that never compare equal.
    """
    for one in sql_map.sets:
        if one.parent is None:
            continue
        parent = sql_map.get(one.parent)
        here, there = schema.tables[table_name(one)], schema.tables[table_name(parent)]
        for column, target in one.parent_on.items():
            if target not in there.columns:
                message = f"parent_on: table {parent.table!r} has no column {target!r}"
                raise _wrong(one, sql_map, message, "parent_on", target, fix=near(target, there.columns))
            kinds = {here.columns[column].kind, there.columns[target].kind}
            if len(kinds) > 1 and Kind.OTHER not in kinds:
                message = f"parent_on: {column} and {target} have different types"
                raise _wrong(one, sql_map, message, "parent_on", column, fix="name the columns of the foreign key")


def check_references(sql_map: SqlMap, schema: Schema) -> None:
    """Check every foreign key that points into a mapped table.

    Raises:
        MisconfiguredError: with the line.
    """
    by_table = {table_name(one): one for one in sql_map.sets}
    declared = {(one.table, one.column) for one in sql_map.references}
    for key in schema.foreign_keys:
        target = by_table.get(key.target)
        if target is None:
            continue
        child = by_table.get(key.table)
        if child is None and not any((key.table[1], column) in declared for column in key.columns):
            columns = ", ".join(key.columns)
            message = f"table {key.table[1]!r} refers to it by {columns} and is not mapped"
            fix = f"map it, or declare [[other_reference]] table = {key.table[1]!r} column = {key.columns[0]!r} reason"
            raise _wrong(target, sql_map, message, "table", fix=fix)
        if _stays(child, target) and key.on_delete not in _UNLINKS and target.erase != "anonymise":
            what = "forbids deleting" if key.on_delete != "CASCADE" else "would carry on deleting"
            message = f"the foreign key of {key.table[1]!r} ({', '.join(key.columns)}) {what} its rows"
            fix = 'erase = "anonymise", or a retain rule of its own'
            raise _wrong(target, sql_map, message, "table", fix=fix)
        if child is not None and target.replace_key:
            _check_moved(child, target, key, sql_map, schema)
    for reference in sql_map.references:
        if not any(key.table[1] == reference.table and reference.column in key.columns for key in schema.foreign_keys):
            message = f"other_reference: no foreign key {reference.table}.{reference.column}"
            raise sql_map.location.wrong(message, "other_reference", reference.column, fix="correct or remove it")


def _stays(child: SqlRecordSet | None, target: SqlRecordSet) -> bool:
    """Tell whether rows that refer to an erased row stay: unmapped, kept longer than it, or anonymised in place."""
    if child is None:
        return True
    if child is target or child.erase == "with_parent":
        return False
    return child.erase == "anonymise" or (child.retain is not None and target.retain is None)


def _check_moved(child: SqlRecordSet, target: SqlRecordSet, key: ForeignKey, sql_map: SqlMap, schema: Schema) -> None:
    """A child whose own key holds the key that is replaced could not be found again by its key."""
    if child is not target and set(key.columns) & set(key_columns(child, schema.tables[table_name(child)])):
        message = f"replace_key would change the key of {child.name!r}"
        raise _wrong(target, sql_map, message, "replace_key", fix="give that table a key of its own")


def references_to(name: TableName, column: str, sql_map: SqlMap, schema: Schema) -> list[tuple[TableName, str]]:
    """Give (table, column) of everything that refers to a column: foreign keys and ``parent_on``."""
    found = {
        (key.table, key.columns[key.target_columns.index(column)])
        for key in schema.foreign_keys
        if key.target == name and column in key.target_columns
    }
    for one in sql_map.sets:
        if one.parent is not None and table_name(sql_map.get(one.parent)) == name:
            found |= {(table_name(one), here) for here, there in one.parent_on.items() if there == column}
    return sorted(found, key=repr)


def warnings(sql_map: SqlMap, schema: Schema) -> list[str]:
    """Give what is slow or may fail, but is not wrong."""
    found = []
    place = str(sql_map.location.file)
    for one in sql_map.sets:
        table = schema.tables[table_name(one)]
        first = {index[0] for index in table.indexes}
        columns = list(one.parent_on)[:1]
        for places in one.match.values():
            for match in places:
                if match.case == "exact":
                    columns.append(match.field)
                elif not any("lower(" in e and match.field in e for e in table.expressions) or match.case == "digits":
                    found.append(_slow(one, match.field, match.case, place, sqlite=schema.sqlite))
        found += [
            f"{place}: record set {one.name!r}: no index on {column}; every search reads the whole table"
            for column in columns
            if column not in first
        ]
        if names := schema.triggers.get(table.name):
            advice = "see that they write nothing of a person, or map what they write to"
            found.append(
                f"{place}: record set {one.name!r}: what the triggers of its table write elsewhere is not looked at "
                f"({', '.join(names)}); {advice}"
            )
        for key in schema.foreign_keys:
            if key.table == key.target == table.name and one.erase == "delete" and key.on_delete not in _UNLINKS:
                words = ", ".join(key.columns)
                found.append(
                    f"{place}: record set {one.name!r}: rows that others refer to by {words} cannot be deleted"
                )
    return found


def _slow(one: SqlRecordSet, column: str, case: str, place: str, *, sqlite: bool) -> str:
    advice = "store it in one form and match exactly"
    if case == "lower" and not sqlite:
        advice = f"CREATE INDEX ON {one.table} (normalize(lower(normalize(btrim({column}, {BLANKS})))))"
    return f"{place}: record set {one.name!r}: match {column} ({case}) reads the whole table; {advice}"
