"""Changes rows that stay, in one transaction, and looks at them later: corrections, restrictions, stopped purposes.

A row that is as ordered already is left alone. What is reported is a claim: a trigger may have undone it. The second
look (``inspect``) reads the columns themselves, by key.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
import sqlalchemy as sa

from connectors.changes import Capability, Change, ChangeReport, Standing
from connectors.contract import ChangeOrder, Inspection
from connectors.errors import PermanentError
from connectors.sql.erasing import check_limits
from connectors.sql.finding import find
from connectors.sql.plan import WRITTEN, Edits, Plan, Row, SetPlan, fetch
from connectors.sql.values import Key, decode_key, encode_key
from connectors.sql.writing import read_value
from connectors.sqltext import chunks


class _Goal(msgspec.Struct, frozen=True):
    """What one order wants of the rows of one set: column -> value. For ``lift``: the mark ``gone``, and what for."""

    values: Mapping[str, Any]
    gone: Mapping[str, Any] = {}

    def reached(self, edits: Edits, row: Row) -> bool:
        """Tell whether a row, as ``Edits.read`` gives it, is as ordered."""
        if self.gone:
            return not any(edits.holds(row, name, value) for name, value in self.gone.items())
        return all(edits.holds(row, name, value) for name, value in self.values.items())


def change(
    connection: sa.Connection, plan: Plan, capability: Capability, orders: Sequence[ChangeOrder]
) -> list[dict[str, ChangeReport]]:
    """Carry out orders inside the open transaction; the caller commits.

    Raises:
        PermanentError: before anything is changed: ``unknown_record_set``, ``no_rule``, ``unknown_field``,
            ``unknown_purpose``, ``wrong_type``, ``not_null``, ``too_long``, ``max_records``, and what ``find`` raises.
    """
    goals = [_goals(plan, capability, order.changes) for order in orders]
    corrected = [{name: goal.values for name, goal in some.items()} for some in goals]
    rectifies = capability is Capability.RECTIFY
    found = find(connection, plan, [order.subject for order in orders], corrected if rectifies else None)
    check_limits(plan, found)
    reports: list[dict[str, ChangeReport]] = [dict.fromkeys(order.changes, ChangeReport()) for order in orders]
    for one in plan.sets:
        edits = one.edits
        whose = {owner: keys for owner, keys in found[one.name].by_owner().items() if one.name in goals[owner]}
        if edits is None or not whose:
            continue
        rows = _read(connection, one, edits, [key for keys in whose.values() for key in keys])
        for owner, keys in whose.items():
            goal = goals[owner][one.name]
            todo = [key for key in keys if key in rows and not goal.reached(edits, rows[key])]
            _write(connection, one, edits, goal.values, todo)
            reports[owner][one.name] = ChangeReport(tuple(map(encode_key, keys)), tuple(map(encode_key, todo)))
    return list(reports)


def inspect(
    connection: sa.Connection, plan: Plan, capability: Capability, inspections: Sequence[Inspection]
) -> list[dict[str, dict[str, Standing]]]:
    """Answer for every key asked.

    Raises:
        PermanentError: as ``change``; ``key_mismatch``: the key cannot be looked for; it is not "gone".
    """
    answers: list[dict[str, dict[str, Standing]]] = []
    for asked in inspections:
        goals = _goals(plan, capability, asked.changes)
        answer = {}
        for name, texts in asked.keys.items():
            one = plan.by_name.get(name)
            if one is None or one.edits is None or name not in goals:
                raise PermanentError("unknown_record_set")
            keys = {text: decode_key(one.decoder, text) for text in texts}
            rows = _read(connection, one, one.edits, list(keys.values()))
            answer[name] = {text: _standing(one.edits, goals[name], rows.get(key)) for text, key in keys.items()}
        answers.append(answer)
    return answers


def _standing(edits: Edits, goal: _Goal, row: Row | None) -> Standing:
    if row is None:
        return Standing.GONE
    return Standing.AS_ORDERED if goal.reached(edits, row) else Standing.NOT_AS_ORDERED


def _goals(plan: Plan, capability: Capability, changes: Mapping[str, Change]) -> dict[str, _Goal]:
    goals = {}
    for name, wanted in changes.items():
        if name not in plan.by_name:
            raise PermanentError("unknown_record_set")
        goals[name] = _goal(plan, plan.by_name[name], capability, wanted)
    return goals


def _goal(plan: Plan, one: SetPlan, capability: Capability, wanted: Change) -> _Goal:
    edits, spec = one.edits, one.spec
    if edits is None:
        raise PermanentError("no_rule")
    if capability is Capability.RECTIFY:
        if not wanted.values or not wanted.values.keys() <= set(spec.rectify):
            raise PermanentError("unknown_field")
        return _Goal(
            {name: read_value(value, edits.columns[name], sqlite=plan.sqlite) for name, value in wanted.values.items()}
        )
    if capability is Capability.STOP:
        if not wanted.purposes or not set(wanted.purposes) <= edits.stop.keys():
            raise PermanentError("unknown_purpose")
        return _Goal(dict(edits.stop[purpose] for purpose in wanted.purposes))
    if edits.restrict is None:
        raise PermanentError("no_rule")
    column, mark, lifted = edits.restrict
    return _Goal({column: mark}) if capability is Capability.RESTRICT else _Goal({column: lifted}, {column: mark})


def _read(connection: sa.Connection, one: SetPlan, edits: Edits, keys: Sequence[Key]) -> dict[Key, Row]:
    rows = fetch(connection, edits.read, one.bound(list(dict.fromkeys(keys))))
    return {one.key_of(row): row for row in rows}


def _write(
    connection: sa.Connection, one: SetPlan, edits: Edits, values: Mapping[str, Any], keys: Sequence[Key]
) -> None:
    statement = edits.update(values)
    for chunk in chunks(one.bound(list(keys))):
        connection.execute(statement, {WRITTEN: chunk})
