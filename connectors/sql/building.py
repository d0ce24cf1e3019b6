"""Compiles the data map: reads the schema, holds the map against it, builds the statements.

That takes as long as serving hundreds of subjects, and happens once per process and system. The statements hold
no values; SQLAlchemy caches their SQL by the statement.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import sqlalchemy as sa

from connectors.datamap import Match
from connectors.sql import checks, edit_checks, references
from connectors.sql.datamap import SqlMap, SqlRecordSet
from connectors.sql.edit_checks import mark_value, marks_of
from connectors.sql.plan import WRITTEN, Edits, Moves, Place, Plan, Row, SetPlan
from connectors.sql.replacing import Rule, read_replacement
from connectors.sql.schema import KEY_TYPES, Schema, reflect
from connectors.sql.statements import among, clause, normal, tails
from connectors.sql.values import key_decoder
from connectors.sql.writing import read_value
from connectors.sqltext import VALUES


def compile_plan(connection: sa.Connection, sql_map: SqlMap) -> Plan:
    """Make the plan of a system.

    Raises:
        MisconfiguredError: the map does not fit the schema.
    """
    references.check_parents(sql_map)
    references.check_followers(sql_map)
    schema = reflect(connection, {checks.table_name(one) for one in sql_map.sets})
    for one in sql_map.sets:
        checks.check_set(one, sql_map, schema)
        edit_checks.check_edits(one, sql_map, schema)
    references.check_parent_columns(sql_map, schema)
    references.check_references(sql_map, schema)
    _check_store(connection, sql_map, schema)
    sets = tuple(_Builder(one, sql_map, schema).build() for one in references.parents_first(sql_map, schema))
    children = {one.name: tuple(child for child in sets if child.spec.parent == one.name) for one in sql_map.sets}
    notes = tuple(references.warnings(sql_map, schema))
    return Plan(schema.sqlite, sets, {one.name: one for one in sets}, children, notes)


def _check_store(connection: sa.Connection, sql_map: SqlMap, schema: Schema) -> None:
    """Check that the store can compare texts as we do; a search that misses ``É`` would read as "nothing held"."""
    cases = [(one, m) for one in sql_map.sets for places in one.match.values() for m in places if m.case != "exact"]
    if not cases:
        return
    if schema.sqlite:
        works = connection.exec_driver_sql("PRAGMA encoding").scalar() == "UTF-8"
        fix = "use a SQLite database in UTF-8"
    else:
        encoding = connection.exec_driver_sql("SHOW server_encoding").scalar()
        works = encoding == "UTF8" and connection.exec_driver_sql("SELECT lower('\u00c9') = '\u00e9'").scalar() is True
        fix = "use a database in UTF8 whose locale knows upper and lower case (not C)"
    if not works:
        one, match = cases[0]
        message = f"record set {one.name!r}: this database cannot match {match.case!r} beyond ASCII"
        raise sql_map.location.wrong(message, one.name, match.field, fix=fix, code="locale")


class _Builder:
    """Builds the plan of one set."""

    def __init__(self, spec: SqlRecordSet, sql_map: SqlMap, schema: Schema) -> None:
        self.spec, self.map, self.sqlite, self.schema = spec, sql_map, schema.sqlite, schema
        self.real = schema.tables[checks.table_name(spec)]
        self.table = clause(self.real)
        self.key = checks.key_columns(spec, self.real)
        self.children = [one for one in sql_map.sets if one.parent == spec.name]
        self.columns = self._columns()

    def build(self) -> SetPlan:
        spec, c = self.spec, self.table.c
        anonymise, mask = self._rules(spec.anonymise), self._rules(spec.mask)
        by_key = among([c[name] for name in self.key])
        base = sa.select(*(c[name] for name in self.columns))
        up = [self._at(name) for name in spec.parent_on]
        return SetPlan(
            spec=spec,
            columns=self.columns,
            key_length=len(self.key),
            decoder=key_decoder(self._key_types()),
            places=tuple(self._place(kind, one, base) for kind, places in spec.match.items() for one in places),
            yields=tuple(
                (kind, one.strength, self._at(one.field)) for kind, places in spec.yields.items() for one in places
            ),
            anchor=self._at(spec.anchor) if spec.anchor else None,
            since=self._at(spec.since) if spec.since else None,
            up=_getter(up),
            down={one.name: _getter([self._at(name) for name in one.parent_on.values()]) for one in self.children},
            anonymise=anonymise,
            mask=mask,
            method=self._method(spec),
            by_key=base.where(by_key),
            by_parent=base.where(among([c[name] for name in spec.parent_on])) if spec.parent else None,
            by_link={
                one.name: base.where(among([c[name] for name in one.parent_on.values()])) for one in self.children
            },
            whole=sa.select(*c).where(by_key),
            delete=self.table.delete().where(by_key),
            update_anonymise=self._update(anonymise, by_key),
            update_mask=self._update(mask, by_key),
            moves=self._moves(anonymise) if spec.replace_key else None,
            edits=self._edits(by_key),
            by_page=self._by_page(),
        )

    def _by_page(self) -> tuple[sa.Select[Any], sa.Select[Any]] | None:
        if not self.spec.anchor:
            return None
        keys = [self.table.c[name] for name in self.key]
        most = sa.bindparam("most", type_=sa.Integer())
        first = sa.select(*keys, self.table.c[self.spec.anchor]).order_by(*keys).limit(most)
        after = [sa.bindparam(f"after_{place}", type_=one.type) for place, one in enumerate(keys)]
        behind = keys[0] > after[0] if len(keys) == 1 else sa.tuple_(*keys) > sa.tuple_(*after)
        return first, first.where(behind)

    def _edits(self, by_key: sa.ColumnElement[bool]) -> Edits | None:
        spec, real = self.spec, self.real.columns
        names = dict.fromkeys((*spec.rectify, *(mark.column for _, mark in marks_of(spec))))
        if not names:
            return None

        def read(column: str, value: str | float) -> Any:
            return read_value(mark_value(value), real[column], sqlite=self.sqlite)

        restrict = spec.restrict
        columns = [self.table.c[name] for name in (*self.key, *names)]
        return Edits(
            table=self.table,
            columns={name: real[name] for name in names},
            places={name: place for place, name in enumerate(names, len(self.key))},
            restrict=(restrict.column, read(restrict.column, restrict.set), read(restrict.column, restrict.lifted))
            if restrict is not None
            else None,
            stop={purpose: (one.column, read(one.column, one.set)) for purpose, one in spec.stop.items()},
            which=among([self.table.c[name] for name in self.key], WRITTEN),
            read=sa.select(*columns).where(by_key),
        )

    def _method(self, one: SqlRecordSet) -> str:
        if one.erase != "with_parent" or one.parent is None:
            return one.erase
        parent_stays = self._method(self.map.get(one.parent)) == "anonymise"
        return "anonymise" if parent_stays and one.anonymise else "delete"

    def _columns(self) -> tuple[str, ...]:
        spec = self.spec
        names = [*self.key, *spec.parent_on, *spec.anonymise, *spec.mask]
        names += [one.field for places in spec.match.values() for one in places]
        names += [one.field for places in spec.yields.values() for one in places]
        names += [spec.anchor] if spec.anchor else []
        names += [spec.since] if spec.since else []
        names += [column for child in self.children for column in child.parent_on.values()]
        return tuple(dict.fromkeys(names))

    def _at(self, name: str) -> int:
        return self.columns.index(name)

    def _key_types(self) -> tuple[Any, ...]:
        if self.sqlite:
            return tuple(int | float | str for _ in self.key)
        return tuple(KEY_TYPES.get(self.real.columns[name].kind, str) for name in self.key)

    def _place(self, kind: str, match: Match, base: sa.Select[Any]) -> Place:
        column = self.table.c[match.field]
        exact = match.case == "exact"
        values = sa.bindparam(VALUES, expanding=True, type_=column.type if exact else sa.Text())
        if match.case == "digits" and not self.sqlite:
            found = base.where(tails(column, values))
        else:
            found = base.where((column if exact else normal(column, match.case, sqlite=self.sqlite)).in_(values))
        return Place(kind, match, self._at(match.field), found, self.real.columns[match.field].kind, self.sqlite)

    def _rules(self, raw: Mapping[str, str | int | None]) -> tuple[Rule, ...]:
        emails = checks.email_columns(self.spec)
        rules = []
        for name, value in raw.items():
            column = self.real.columns[name]
            replacement = read_replacement(value, column, sqlite=self.sqlite)
            rules.append(Rule(column, self._at(name), replacement, name in emails))
        return tuple(rules)

    def _update(self, rules: tuple[Rule, ...], where: sa.ColumnElement[bool]) -> sa.Update | None:
        if not rules:
            return None
        values = {rule.column.name: rule.expression(sqlite=self.sqlite) for rule in rules}
        return self.table.update().where(where).values(values)

    def _moves(self, rules: tuple[Rule, ...]) -> Moves:
        (key,) = self.key
        column, c = self.real.columns[key], self.table.c
        old, new = sa.bindparam("old", type_=column.type), sa.bindparam("new", type_=column.type)
        masked = {rule.column.name: rule.expression(sqlite=self.sqlite) for rule in rules}
        names = [name for name, one in self.real.columns.items() if not one.generated]
        copied = [new if name == key else masked.get(name, c[name]) for name in names]
        repoint = []
        for table, name in references.references_to(self.real.name, key, self.map, self.schema):
            there = sa.table(table[1], sa.column(name, column.type), schema=table[0])
            repoint.append(there.update().where(there.c[name] == old).values({name: new}))
        return Moves(
            kind=column.kind,
            largest=2**53 if self.sqlite else 2**31,
            taken=sa.select(c[key]).where(among([c[key]])),
            insert=self.table.insert().from_select(names, sa.select(*copied).where(c[key] == old)),
            repoint=tuple(repoint),
        )


def _getter(positions: list[int]) -> Callable[[Row], Any]:
    """Read one value, or a tuple of several; None where one of them is null, since null refers to nothing."""
    if not positions:
        return lambda _: None
    get = operator.itemgetter(*positions)
    if len(positions) == 1:
        return get

    def several(row: Row) -> Any:
        values = get(row)
        return None if None in values else values

    return several
