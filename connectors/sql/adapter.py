"""The connector: the contract's methods, each one transaction on a connection of its own."""

from __future__ import annotations

import importlib.metadata
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

import sqlalchemy as sa

from connectors.changes import Capability, Standing
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
    Subject,
    TaskId,
)
from connectors.errors import MisconfiguredError
from connectors.past import PastPage, PastQuestion
from connectors.sql.building import compile_plan
from connectors.sql.datamap import SqlMap, SqlRecordSet
from connectors.sql.edits import change, inspect
from connectors.sql.engine import WRITE
from connectors.sql.erasing import erase
from connectors.sql.errors import translated
from connectors.sql.finding import find, holdings
from connectors.sql.holding import holder
from connectors.sql.looking import present
from connectors.sql.past import past
from connectors.sql.plan import Plan
from connectors.sql.sampling import missed
from connectors.sql.values import cell
from connectors.sqltext import CHUNK, VALUES

_STREAM = 200
"""Rows held at a time while exporting."""


class System:
    """What the connectors of one system share: where connections come from, and the plan, made when first needed."""

    def __init__(self, engine: sa.Engine, sql_map: SqlMap, lock_timeout: float, file: Path | None = None) -> None:
        self.held = holder(engine)
        self.file = file
        self.map = sql_map
        self.lock_timeout = lock_timeout
        self._plan: Plan | None = None
        self._lock = threading.Lock()

    def plan(self, connection: sa.Connection, *, afresh: bool = False) -> Plan:
        """Give the plan; ``afresh`` reads the schema again. Needs a connection without an open transaction.

        Raises:
            MisconfiguredError: the data map does not fit the schema.
        """
        if self._plan is None or afresh:
            with self._lock:
                if self._plan is None or afresh:
                    with connection.begin():
                        self._plan = compile_plan(connection, self.map)
        return self._plan


class SqlConnector(Connector):
    """A SQL database, SQLite or PostgreSQL."""

    def __init__(self, system: System, *, fresh: bool = False) -> None:
        """Prepare; it connects when first used. ``fresh``: on a new connection, whatever is held."""
        self.name = f"sql/{_version()}"
        self._system = system
        self._fresh = fresh
        self._connection: sa.Connection | None = None

    def record_sets(self) -> Sequence[SqlRecordSet]:
        return self._system.map.sets

    def check(self) -> Sequence[str]:
        file = self._system.file
        if file is not None and not file.exists():
            raise MisconfiguredError("url", "no such file", file=str(file), fix="correct the url of the system")
        with translated():
            connection = self._open()
            plan = self._system.plan(connection, afresh=True)
            with connection.begin():
                return [*plan.warnings, *missed(connection, plan, str(self._system.map.location.file))]

    def locate(self, subjects: Sequence[Subject]) -> Mapping[TaskId, Holdings]:
        with self._transaction() as (connection, plan):
            found = find(connection, plan, subjects)
        answers = holdings(plan, subjects, found)
        return {one.task_id: answer for one, answer in zip(subjects, answers, strict=True)}

    def erase(self, orders: Sequence[ErasureOrder]) -> Mapping[TaskId, ErasureReport]:
        with self._transaction(write=True) as (connection, plan):
            reports = erase(connection, plan, orders)
        return {one.task_id: report for one, report in zip(orders, reports, strict=True)}

    def present(self, looks: Sequence[Look]) -> Mapping[TaskId, Mapping[str, Mapping[str, Presence]]]:
        with self._transaction() as (connection, plan):
            seen = present(connection, plan, looks)
        return {one.subject.task_id: answer for one, answer in zip(looks, seen, strict=True)}

    def export(self, subject: Subject, into: RecordWriter) -> None:
        """Write every record, parents first, with every column of its table: all of it is about the person."""
        with self._transaction() as (connection, plan):
            found = find(connection, plan, [subject])
            for one in plan.sets:
                keys = one.bound(list(found[one.name].rows))
                for start in range(0, len(keys), CHUNK):
                    values = {VALUES: keys[start : start + CHUNK]}
                    result = connection.execute(one.whole, values, execution_options={"yield_per": _STREAM})
                    names = tuple(result.keys())
                    for row in result:
                        into.write(one.name, dict(zip(names, map(cell, row), strict=True)))

    def rectify(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self._change(Capability.RECTIFY, orders)

    def restrict(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self._change(Capability.RESTRICT, orders)

    def lift(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self._change(Capability.LIFT, orders)

    def stop(self, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        return self._change(Capability.STOP, orders)

    def _change(self, capability: Capability, orders: Sequence[ChangeOrder]) -> Mapping[TaskId, ChangeReports]:
        with self._transaction(write=True) as (connection, plan):
            reports = change(connection, plan, capability, orders)
        return {one.task_id: report for one, report in zip(orders, reports, strict=True)}

    def inspect(
        self, capability: Capability, inspections: Sequence[Inspection]
    ) -> Mapping[TaskId, Mapping[str, Mapping[str, Standing]]]:
        with self._transaction() as (connection, plan):
            seen = inspect(connection, plan, capability, inspections)
        return {one.task_id: answer for one, answer in zip(inspections, seen, strict=True)}

    def past(self, question: PastQuestion) -> PastPage:
        with self._transaction() as (connection, plan):
            return past(connection, plan, question)

    def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _open(self) -> sa.Connection:
        if self._connection is None:
            self._connection = self._system.held.connect(fresh=self._fresh)
        return self._connection

    @contextmanager
    def _transaction(self, *, write: bool = False) -> Iterator[tuple[sa.Connection, Plan]]:
        """Run in one transaction: committed if it changes rows, rolled back on any error."""
        with translated():
            connection = self._open()
            plan = self._system.plan(connection)
            connection = connection.execution_options(**{WRITE: write})
            with connection.begin():
                if write and not plan.sqlite:
                    milliseconds = int(self._system.lock_timeout * 1000)
                    connection.exec_driver_sql(f"SET LOCAL lock_timeout = {milliseconds}")
                yield connection, plan


class Opener:
    """Opens connectors of one system; holds its store between them when asked to (``connectors.registry.hold``)."""

    def __init__(self, system: System) -> None:
        self._system = system

    def __call__(self) -> SqlConnector:
        """Open a connector; it connects when first used."""
        return SqlConnector(self._system)

    def fresh(self) -> Callable[[], SqlConnector]:
        """Give an opener whose connectors never use what is held (``connectors.registry.fresh``)."""
        return lambda: SqlConnector(self._system, fresh=True)

    def hold(self) -> None:
        """Keep its store at hand until ``rest`` (``connectors.sql.holding``)."""
        self._system.held.hold()

    def rest(self) -> None:
        """Let go of it."""
        self._system.held.rest()


@cache
def _version() -> str:
    try:
        return importlib.metadata.version("expunge")
    except importlib.metadata.PackageNotFoundError:  # run from a plain copy of the sources
        return "0"
