"""Plays the orchestrator for one system: makes sealed tasks, has them executed, opens what comes back."""

from __future__ import annotations

import datetime as dt
import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from connectors.contract import Connector
from connectors.execute import execute
from connectors.exports import ExportSink
from schemas.codec import decode, encode
from schemas.identifiers import Identifier
from schemas.outcomes import Outcome
from schemas.requests import utc
from schemas.sealing import Binding, SharedKey
from schemas.tasks import CHANGES, Action, Confirmation, FieldValue, Findings, Instruction, Link, Secret, Sweep, Task

NOW: Final = dt.datetime(2026, 3, 1, 12, tzinfo=dt.UTC)
SYSTEM: Final = "sut"


class Answer(msgspec.Struct, frozen=True):
    """A confirmation, and its sealed part opened."""

    confirmation: Confirmation
    findings: Findings

    @property
    def outcomes(self) -> Mapping[str, Outcome]:
        """Outcome per record set."""
        return self.confirmation.outcomes

    @property
    def handle(self) -> str:
        """The handle for the next task of the same request."""
        return self.findings.handle

    @property
    def links(self) -> tuple[Link, ...]:
        """Further identifiers."""
        return self.findings.links


class Desk:
    """Orders to one system. ``now`` stands still unless it is set."""

    def __init__(self, open_connector: Callable[[], Connector], exports: ExportSink | None = None) -> None:
        self.open_connector = open_connector
        self.exports = exports
        self.key = SharedKey("k1", bytes(range(32)))
        self.now = NOW
        self._number = 0

    def task(
        self,
        action: Action,
        identifiers: Mapping[str, str | Iterable[str]],
        *,
        handle: str = "",
        instructions: Mapping[str, Instruction] | None = None,
        request_id: str = "r1",
        not_after: str | None = None,
        corrections: Mapping[str, Mapping[str, FieldValue]] | None = None,
        purposes: Sequence[str] = (),
        record_sets: Sequence[str] = (),
        fields: Mapping[str, Sequence[str]] | None = None,
        sweep: Sweep | None = None,
    ) -> Task:
        """Make one sealed task; the lease of an order that erases or changes runs for an hour."""
        self._number += 1
        task_id = f"t{self._number}"
        pairs = [
            Identifier(kind, value)
            for kind, values in identifiers.items()
            for value in ([values] if isinstance(values, str) else values)
        ]
        bound = Binding(req=request_id, task=task_id, sys=SYSTEM, use="task")
        right = {name: dict(values) for name, values in (corrections or {}).items()}
        sealed = self.key.seal(encode(Secret(tuple(pairs), handle, right)), bound, nonce=os.urandom(12))
        if not_after is None and (action is Action.ERASE or action in CHANGES):
            not_after = utc(self.now + dt.timedelta(hours=1))
        return Task(
            task_id,
            request_id,
            SYSTEM,
            action,
            sealed,
            not_after,
            instructions=dict(instructions or {}),
            purposes=tuple(purposes),
            record_sets=tuple(record_sets),
            fields={name: tuple(some) for name, some in (fields or {}).items()},
            sweep=sweep,
        )

    def run(self, tasks: Sequence[Task]) -> list[Answer]:
        """Execute a batch."""
        done = execute(
            self.open_connector,
            tasks,
            self.key,
            now=lambda: self.now,
            nonce=lambda: os.urandom(12),
            exports=self.exports,
        )
        return [Answer(one, self._findings(one)) for one in done]

    def locate(self, identifiers: Mapping[str, str | Iterable[str]], handle: str = "") -> Answer:
        """Execute one locate task."""
        return self.run([self.task(Action.LOCATE, identifiers, handle=handle)])[0]

    def erase(
        self,
        identifiers: Mapping[str, str | Iterable[str]],
        instructions: Mapping[str, Instruction],
        handle: str = "",
    ) -> Answer:
        """Execute one erase task."""
        return self.run([self.task(Action.ERASE, identifiers, handle=handle, instructions=instructions)])[0]

    def export(
        self, identifiers: Mapping[str, str | Iterable[str]], fields: Mapping[str, Sequence[str]] | None = None
    ) -> Answer:
        """Execute one export task."""
        return self.run([self.task(Action.EXPORT, identifiers, fields=fields)])[0]

    def rectify(
        self,
        identifiers: Mapping[str, str | Iterable[str]],
        corrections: Mapping[str, Mapping[str, FieldValue]],
        handle: str = "",
    ) -> Answer:
        """Execute one rectify task."""
        return self.run([self.task(Action.RECTIFY, identifiers, handle=handle, corrections=corrections)])[0]

    def restrict(
        self, identifiers: Mapping[str, str | Iterable[str]], handle: str = "", record_sets: Sequence[str] = ()
    ) -> Answer:
        """Execute one restrict task."""
        return self.run([self.task(Action.RESTRICT, identifiers, handle=handle, record_sets=record_sets)])[0]

    def lift(
        self, identifiers: Mapping[str, str | Iterable[str]], handle: str = "", record_sets: Sequence[str] = ()
    ) -> Answer:
        """Execute one lift task."""
        return self.run([self.task(Action.LIFT, identifiers, handle=handle, record_sets=record_sets)])[0]

    def stop(
        self,
        identifiers: Mapping[str, str | Iterable[str]],
        purposes: Sequence[str],
        handle: str = "",
        record_sets: Sequence[str] = (),
    ) -> Answer:
        """Execute one stop task."""
        task = self.task(Action.STOP, identifiers, handle=handle, purposes=purposes, record_sets=record_sets)
        return self.run([task])[0]

    def keys(self, answer: Answer) -> dict[str, list[str]]:
        """Open a handle: record set -> keys."""
        if not answer.handle:
            return {}
        bound = Binding(req=answer.confirmation.request_id, sys=SYSTEM, use="handle")
        return decode(self.key.open(answer.handle, bound), dict[str, list[str]])

    def _findings(self, one: Confirmation) -> Findings:
        if not one.sealed:
            return Findings()
        bound = Binding(req=one.request_id, task=one.task_id, sys=SYSTEM, use="findings")
        return decode(self.key.open(one.sealed, bound), Findings)
