"""What the fake connector can do besides: it corrects, restricts, lifts and stops; and how its faults are played."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import TypeVar, cast

from connectors.changes import Capability, Change, ChangeReport, Standing
from connectors.contract import ChangeOrder, ChangeReports, Connector, Inspection, Subject, TaskId
from connectors.errors import PermanentError
from connectors.testing.fake_store import Cell, Crash, FakeSet, FakeStore, Row, leak

_T = TypeVar("_T")


class ChangingFake(Connector):
    """Half of ``connectors.testing.fake.FakeConnector``: it knows how to find."""

    def __init__(self, system: FakeStore) -> None:
        self._system = system
        self._changed = 0

    @abstractmethod
    def _found(self, subject: Subject) -> dict[str, list[str]]:
        """Give the keys of a subject's rows per record set."""

    def rectify(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self._change_all(Capability.RECTIFY, orders)

    def restrict(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self._change_all(Capability.RESTRICT, orders)

    def lift(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self._change_all(Capability.LIFT, orders)

    def stop(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self._change_all(Capability.STOP, orders)

    def inspect(
        self, capability: Capability, inspections: Sequence[Inspection]
    ) -> Mapping[TaskId, Mapping[str, Mapping[str, Standing]]]:
        subjects = [one.subject for one in inspections]
        self._enter("inspect", subjects)
        sets = {one.name: one for one in self._system.sets}
        seen = {
            one.task_id: {
                name: {key: self._standing(sets[name], key, capability, one.changes[name]) for key in keys}
                for name, keys in one.keys.items()
            }
            for one in inspections
        }
        return self._leave("inspect", subjects, seen)

    # --- how a healthy one works ------------------------------------------------------------------

    def _change_all(self, capability: Capability, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        subjects = [order.subject for order in orders]
        self._enter(capability.value, subjects)
        reports = {order.task_id: self._change_for(capability, order) for order in orders}
        return self._leave(capability.value, subjects, reports)

    def _change_for(self, capability: Capability, order: ChangeOrder) -> dict[str, ChangeReport]:
        found = self._found(order.subject)
        sets = {one.name: one for one in self._system.sets}
        for name, change in order.changes.items():
            if not set(change.values) <= set(sets[name].rectify):
                raise PermanentError("unknown_field")
            if len(found[name]) > sets[name].max_records:
                raise PermanentError("max_records")
        reports = {}
        for name, change in order.changes.items():
            todo = [
                key
                for key in found[name]
                if self._standing(sets[name], key, capability, change) is not Standing.AS_ORDERED
            ]
            if not self._system.take("lie", capability.value, values_of(order.subject)):
                self._write(sets[name], todo, capability, change, values_of(order.subject))
            reports[name] = ChangeReport(tuple(found[name]), tuple(todo))
        return reports

    def _write(
        self, one: FakeSet, keys: Sequence[str], capability: Capability, change: Change, values: frozenset[str]
    ) -> None:
        for key in keys:
            self._change()
            if not self._system.take("keep_row", capability.value, values):
                self._system.rows[one.name][key].cells |= wanted(one, capability, change)

    def _standing(self, one: FakeSet, key: str, capability: Capability, change: Change) -> Standing:
        row = self._system.rows[one.name].get(key)
        if row is None:
            return Standing.GONE
        return Standing.AS_ORDERED if self._holds(one, row, capability, change) else Standing.NOT_AS_ORDERED

    def _holds(self, one: FakeSet, row: Row, capability: Capability, change: Change) -> bool:
        if capability is Capability.LIFT:
            marked = wanted(one, Capability.RESTRICT, change)
            return any(row.cells.get(field) != value for field, value in marked.items())
        return all(row.cells.get(field) == value for field, value in wanted(one, capability, change).items())

    def _change(self) -> None:
        fault = next((one for one in self._system.faults if one.kind == "crash" and one.times != 0), None)
        if fault is not None and self._changed >= fault.after:
            fault.times = 0
            raise Crash
        self._changed += 1

    # --- scripted faults --------------------------------------------------------------------------

    def _enter(self, method: str, subjects: Sequence[Subject]) -> None:
        self._system.calls.append((method, len(subjects)))
        values = frozenset[str]().union(*(values_of(one) for one in subjects))
        slow = self._system.take("slow", method, values)
        if slow is not None:
            time.sleep(slow.seconds)
        if self._system.take("leak", method, values):
            leak(self._system, values)
        fault = self._system.take("raise", method, values)
        if fault is not None and fault.error is not None:
            raise fault.error

    def _leave(self, method: str, subjects: Sequence[Subject], answer: dict[TaskId, _T]) -> dict[TaskId, _T]:
        """Spoil the answer as scripted; what comes back may be anything, as with a real plug-in."""
        twice: list[tuple[TaskId, _T]] = []
        for one in subjects:
            values = values_of(one)
            if self._system.take("no_answer", method, values):
                del answer[one.task_id]
            elif self._system.take("answer_twice", method, values):
                twice.append((one.task_id, answer[one.task_id]))
            elif self._system.take("wrong_task", method, values):
                answer[TaskId(f"not-{one.task_id}")] = answer.pop(one.task_id)
            elif self._system.take("malformed", method, values):
                answer[one.task_id] = cast("_T", "done")
        return cast("dict[TaskId, _T]", [*answer.items(), *twice]) if twice else answer


def wanted(one: FakeSet, capability: Capability, change: Change) -> dict[str, Cell]:
    """Give the cells that a row has to have after a change."""
    if capability is Capability.RECTIFY:
        return dict(change.values)
    if capability is Capability.STOP:
        return {one.stop[purpose].column: _cell(one.stop[purpose].set) for purpose in change.purposes}
    if one.restrict is None:
        raise PermanentError("no_rule")
    return {one.restrict.column: _cell(one.restrict.set if capability is Capability.RESTRICT else one.restrict.lifted)}


def _cell(value: Cell) -> Cell:
    return None if value == "{null}" else value


def values_of(subject: Subject) -> frozenset[str]:
    """Give a subject's identifiers, whatever their kind."""
    return frozenset[str]().union(*subject.identifiers.values())
