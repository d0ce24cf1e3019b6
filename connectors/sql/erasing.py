"""Erases a batch in one transaction, children first, with set-based statements.

What it reports is a claim: rows may refuse to go (a trigger, a rule) without any error. The second look judges.
"""

from __future__ import annotations

import secrets
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from connectors.contract import ErasureOrder, ErasureReport, SetReport
from connectors.errors import PermanentError
from connectors.sql.fates import Fate, decide
from connectors.sql.finding import Found, find
from connectors.sql.plan import Moves, Plan, SetPlan, change, fetch
from connectors.sql.replacing import all_hold
from connectors.sql.schema import Kind
from connectors.sql.values import Key, encode_key


def erase(connection: sa.Connection, plan: Plan, orders: Sequence[ErasureOrder]) -> list[ErasureReport]:
    """Carry out orders inside the open transaction; the caller commits.

    Raises:
        PermanentError: before anything is changed: ``max_records``, ``no_instruction``, and what ``find`` raises.
    """
    found = find(connection, plan, [order.subject for order in orders])
    check_limits(plan, found)
    fates = decide(plan, orders, found)
    changed: dict[str, set[Key]] = {}
    for one in reversed(plan.sets):
        changed[one.name] = _apply(connection, one, found[one.name], fates[one.name])
    return _reports(plan, orders, found, fates, changed)


def check_limits(plan: Plan, found: Mapping[str, Found]) -> None:
    """Stop where a subject has more rows than the data map allows (I9).

    Raises:
        PermanentError: ``max_records``.
    """
    for one in plan.sets:
        limit = one.spec.max_records
        if len(found[one.name].rows) > limit and any(len(keys) > limit for keys in found[one.name].by_owner().values()):
            raise PermanentError("max_records")


def _apply(connection: sa.Connection, one: SetPlan, here: Found, fates: Mapping[Key, Fate]) -> set[Key]:
    """Erase and mask; gives the keys that this call erased. What was anonymised before is left as it is."""
    going = [key for key, fate in fates.items() if fate.erase]
    staying = [key for key, fate in fates.items() if not fate.erase and not fate.untouched]
    if one.update_mask is not None:
        change(connection, one.update_mask, one.bound(staying))
    if one.method == "delete":
        change(connection, one.delete, one.bound(going))
        return set(going)
    if one.moves is not None:
        # Even if it was masked alike while it was kept: the key it was found by is still the person's.
        _move(connection, one, one.moves, going)
        return set(going)
    going = [key for key in going if not all_hold(one.anonymise, here.rows[key])]
    if one.update_anonymise is not None:
        change(connection, one.update_anonymise, one.bound(going))
    return set(going)


def _move(connection: sa.Connection, one: SetPlan, moves: Moves, keys: Sequence[Key]) -> None:
    """Give rows a new random key: nothing that knew the old one leads to them any more."""
    if not keys:
        return
    pairs = [
        {"old": key[0], "new": new} for key, new in zip(keys, _new_keys(connection, moves, len(keys)), strict=True)
    ]
    connection.execute(moves.insert, pairs)
    for statement in moves.repoint:
        connection.execute(statement, pairs)
    change(connection, one.delete, one.bound(list(keys)))


def _new_keys(connection: sa.Connection, moves: Moves, count: int) -> list[Any]:
    fresh: set[Any] = set()
    while len(fresh) < count:
        more = {_new_key(moves) for _ in range(count - len(fresh))}
        fresh |= more - {row[0] for row in fetch(connection, moves.taken, list(more))}
    return list(fresh)


def _new_key(moves: Moves) -> Any:
    if moves.kind is Kind.INTEGER:
        # Negative: a large positive key would make SQLite, and whoever counts by max(), go on from there.
        return -1 - secrets.randbelow(moves.largest)
    if moves.kind is Kind.UUID:
        return uuid.UUID(bytes=secrets.token_bytes(16), version=4)
    return f"erased-{secrets.token_hex(8)}"


def _reports(
    plan: Plan,
    orders: Sequence[ErasureOrder],
    found: Mapping[str, Found],
    fates: Mapping[str, Mapping[Key, Fate]],
    changed: Mapping[str, set[Key]],
) -> list[ErasureReport]:
    reports: list[dict[str, SetReport]] = [
        {one.name: SetReport(method=one.method) for one in plan.sets} for _ in orders
    ]
    for one in plan.sets:
        here, done = fates[one.name], changed[one.name]
        for owner, keys in found[one.name].by_owner().items():
            kept = [key for key in keys if not here[key].erase]
            due = sorted(date for key in kept if (date := here[key].due) is not None)
            reports[owner][one.name] = SetReport(
                erased=tuple(encode_key(key) for key in keys if key in done),
                kept=tuple(map(encode_key, kept)),
                method=one.method,
                due_first=due[0].isoformat() if due else None,
                due_last=due[-1].isoformat() if due else None,
            )
    return list(reports)
