"""Decides row by row what happens: the instruction's word, the anchor's date, the parent's fate. Pure.

A row that two subjects of a batch share is erased only if both orders say so: the other one is a bystander (I9).
A parent stays as long as a child of it stays, whatever its own instruction says; the second look will then report
it as a survivor, and a person decides.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from connectors.contract import ErasureOrder
from connectors.dating import add_months
from connectors.errors import PermanentError
from connectors.sql.finding import Found, anchors, linked
from connectors.sql.plan import Plan, SetPlan
from connectors.sql.values import Key
from schemas.tasks import Instruction


@dataclass(frozen=True, slots=True)
class Fate:
    """``erase``, or stay until ``due`` (None: no date is known). ``untouched``: it stays as it is, without a mask."""

    erase: bool
    due: dt.date | None = None
    untouched: bool = False


ERASE = Fate(erase=True)

Fates = dict[str, dict[Key, Fate]]
"""record set -> key -> fate."""


def decide(plan: Plan, orders: Sequence[ErasureOrder], found: Mapping[str, Found]) -> Fates:
    """Give the fate of every row found.

    Raises:
        PermanentError: ``no_instruction``: an order does not say what to do with a record set.
    """
    dates = anchors(plan, found)
    forced: dict[tuple[str, Key], Fate] = {}
    while True:
        fates: Fates = {}
        for one in plan.sets:
            fates[one.name] = _of_set(plan, one, orders, found, fates, dates.get(one.name, {}))
            for (name, key), fate in forced.items():
                if name == one.name:
                    fates[name][key] = fate
        held = _held_by_children(plan, found, fates)
        if not held:
            return fates
        forced |= held


def _of_set(
    plan: Plan,
    one: SetPlan,
    orders: Sequence[ErasureOrder],
    found: Mapping[str, Found],
    fates: Fates,
    dates: Mapping[Key, dt.date | None],
) -> dict[Key, Fate]:
    here = found[one.name]
    parents = {}
    follows = one.spec.erase == "with_parent"
    if (follows or not one.spec.anchor) and one.spec.parent is not None:
        parents = linked(plan, one, found, fates[one.spec.parent])
    decided: dict[Key, Fate] = {}
    for key, row in here.rows.items():
        # A row whose parent is not among the rows found (an orphan) is decided by the set's own instruction.
        owners = [orders[at] for at in here.owners[key]]
        fate = parents.get(one.up(row)) if parents and (follows or _only_over(one.name, owners)) else None
        decided[key] = fate or _of_row(one.name, owners, dates.get(key))
    return decided


def _only_over(name: str, orders: Sequence[ErasureOrder]) -> bool:
    """Tell whether a row goes with what it belongs to, since an order is only about what is past its period."""
    return any((said := order.instructions.get(name)) is not None and said.only_over for order in orders)


def _of_row(name: str, orders: Sequence[ErasureOrder], anchor: dt.date | None) -> Fate:
    stays: list[dt.date | None] = []
    untouched = False
    for order in orders:
        instruction = order.instructions.get(name)
        if instruction is None:
            raise PermanentError("no_instruction")
        if not _is_over(instruction, anchor):
            untouched |= instruction.review_by is not None or instruction.only_over
            dated = anchor is not None and instruction.period_months > 0
            stays.append(add_months(anchor, instruction.period_months) if anchor is not None and dated else None)
    if not stays:
        return ERASE
    return Fate(erase=False, due=max((due for due in stays if due is not None), default=None), untouched=untouched)


def _is_over(instruction: Instruction, anchor: dt.date | None) -> bool:
    if instruction.keep is None:
        return True
    if instruction.review_by is not None:
        return False
    up_to = instruction.erase_up_to
    return anchor is not None and up_to is not None and anchor.isoformat() <= up_to


def _held_by_children(plan: Plan, found: Mapping[str, Found], fates: Fates) -> dict[tuple[str, Key], Fate]:
    """Give the rows that were to be deleted and cannot be, since a child of them stays."""
    held: dict[tuple[str, Key], Fate] = {}
    for one in plan.sets:
        if one.method != "delete":
            continue
        for child in plan.children[one.name]:
            staying = {
                child.up(row): fate
                for key, row in found[child.name].rows.items()
                if not (fate := fates[child.name][key]).erase
            }
            if not staying:
                continue
            down = one.down[child.name]
            for key, row in found[one.name].rows.items():
                if fates[one.name][key].erase and (link := down(row)) is not None and link in staying:
                    held[one.name, key] = staying[link]
    return held
