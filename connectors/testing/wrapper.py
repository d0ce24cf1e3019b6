"""Connectors around a connector, to change one thing about it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from connectors.changes import Capability, ChangeReport, Standing
from connectors.contract import (
    ChangeOrder,
    ChangeReports,
    Connector,
    ErasureOrder,
    ErasureReport,
    Holdings,
    Inspection,
    Look,
    Presence,
    RecordWriter,
    SetReport,
    Subject,
    TaskId,
)
from connectors.datamap import RecordSet
from connectors.past import PastPage, PastQuestion


class Wrapper(Connector):
    """Passes every call on; override what is to be different."""

    def __init__(self, inner: Connector) -> None:
        self.inner = inner
        self.name = inner.name

    def record_sets(self) -> Sequence[RecordSet]:
        return self.inner.record_sets()

    def check(self) -> Sequence[str]:
        return self.inner.check()

    def locate(self, subjects: Sequence[Subject]) -> Mapping[TaskId, Holdings]:
        return self.inner.locate(subjects)

    def erase(self, orders: Sequence[ErasureOrder]) -> Mapping[TaskId, ErasureReport]:
        return self.inner.erase(orders)

    def present(self, looks: Sequence[Look]) -> Mapping[TaskId, Mapping[str, Mapping[str, Presence]]]:
        return self.inner.present(looks)

    def export(self, subject: Subject, into: RecordWriter) -> None:
        self.inner.export(subject, into)

    @property
    def capabilities(self) -> frozenset[Capability]:
        return self.inner.capabilities

    def rectify(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self.inner.rectify(orders)

    def restrict(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self.inner.restrict(orders)

    def lift(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self.inner.lift(orders)

    def stop(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self.inner.stop(orders)

    def inspect(
        self, capability: Capability, inspections: Sequence[Inspection]
    ) -> Mapping[TaskId, Mapping[str, Mapping[str, Standing]]]:
        return self.inner.inspect(capability, inspections)

    @property
    def sweeps(self) -> bool:
        return self.inner.sweeps

    def past(self, question: PastQuestion) -> PastPage:
        return self.inner.past(question)

    def close(self) -> None:
        self.inner.close()


class IdleChanger(Wrapper):
    """Says that the given keys (record set -> keys) are as ordered, and changes nothing."""

    def __init__(self, inner: Connector, keys: Mapping[str, Sequence[str]]) -> None:
        super().__init__(inner)
        self._keys = keys

    def rectify(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return {
            order.task_id: {name: ChangeReport(tuple(self._keys.get(name, ()))) for name in order.changes}
            for order in orders
        }

    restrict = lift = stop = rectify


class Idle(Wrapper):
    """Says it erased the given keys (record set -> keys), and does nothing."""

    def __init__(self, inner: Connector, keys: Mapping[str, Sequence[str]]) -> None:
        super().__init__(inner)
        self._keys = keys

    def erase(self, orders: Sequence[ErasureOrder]) -> Mapping[TaskId, ErasureReport]:
        names = [one.name for one in self.inner.record_sets()]
        said = {name: SetReport(erased=tuple(self._keys.get(name, ()))) for name in names}
        return {order.task_id: said for order in orders}
