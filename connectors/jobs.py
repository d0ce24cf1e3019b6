"""Tasks as they are worked on: opened, and sealed again.

A *handle* is what a system remembers of the records it found: ``{record set: [keys]}`` as JSON, sealed with the
system's own key for one request. Only durable keys stand in it, all of them: one that is cut off
could not be looked for by its key. ``max_records`` bounds their number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from connectors.contract import Subject, TaskId
from connectors.datamap import RecordSet
from schemas.codec import decode, encode
from schemas.errors import SchemaError, SealError, UnknownKeyError
from schemas.outcomes import Failed, FailureKind, Never, Outcome
from schemas.sealing import Binding, SharedKey
from schemas.tasks import Action, FieldValue, Findings, Link, Page, Secret, Task

CHUNK: Final = 500
"""Most identifiers of one subject in one call (decision 10)."""


class Job(msgspec.Struct, frozen=True):
    """One task, opened."""

    task: Task
    subject: Subject
    corrections: Mapping[str, Mapping[str, FieldValue]] = {}

    def __repr__(self) -> str:
        """Hide the corrections (I4)."""
        return f"Job(task={self.task!r}, subject={self.subject!r}, corrections={len(self.corrections)})"

    @property
    def task_id(self) -> TaskId:
        """The id that keys the answer."""
        return self.subject.task_id

    def seen_by(self, sets: Sequence[RecordSet]) -> Job:
        """Leave out identifiers and keys that no record set of this system knows."""
        kinds = {kind for one in sets for kind in one.match}
        names = {one.name for one in sets}
        if self.subject.identifiers.keys() <= kinds and self.subject.keys.keys() <= names:
            return self
        subject = msgspec.structs.replace(
            self.subject,
            identifiers={kind: values for kind, values in self.subject.identifiers.items() if kind in kinds},
            keys={name: keys for name, keys in self.subject.keys.items() if name in names},
        )
        return Job(self.task, subject, self.corrections)


class Result(msgspec.Struct, frozen=True):
    """What became of a job.

    Attributes:
        outcomes: Per record set; or one for all of them.
        links: Further identifiers found.
        handle: Keys to remember by record set; those of the task stay for any that is left out.
        page: What a sweep saw.
    """

    outcomes: Mapping[str, Outcome] | Never
    links: tuple[Link, ...] = ()
    handle: Mapping[str, Sequence[str]] = {}
    page: Page | None = None


def scope(task: Task, corrections: Mapping[str, object], sets: Sequence[RecordSet]) -> list[str]:
    """Name the record sets that a task is about, and that its answer has to tell of."""
    every = [one.name for one in sets]
    match task.action:
        case Action.RECTIFY:
            return list(corrections) or every
        case Action.RESTRICT | Action.LIFT | Action.STOP | Action.ERASE:
            return list(task.record_sets) or every
        case Action.EXPORT:
            return list(task.fields) or every
        case Action.SWEEP:
            return [task.sweep.record_set] if task.sweep is not None else every
        case Action.LOCATE:
            return every


def opened(task: Task, key: SharedKey) -> Job | Failed:
    """Open a task and its handle. A key that is not held yet is waited for; anything else is beyond repair."""
    bound = Binding(req=task.request_id, task=task.task_id, sys=task.system, use="task")
    try:
        secret = decode(key.open(task.sealed, bound), Secret)
        keys: dict[str, tuple[str, ...]] = {}
        if secret.handle:
            keys = decode(key.open(secret.handle, _handle_binding(task)), dict[str, tuple[str, ...]])
    except UnknownKeyError:
        return Failed(FailureKind.TRANSIENT, "unknown_key")
    except SealError:
        return Failed(FailureKind.PERMANENT, "seal")
    except SchemaError:
        return Failed(FailureKind.PERMANENT, "malformed_task")
    identifiers: dict[str, set[str]] = {}
    for one in secret.identifiers:
        identifiers.setdefault(one.kind, set()).add(one.value)
    frozen = {kind: frozenset(values) for kind, values in identifiers.items()}
    unique = {name: tuple(dict.fromkeys(many)) for name, many in keys.items()}
    return Job(task, Subject(TaskId(task.task_id), frozen, unique, task.request_id), secret.corrections)


def sealed(job: Job, result: Result, key: SharedKey, nonce: Callable[[], bytes]) -> str:
    """Seal what was found and the keys to remember."""
    # A record set that gave no answer, or that the data map does not name today, keeps its keys: years hang on them.
    remembered = {**job.subject.keys, **result.handle}
    keys = {name: sorted(many) for name, many in remembered.items() if many}
    task = job.task
    handle = handle_for(task, keys, key, nonce) if keys else ""
    bound = Binding(req=task.request_id, task=task.task_id, sys=task.system, use="findings")
    return key.seal(encode(Findings(result.links, handle, result.page)), bound, nonce=nonce())


def handle_for(task: Task, keys: Mapping[str, Sequence[str]], key: SharedKey, nonce: Callable[[], bytes]) -> str:
    """Seal keys, so that they come back with later tasks of the same request or sweep (ADR 16)."""
    return key.seal(encode(keys), _handle_binding(task), nonce=nonce())


def _handle_binding(task: Task) -> Binding:
    return Binding(req=task.request_id, sys=task.system, use="handle")


def pieces(subject: Subject) -> list[Subject]:
    """Split a subject with many identifiers into several of one task; the keys go with the first."""
    every = [(kind, value) for kind, values in sorted(subject.identifiers.items()) for value in sorted(values)]
    if len(every) <= CHUNK:
        return [subject]
    parts = []
    for start in range(0, len(every), CHUNK):
        identifiers: dict[str, set[str]] = {}
        for kind, value in every[start : start + CHUNK]:
            identifiers.setdefault(kind, set()).add(value)
        frozen = {kind: frozenset(values) for kind, values in identifiers.items()}
        parts.append(msgspec.structs.replace(subject, identifiers=frozen, keys={} if start else subject.keys))
    return parts
