"""A batch of tasks and a connector become confirmations: the one place where a connector is called (both runtimes).

``execute`` never raises. It opens what was sealed, calls the connector, reads its answers with distrust
(``answers``), repeats a failed batch in smaller parts (``session``), takes the second look on a fresh connection,
has it judged (``verdict``) and seals what was found. It decides nothing about what may be erased.

Confirmations hold counts, dates and stable codes in clear; identifiers and row keys only inside ``sealed``. Where
``sealed`` is not empty, its handle replaces the one the orchestrator holds for this request and system.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

from connectors import changing, erasing, exporting, locating, sweeping
from connectors.changes import Capability
from connectors.contract import Connector, TaskId
from connectors.datamap import RecordSet
from connectors.errors import PermanentError
from connectors.exports import ExportSink
from connectors.jobs import Job, Result, opened, scope, sealed
from connectors.redact import guarded
from connectors.session import Session, failure
from schemas.outcomes import Failed, FailureKind, Never, Outcome
from schemas.requests import utc
from schemas.sealing import SharedKey
from schemas.tasks import WHOLE_SYSTEM, Action, Confirmation, Task

_ORDER = (
    Action.LOCATE,
    Action.EXPORT,
    Action.RECTIFY,
    Action.LIFT,
    Action.RESTRICT,
    Action.STOP,
    Action.ERASE,
    Action.SWEEP,
)
"""A copy is made before anything is changed or erased; a restriction that comes together with its end stays."""


def execute(
    open_connector: Callable[[], Connector],
    tasks: Sequence[Task],
    key: SharedKey,
    *,
    now: Callable[[], dt.datetime],
    nonce: Callable[[], bytes],
    exports: ExportSink | None = None,
) -> list[Confirmation]:
    """Carry out tasks of one system. Never raises, but for KeyboardInterrupt and its like.

    Args:
        open_connector: Opens a new connector on a fresh connection; called at least twice for an erasure.
        tasks: Any mix of actions; a task that stands twice is carried out once and confirmed twice.
        key: The key this system shares with the orchestrator.
        now: The clock, with zone.
        nonce: 12 fresh random bytes per call.
        exports: Where copies go; without it, export tasks fail as misconfigured.

    Returns:
        One confirmation per task, in their order. Its outcomes are keyed by record set; where not even the record
        sets could be learnt, by ``WHOLE_SYSTEM``.
    """
    first: dict[str, Task] = {}
    for task in tasks:
        first.setdefault(task.task_id, task)
    jobs: list[Job] = []
    refused: dict[TaskId, Failed] = {}
    for task in first.values():
        job = opened(task, key)
        if isinstance(job, Job):
            jobs.append(job)
        else:
            refused[TaskId(task.task_id)] = job
    values = {value for job in jobs for many in job.subject.identifiers.values() for value in many}
    values |= {
        str(value)
        for job in jobs
        for fields in job.corrections.values()
        for value in fields.values()
        if value is not None and not isinstance(value, bool)
    }
    with guarded(values):
        name, sets, results = _run(open_connector, jobs, key, now, nonce, exports)
    by_id = {job.task_id: job for job in jobs}
    at = utc(now())
    confirmations = []
    for task in tasks:
        job_id = TaskId(task.task_id)
        result = results.get(job_id)
        if task != first[task.task_id]:
            result = Result(Failed(FailureKind.PERMANENT, "task_id_twice"))
        elif result is None:
            result = Result(refused[job_id])
        outcomes = _outcomes(result.outcomes, sets, task, by_id.get(job_id))
        secret = sealed(by_id[job_id], result, key, nonce) if job_id in by_id and task == first[job_id] else ""
        confirmations.append(
            Confirmation(task.task_id, task.request_id, task.system, task.action, name, at, outcomes, secret)
        )
    return confirmations


def _run(
    open_connector: Callable[[], Connector],
    jobs: Sequence[Job],
    key: SharedKey,
    now: Callable[[], dt.datetime],
    nonce: Callable[[], bytes],
    exports: ExportSink | None,
) -> tuple[str, Sequence[RecordSet], dict[TaskId, Result]]:
    """Carry out what could be opened; gives the connector's name, its record sets, and a result per job."""
    results: dict[TaskId, Result] = {}
    with Session(open_connector) as session:
        try:
            connector = session.connector()
            name, sets = _name_of(connector), _sets_of(connector)
        except Exception as error:  # noqa: BLE001 - opening runs foreign code
            return "connector", (), {job.task_id: Result(failure(error)) for job in jobs}
        for action in _ORDER:
            some = [job.seen_by(sets) for job in jobs if job.task.action is action]
            if not some:
                continue
            match action:
                case Action.LOCATE:
                    results |= locating.locate(session, some, sets)
                case Action.EXPORT:
                    results |= exporting.export(session, some, sets, key, exports)
                case Action.ERASE:
                    results |= erasing.erase(session, open_connector, some, sets, now)
                case Action.SWEEP:
                    results |= sweeping.sweep(session, some, sets, key, nonce)
                case Action.RECTIFY | Action.RESTRICT | Action.LIFT | Action.STOP:
                    results |= changing.change(session, open_connector, Capability(action), some, sets, now)
    return name, sets, results


def _name_of(connector: Connector) -> str:
    """Give name and version as they stand in the record: one short printable word."""
    name: object = connector.name
    short = isinstance(name, str) and 0 < len(name) <= 64 and name.isascii() and name.isprintable()  # noqa: PLR2004
    return str(name) if short and " " not in str(name) else "connector"


def _sets_of(connector: Connector) -> tuple[RecordSet, ...]:
    sets = tuple(connector.record_sets())
    if not sets or not all(isinstance(one, RecordSet) for one in sets) or len({one.name for one in sets}) < len(sets):
        raise PermanentError("record_sets")
    return sets


def _outcomes(
    outcomes: Mapping[str, Outcome] | Never, sets: Sequence[RecordSet], task: Task, job: Job | None
) -> dict[str, Outcome]:
    """Give one outcome per record set; what failed as a whole failed for each of them."""
    if isinstance(outcomes, Mapping):
        return dict(outcomes)
    names = scope(task, job.corrections if job else {}, sets) or sorted(task.instructions) or [WHOLE_SYSTEM]
    return dict.fromkeys(names, outcomes)
