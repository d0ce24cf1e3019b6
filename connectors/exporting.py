"""Writes a copy of a subject's records into an encrypted file (decision 14)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connectors.contract import Connector, Subject, TaskId
from connectors.datamap import RecordSet
from connectors.errors import PermanentError
from connectors.exports import ExportFile, ExportSink
from connectors.jobs import Job, Result
from connectors.locating import CONTROL_NOT_FOUND, controls_found
from connectors.session import Session
from schemas.outcomes import Exported, Failed, FailureKind, Never, NothingHeld, Outcome
from schemas.sealing import SharedKey

Outcomes = dict[str, Outcome]

_NO_FOLDER: Final = Failed(FailureKind.MISCONFIGURED, "no_export_folder")


def export(
    session: Session, jobs: Sequence[Job], sets: Sequence[RecordSet], key: SharedKey, sink: ExportSink | None
) -> dict[TaskId, Result]:
    """Carry out export tasks, one file per task; a task that holds nothing leaves no file."""
    if sink is None:
        return {job.task_id: Result(_NO_FOLDER) for job in jobs}
    working = controls_found(session, sets)
    fields = {job.task_id: job.task.fields for job in jobs}

    def call(connector: Connector, some: Sequence[Subject]) -> dict[TaskId, Outcomes]:
        (subject,) = some
        with sink.create(key, subject.task_id) as file:
            writer = _Writer(file, [one.name for one in sets], fields[subject.task_id])
            connector.export(subject, writer)
            return {subject.task_id: writer.finish(working)}

    results: dict[TaskId, Result] = {}
    for job in jobs:
        refusal = _refusal(job, sets)
        if refusal is not None:
            results[job.task_id] = Result(refusal)
            continue
        found: dict[TaskId, Outcomes | Never] = session.ask(call, [job.subject])
        results[job.task_id] = Result(found[job.task_id])
    return results


def _refusal(job: Job, sets: Sequence[RecordSet]) -> Failed | None:
    """Refuse to copy more than the person provided, where the task says that only this is asked for (Art. 20)."""
    provided = {one.name: set(one.provided) for one in sets}
    for name, fields in job.task.fields.items():
        if name not in provided:
            return Failed(FailureKind.PERMANENT, "unknown_record_set")
        if not fields or not set(fields) <= provided[name]:
            return Failed(FailureKind.PERMANENT, "unknown_field")
    return None


class _Writer:
    """What a connector sees of the file; counts per record set, and remembers an error the connector swallowed.

    With ``fields`` only these fields of these record sets get into the file, whatever the connector writes.
    """

    def __init__(self, file: ExportFile, names: Sequence[str], fields: Mapping[str, Sequence[str]]) -> None:
        self._file = file
        self._names = frozenset(names)
        self._fields = fields
        self._counts = dict.fromkeys(fields or names, 0)
        self._error: Exception | None = None

    def write(self, record_set: str, row: Mapping[str, str | int | float | bool | None]) -> None:
        try:
            if record_set not in self._names:
                raise PermanentError("unknown_record_set")
            if record_set not in self._counts:
                return
            if self._fields:
                row = {name: row[name] for name in self._fields[record_set] if name in row}
            self._file.write(record_set, row)
        except Exception as error:
            self._error = error
            raise
        self._counts[record_set] += 1

    def finish(self, working: Mapping[str, bool]) -> Outcomes:
        if self._error is not None:
            raise self._error
        if not any(self._counts.values()):
            return {name: NothingHeld() if working[name] else CONTROL_NOT_FOUND for name in self._counts}
        digest = self._file.commit()
        outcomes: Outcomes = {}
        for name, count in self._counts.items():
            if count:
                outcomes[name] = Exported(count, self._file.ref, digest)
            else:
                outcomes[name] = NothingHeld() if working[name] else CONTROL_NOT_FOUND
        return outcomes
