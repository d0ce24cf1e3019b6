"""Erases a batch: one pass finds, each record is decided, then only files with something to change are rewritten.

A line that belongs to several subjects of the batch is removed only if none of them has to keep it; the others
see in the second look that it is still there, and a person decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from connectors.contract import ErasureOrder, ErasureReport, SetReport, TaskId
from connectors.errors import PermanentError
from connectors.files import dates, keys
from connectors.files.found import Record
from connectors.files.replace import locked
from connectors.files.scan import SetScan, scan
from connectors.files.sets import FileSet
from schemas.tasks import Instruction

Pending = Callable[[SetScan, Sequence[Record]], str | None]


class _Plan(NamedTuple):
    """What will happen to the records of one record set.

    Attributes:
        edits: (file, place) -> the record, and its masks (owner -> token) or None to remove it.
        waiting: (file, place) of records of a live file that would be changed.
    """

    edits: dict[tuple[int, int], tuple[Record, dict[int, str] | None]]
    waiting: set[tuple[int, int]]


def erase(
    root: Path, sets: Sequence[FileSet], orders: Sequence[ErasureOrder], pending: Pending, lock_seconds: float
) -> dict[TaskId, ErasureReport]:
    """Carry out the orders of a batch.

    Raises:
        TransientError, PermanentError: see ``FileConnector.erase``.
    """
    with locked(root, lock_seconds) as folder:
        secret = keys.secret(folder)
        whose = [order.subject.request_id or order.task_id for order in orders]
        names = {one.name: {n: keys.token(secret, each, one.name) for n, each in enumerate(whose)} for one in sets}
        # An order that is run again, after a crash or as a new try, looks for what was masked before as well.
        more = {name: {owner: [token] for owner, token in tokens.items()} for name, tokens in names.items()}
        results, _ = scan(root, sets, [order.subject for order in orders], more)
        for seen in results:
            if any(len(seen.of(owner)) > seen.one.max_records for owner in range(len(orders))):
                raise PermanentError("max_records")
        plans = [_plan(seen, orders, names[seen.one.name]) for seen in results]
        for seen, plan in zip(results, plans, strict=True):
            _carry_out(seen, plan)
    reports: dict[TaskId, ErasureReport] = {}
    for owner, order in enumerate(orders):
        reports[order.task_id] = {
            seen.one.name: _report(seen, plan, owner, order, pending) for seen, plan in zip(results, plans, strict=True)
        }
    return reports


def over(record: Record, instruction: Instruction) -> bool:
    """Tell whether the instruction erases the record: nothing keeps it, or its time is over."""
    if instruction.keep is None:
        return True
    if instruction.review_by is not None:
        return False
    anchor = record.match.anchor
    return anchor is not None and instruction.erase_up_to is not None and anchor <= instruction.erase_up_to


def _plan(seen: SetScan, orders: Sequence[ErasureOrder], tokens: dict[int, str]) -> _Plan:
    plan = _Plan({}, set())
    masking = bool(seen.one.retain and seen.one.retain.mask)
    for scanned in seen.scans:
        for record in scanned.records:
            owners = record.owners(seen.query.tokens)
            keepers = [n for n in owners if not _erases(orders[n], seen.one.name, record)]
            place = (record.file, record.at)
            if not keepers:
                edit: dict[int, str] | None = None
            else:
                named = [n for n in keepers if seen.one.name in orders[n].instructions and n in record.match.owners]
                # As it is, if one of them needs it so: a mask would take it from that one too.
                whole = any(orders[n].instructions[seen.one.name].review_by for n in named)
                edit = {n: tokens[n] for n in named} if masking and not whole else {}
                if not edit:
                    continue
            if record.live:
                plan.waiting.add(place)
            else:
                plan.edits[place] = (record, edit)
    return plan


def _erases(order: ErasureOrder, record_set: str, record: Record) -> bool:
    instruction = order.instructions.get(record_set)
    # Without an instruction nothing is touched; the second look shows that it is still there.
    return instruction is not None and over(record, instruction)


def _carry_out(seen: SetScan, plan: _Plan) -> None:
    by_file: dict[int, dict[int, tuple[Record, dict[int, str] | None]]] = {}
    for (number, at), edit in plan.edits.items():
        by_file.setdefault(number, {})[at] = edit
    for number, edits in sorted(by_file.items()):
        file = seen.files[number]
        seen.formats[seen.one.kind_of(file.path.name)].rewrite(file, edits, seen.scans[number].total)


def _report(seen: SetScan, plan: _Plan, owner: int, order: ErasureOrder, pending: Pending) -> SetReport:
    instruction = order.instructions.get(seen.one.name)
    if instruction is None:
        return SetReport(method="rewrite")
    erased: list[str] = []
    kept: list[Record] = []
    waiting: list[Record] = []
    known = dict(seen.query.tokens)
    masked = False
    for key, record in seen.of(owner):
        place = (record.file, record.at)
        edit = plan.edits.get(place, (record, {}))[1]
        if place in plan.waiting:
            waiting.append(record)
        elif edit is None:
            erased.append(key)
        elif not over(record, instruction):
            kept.append(_after(record, edit, owner))
            masked |= owner in edit
    due = sorted(
        dates.add_months(record.match.anchor, instruction.period_months) for record in kept if record.match.anchor
    )
    return SetReport(
        erased=tuple(erased),
        kept=tuple(key for key, _ in keys.number(kept, owner, known)),
        method="pseudonymise" if masked else "rewrite",
        due_first=due[0] if due else None,
        due_last=due[-1] if due else None,
        pending=pending(seen, waiting),
        pending_count=len(waiting),
    )


def _after(record: Record, edit: dict[int, str], owner: int) -> Record:
    """Give the record as it is after the rewrite, seen by one subject."""
    if owner not in edit:
        return record
    match = record.match._replace(tokens=record.match.tokens | {edit[owner]})
    return replace(record, match=match)
