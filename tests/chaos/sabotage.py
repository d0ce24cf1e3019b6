"""Faults put into the worker on purpose, so that the harness is seen to fail. None of them is ever active by itself."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, cast

import sqlalchemy as sa

from connectors.contract import (
    ErasureOrder,
    ErasureReport,
    Holding,
    Holdings,
    Look,
    Presence,
    SetReport,
    Subject,
    TaskId,
)
from connectors.files import lines, parquet, paths
from connectors.files.replace import Temporary
from connectors.sql.adapter import SqlConnector
from orchestrator.engine import Engine
from orchestrator.store import tables
from orchestrator.store.store import SqlStore
from schemas.tasks import Task


def _outbox() -> None:
    """A task leaves the outbox when it is handed out, not when its confirmation is in the journal."""
    original = Engine.next_tasks

    def next_tasks(self: Engine, system: str, *args: Any) -> list[Task]:
        tasks = original(self, system, *args)
        with cast("SqlStore", self.store).write() as tx:
            ids = [one.task_id for one in tasks]
            tx.connection.execute(sa.delete(tables.outbox).where(tables.outbox.c.task_id.in_(ids)))
        return tasks

    Engine.next_tasks = next_tasks  # type: ignore[assignment,method-assign]


def _claims(order: ErasureOrder, holdings: Holdings) -> ErasureReport:
    reports = {}
    for name, holding in holdings.items():
        kept = order.instructions[name].keep is not None
        reports[name] = SetReport(erased=() if kept else holding.keys, kept=holding.keys if kept else ())
    return reports


def _erase() -> None:
    """The connector says that it erased, and did nothing."""

    def erase(self: SqlConnector, orders: Sequence[ErasureOrder]) -> Mapping[TaskId, ErasureReport]:
        found = self.locate([one.subject for one in orders])
        return {one.task_id: _claims(one, found[one.task_id]) for one in orders}

    SqlConnector.erase = erase  # type: ignore[method-assign]


def _lie() -> None:
    """The connector erases nothing and, from then on, sees nothing either: only the stores themselves tell."""
    locate = SqlConnector.locate
    said: set[frozenset[str]] = set()

    def erase(self: SqlConnector, orders: Sequence[ErasureOrder]) -> Mapping[TaskId, ErasureReport]:
        found = locate(self, [one.subject for one in orders])
        said.update(_who(one.subject) for one in orders)
        return {
            one.task_id: {name: SetReport(erased=holding.keys) for name, holding in found[one.task_id].items()}
            for one in orders
        }

    def blind(self: SqlConnector, subjects: Sequence[Subject]) -> Mapping[TaskId, Holdings]:
        found = dict(locate(self, subjects))
        for one in subjects:
            if _who(one) in said:
                found[one.task_id] = {name: Holding() for name in found[one.task_id]}
        return found

    def present(self: SqlConnector, looks: Sequence[Look]) -> Mapping[TaskId, Mapping[str, Mapping[str, Presence]]]:
        return {
            look.subject.task_id: {name: dict.fromkeys(keys, Presence.GONE) for name, keys in look.keys.items()}
            for look in looks
        }

    SqlConnector.erase = erase  # type: ignore[method-assign]
    SqlConnector.locate = blind  # type: ignore[method-assign]
    SqlConnector.present = present  # type: ignore[method-assign]


def _who(subject: Subject) -> frozenset[str]:
    return frozenset(subject.identifiers.get("email", ()))


def _rename() -> None:
    """A file is written over in place, slowly; a kill in between leaves a part of it."""

    @contextlib.contextmanager
    def replacing(file: paths.File, *, need: int) -> Iterator[Temporary]:
        new = io.BytesIO()
        yield Temporary(file.path, cast("Any", new))
        data = new.getvalue()
        with file.path.open("wb", buffering=0) as out:
            for start in range(0, len(data), 512):
                time.sleep(0.05)
                out.write(data[start : start + 512])

    lines.replacing = replacing  # type: ignore[attr-defined]
    parquet.replacing = replacing  # type: ignore[attr-defined]


SABOTAGES: Final = {"outbox": _outbox, "erase": _erase, "lie": _lie, "rename": _rename}


def apply(name: str) -> None:
    """Put one fault in; an empty name puts none."""
    if name:
        SABOTAGES[name]()
