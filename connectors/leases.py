"""Orders that change or erase, under a lease: after it, another worker may have the same order (decision 4)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeVar

from connectors.contract import Connector, Subject, TaskId
from connectors.jobs import Job
from connectors.locating import rounds
from connectors.session import Keyed, Session
from schemas.errors import SchemaError
from schemas.outcomes import Failed, FailureKind, Never, Unverifiable
from schemas.requests import parse_time
from schemas.tasks import Task

LEASE_EXPIRED: Final = Failed(FailureKind.TRANSIENT, "lease_expired")

_Order = TypeVar("_Order", bound=Keyed)
_Report = TypeVar("_Report")
_Reports = Mapping[str, Any] | Never


def expired(task: Task, at: dt.datetime) -> bool:
    """Tell whether the lease of a task is over.

    Raises:
        SchemaError: its ``not_after`` is no time.
    """
    return task.not_after is not None and parse_time(task.not_after, where="not_after") < at


def refusal(task: Task, at: dt.datetime) -> Failed | None:
    """Say why a task may not even be begun; None where its lease allows it."""
    try:
        return LEASE_EXPIRED if expired(task, at) else None
    except SchemaError:
        return Failed(FailureKind.PERMANENT, "malformed_task")


def carry_out(
    session: Session,
    jobs: Sequence[Job],
    order: Callable[[Subject], _Order],
    deed: Callable[[Connector, Sequence[_Order]], Mapping[TaskId, Mapping[str, _Report | Unverifiable] | Never]],
    joined: Callable[[_Report, _Report], _Report],
    now: Callable[[], dt.datetime],
) -> dict[TaskId, Mapping[str, _Report | Unverifiable] | Never]:
    """Give orders to a connector, in rounds of as many identifiers as it takes, each with a look at its lease.

    Args:
        session: Where the connector comes from.
        jobs: Tasks whose lease was not over at the beginning (``refusal``).
        order: Makes the order for a subject, or for a part of one.
        deed: Calls the connector; gives its reports by task and record set, read with distrust.
        joined: One report out of those of two rounds.
        now: The clock.
    """
    tasks = {job.task_id: job.task for job in jobs}

    def call(
        connector: Connector, some: Sequence[_Order]
    ) -> dict[TaskId, Mapping[str, _Report | Unverifiable] | Never]:
        # Right before the deed, at each call: a process that was paused may wake here, long after others took over.
        at = now()
        late: dict[TaskId, Mapping[str, _Report | Unverifiable] | Never] = {
            one.task_id: LEASE_EXPIRED for one in some if expired(tasks[one.task_id], at)
        }
        live = [one for one in some if one.task_id not in late]
        return {**late, **deed(connector, live)} if live else late

    reports: dict[TaskId, Mapping[str, _Report | Unverifiable] | Never] = {}
    for some in rounds([job.subject for job in jobs]):
        # A task that failed in one round is not pursued: nothing of it is final any more.
        orders = [order(one) for one in some if isinstance(reports.get(one.task_id, {}), Mapping)]
        for task_id, one in session.ask(call, orders).items():
            reports[task_id] = _merged(reports.get(task_id), one, joined)
    return reports


def _merged(before: _Reports | None, one: _Reports, joined: Callable[[Any, Any], Any]) -> _Reports:
    if not isinstance(before, Mapping) or not isinstance(one, Mapping):
        return one
    return {name: _both(before[name], one[name], joined) for name in before}


def _both(one: Any, other: Any, joined: Callable[[Any, Any], Any]) -> Any:
    unsure = next((each for each in (one, other) if isinstance(each, Unverifiable)), None)
    return joined(one, other) if unsure is None else unsure
