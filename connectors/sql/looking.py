"""The second look: what is still there of records known by their key (invariant I1).

Replacements count only if every mapped personal column holds its own, here and in the children: a masked parent
beside a child that still names the person is not anonymised.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from connectors.contract import Look, Presence
from connectors.errors import PermanentError
from connectors.sql.plan import Plan, Row, SetPlan, fetch
from connectors.sql.replacing import all_hold
from connectors.sql.values import Key, decode_key


def present(connection: sa.Connection, plan: Plan, looks: Sequence[Look]) -> list[dict[str, dict[str, Presence]]]:
    """Answer for every key asked.

    Raises:
        PermanentError: ``unknown_record_set``, ``key_mismatch``: the key cannot be looked for; it is not "gone".
    """
    asked: dict[str, dict[str, Key]] = {}
    for look in looks:
        for name, texts in look.keys.items():
            if name not in plan.by_name:
                raise PermanentError("unknown_record_set")
            decoder, keys = plan.by_name[name].decoder, asked.setdefault(name, {})
            for text in texts:
                if text not in keys:
                    keys[text] = decode_key(decoder, text)
    seen = {name: _states(connection, plan, plan.by_name[name], keys) for name, keys in asked.items()}
    return [{name: {text: seen[name][text] for text in texts} for name, texts in look.keys.items()} for look in looks]


def _states(connection: sa.Connection, plan: Plan, one: SetPlan, keys: dict[str, Key]) -> dict[str, Presence]:
    rows = fetch(connection, one.by_key, one.bound(list(dict.fromkeys(keys.values()))))
    if not rows:
        return dict.fromkeys(keys, Presence.GONE)
    states = dict.fromkeys(map(one.key_of, rows), Presence.PRESENT)
    masked = _masked(connection, plan, one, rows)
    states |= {key: Presence.MASKED for key, is_so in zip(states, masked, strict=True) if is_so}
    if one.method == "anonymise":
        candidates = [row for row in rows if all_hold(one.anonymise, row)]
        clean = _children_clean(connection, plan, one, candidates)
        states |= {one.key_of(row): Presence.ANONYMISED for row, is_so in zip(candidates, clean, strict=True) if is_so}
    return {text: states.get(key, Presence.GONE) for text, key in keys.items()}


def _masked(connection: sa.Connection, plan: Plan, one: SetPlan, rows: Sequence[Row]) -> list[bool]:
    """Tell which rows are masked as kept rows have to be.

    A ``with_parent`` row without personal columns has nothing to mask; it is masked if its parent's row is.
    """
    if one.mask:
        own = [all_hold(one.mask, row) for row in rows]
        followers = [child for child in plan.children[one.name] if child.spec.erase == "with_parent"]
        clean = _children_clean(connection, plan, one, rows, followers)
        return [mine and theirs for mine, theirs in zip(own, clean, strict=True)]
    if one.spec.erase != "with_parent" or one.spec.personal or one.by_parent is None:
        return [False] * len(rows)
    parent = plan.by_name[one.spec.parent or ""]
    above = _parents(connection, one, parent, rows)
    states = _masked(connection, plan, parent, above)
    down = parent.down[one.name]
    by_link = {down(row): state for row, state in zip(above, states, strict=True)}
    return [by_link.get(one.up(row), False) for row in rows]


def _parents(connection: sa.Connection, one: SetPlan, parent: SetPlan, rows: Sequence[Row]) -> list[Row]:
    links = list(dict.fromkeys(link for row in rows if (link := one.up(row)) is not None))
    return fetch(connection, parent.by_link[one.name], links)


def _children_clean(
    connection: sa.Connection,
    plan: Plan,
    one: SetPlan,
    rows: Sequence[Row],
    children: Sequence[SetPlan] | None = None,
) -> list[bool]:
    """Tell for which rows nothing personal is left in the children, all the way down."""
    dirty: list[set[Any]] = []
    downs = []
    for child in plan.children[one.name] if children is None else children:
        down = one.down[child.name]
        links = list(dict.fromkeys(link for row in rows if (link := down(row)) is not None))
        below = fetch(connection, child.by_parent, links) if child.by_parent is not None else []
        deeper = _children_clean(connection, plan, child, below)
        dirty.append(
            {child.up(row) for row, clean in zip(below, deeper, strict=True) if not (clean and _clean(child, row))}
        )
        downs.append(down)
    return [not any(down(row) in links for down, links in zip(downs, dirty, strict=True)) for row in rows]


def _clean(one: SetPlan, row: Row) -> bool:
    """Tell whether nothing personal stands in the row itself; a set that masks nothing must have nothing to mask."""
    return not one.spec.personal or all_hold(one.anonymise, row) or all_hold(one.mask, row)
