"""An in-memory system with scripted faults: the counterpart for tests of ``execute`` and of the engine.

Healthy it keeps every promise of the contract; ``FakeSystem.fault`` makes it break one, for all calls or for the
next few, for everybody or only where one identifier is concerned::

    system = FakeSystem()
    system.seed(SUBJECT)
    system.fault("raise", "erase", error=TransientError("busy"), times=2)
    confirmations = execute(system.open, tasks, key, now=now, nonce=nonce)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import msgspec

from connectors.contract import (
    ErasureOrder,
    ErasureReport,
    Holding,
    Holdings,
    Look,
    Presence,
    RecordWriter,
    SetReport,
    Subject,
    TaskId,
)
from connectors.datamap import RecordSet
from connectors.errors import MisconfiguredError, PermanentError
from connectors.testing.dates import due
from connectors.testing.fake_changes import values_of
from connectors.testing.fake_past import PastFake
from connectors.testing.fake_store import DEFAULT_SETS, Crash, FakeSet, FakeStore, Row
from schemas.identifiers import canonical
from schemas.outcomes import Facts
from schemas.tasks import Instruction, Link

__all__ = ["DEFAULT_SETS", "Crash", "FakeConnector", "FakeSet", "FakeSystem", "Row"]


class FakeSystem(FakeStore):
    """A store that connectors can be opened on. They share its rows and nothing else."""

    connector_type: type[FakeConnector]

    def open(self) -> FakeConnector:
        """Open a connector; an opener as ``execute`` takes it."""
        fault = self.take("raise", "open")
        if fault is not None and fault.error is not None:
            raise fault.error
        self.opened += 1
        return self.connector_type(self)

    def limited(self, max_records: int) -> Callable[[], FakeConnector]:
        """Give an opener for the same store under another limit."""
        twin = type(self)([msgspec.structs.replace(one, max_records=max_records) for one in self.sets])
        twin.rows, twin.faults = self.rows, self.faults
        return twin.open


class FakeConnector(PastFake):
    """A connector to a ``FakeSystem``."""

    name = "fake/1.0"

    def record_sets(self) -> Sequence[RecordSet]:
        self._enter("record_sets", ())
        return self._system.sets

    def check(self) -> Sequence[str]:
        self._enter("check", ())
        names = {one.name for one in self._system.sets}
        for one in self._system.sets:
            if one.parent is not None and one.parent not in names:
                raise MisconfiguredError("parent", f"record set {one.name!r}: no parent {one.parent!r}")
        return ()

    def locate(self, subjects: Sequence[Subject]) -> Mapping[TaskId, Holdings]:
        self._enter("locate", subjects)
        return self._leave("locate", subjects, {one.task_id: self._holdings(one) for one in subjects})

    def erase(self, orders: Sequence[ErasureOrder]) -> Mapping[TaskId, ErasureReport]:
        subjects = [order.subject for order in orders]
        self._enter("erase", subjects)
        return self._leave("erase", subjects, {order.task_id: self._erased(order) for order in orders})

    def present(self, looks: Sequence[Look]) -> Mapping[TaskId, Mapping[str, Mapping[str, Presence]]]:
        subjects = [look.subject for look in looks]
        self._enter("present", subjects)
        seen = {
            look.subject.task_id: {
                one.name: {key: self._presence(one, key) for key in look.keys.get(one.name, ())}
                for one in self._system.sets
            }
            for look in looks
        }
        return self._leave("present", subjects, seen)

    def export(self, subject: Subject, into: RecordWriter) -> None:
        self._enter("export", [subject])
        for name, holding in self._holdings(subject).items():
            for key in holding.keys:
                into.write(name, self._system.rows[name][key].cells)

    def close(self) -> None:
        self._system.closed += 1

    # --- how a healthy one works ------------------------------------------------------------------

    def _found(self, subject: Subject) -> dict[str, list[str]]:
        """Keys per record set: by identifier, by parent, and those known from before that still exist."""
        found: dict[str, list[str]] = {}
        for one in self._parents_first():
            known = set(subject.keys.get(one.name, ()))
            above = set(found.get(one.parent, ())) if one.parent else set()
            found[one.name] = [
                key
                for key, row in self._system.rows[one.name].items()
                if key in known or row.parent in above or self._matches(one, row, subject)
            ]
        return found

    def _matches(self, one: FakeSet, row: Row, subject: Subject) -> bool:
        for kind, values in subject.identifiers.items():
            for place in one.match.get(kind, ()):
                cell = row.cells.get(place.field)
                if cell is not None and canonical(kind, str(cell)) in values:
                    return True
        return False

    def _parents_first(self) -> list[FakeSet]:
        ordered: list[FakeSet] = []
        while len(ordered) < len(self._system.sets):
            names = {one.name for one in ordered}
            ordered += [one for one in self._system.sets if one not in ordered and (one.parent or "") in {*names, ""}]
        return ordered

    def _holdings(self, subject: Subject) -> dict[str, Holding]:
        found = self._found(subject)
        return {one.name: self._holding(one, found[one.name]) for one in self._system.sets}

    def _holding(self, one: FakeSet, keys: Sequence[str]) -> Holding:
        rows = [self._system.rows[one.name][key] for key in keys]
        links = {
            Link(kind, canonical(kind, str(row.cells[place.field])), place.strength): None
            for kind, places in one.yields.items()
            for place in places
            for row in rows
            if row.cells.get(place.field)
        }
        anchor = one.anchor
        dates = sorted(str(row.cells[anchor]) for row in rows if row.cells.get(anchor))
        facts = Facts(
            anchor_first=dates[0] if dates else None,
            anchor_last=dates[-1] if dates else None,
            anchor_missing=len(rows) - len(dates) if anchor else 0,
            persons=len(rows) if one.one_per_subject and rows else 1,
        )
        return Holding(tuple(keys), tuple(links), facts)

    def _erased(self, order: ErasureOrder) -> dict[str, SetReport]:
        values = values_of(order.subject)
        found = self._found(order.subject)
        for one in self._system.sets:
            if len(found[one.name]) > one.max_records:
                raise PermanentError("max_records")
        lie = self._system.take("lie", "erase", values)
        orphan = self._system.take("orphan", "erase", values)
        back = self._system.take("resurrect", "erase", values)
        before = {name: {key: self._system.rows[name][key] for key in keys} for name, keys in found.items()}
        copies = {
            name: {key: Row(dict(row.cells), row.parent) for key, row in rows.items()} for name, rows in before.items()
        }
        reports: dict[str, SetReport] = {}
        kept: set[str] = set()
        for one in self._parents_first():
            split = self._split(one, order.instructions[one.name], found[one.name], kept)
            kept |= set(split[1])
            reports[one.name] = self._report(one, order.instructions[one.name], *split)
        for one in reversed(self._parents_first()):
            if lie is None and not (orphan is not None and one.parent):
                self._carry_out(one, self._to_do(order.instructions[one.name], reports[one.name]), values)
        if back is not None:
            for name, rows in copies.items():
                self._system.rows[name] |= rows
        if orphan is not None:
            reports |= {one.name: SetReport() for one in self._system.sets if one.parent}
        return reports

    def _copy(self, name: str, key: str) -> Row:
        row = self._system.rows[name][key]
        return Row(dict(row.cells), row.parent)

    def _split(
        self, one: FakeSet, instruction: Instruction, keys: Sequence[str], kept: set[str]
    ) -> tuple[list[str], list[str]]:
        """Split into what is erased and what stays. What is anonymised already is neither."""
        rows = self._system.rows[one.name]
        todo = [key for key in keys if self._presence(one, key) is not Presence.ANONYMISED]
        if instruction.keep is None:
            return todo, []
        if one.erase == "with_parent":
            stays = [key for key in todo if rows[key].parent in kept]
        else:
            end = None if instruction.review_by else instruction.erase_up_to
            anchor = one.anchor
            stays = [key for key in todo if end is None or str(rows[key].cells.get(anchor) or "9999") > end]
        return [key for key in todo if key not in stays], stays

    def _report(self, one: FakeSet, instruction: Instruction, erased: list[str], kept: list[str]) -> SetReport:
        method = "anonymise" if one.erase == "anonymise" else "delete"
        dates = sorted(due(self._anchor(one, key), instruction.period_months) for key in kept)
        first, last = (dates[0], dates[-1]) if dates else (None, None)
        return SetReport(tuple(erased), tuple(kept), method, first, last)

    def _anchor(self, one: FakeSet, key: str) -> str:
        row = self._system.rows[one.name][key]
        anchor = one.anchor
        return str(row.cells.get(anchor) or "2025-01-15")

    def _to_do(self, instruction: Instruction, report: SetReport) -> SetReport:
        """Leave out what stays as it is."""
        return SetReport(report.erased) if instruction.review_by or instruction.only_over else report

    def _carry_out(self, one: FakeSet, report: SetReport, values: frozenset[str]) -> None:
        rows = self._system.rows[one.name]
        mask = one.retain.mask if one.retain else {}
        for key in report.erased:
            self._change()
            if self._system.take("keep_row", "erase", values):
                continue
            if one.erase == "anonymise":
                rows[key].cells |= dict.fromkeys(one.personal)
            else:
                del rows[key]
        for key in report.kept:
            self._change()
            if not self._system.take("bare_mask", "erase", values):
                rows[key].cells |= mask

    def _presence(self, one: FakeSet, key: str) -> Presence:
        row = self._system.rows[one.name].get(key)
        if row is None:
            return Presence.GONE
        if one.erase == "anonymise" and all(row.cells[name] is None for name in one.personal):
            return Presence.ANONYMISED
        mask = one.retain.mask if one.retain else {}
        if mask and all(row.cells.get(name) == cell for name, cell in mask.items()):
            return Presence.MASKED
        return Presence.PRESENT


FakeSystem.connector_type = FakeConnector
