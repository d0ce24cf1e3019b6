"""The lease of an order that changes or erases: after it, another worker may have the same order (decision 4)."""

from __future__ import annotations

import datetime as dt
from typing import Final

from schemas.outcomes import Failed, FailureKind
from schemas.requests import parse_time
from schemas.tasks import Task

LEASE_EXPIRED: Final = Failed(FailureKind.TRANSIENT, "lease_expired")


def expired(task: Task, at: dt.datetime) -> bool:
    """Tell whether the lease of a task is over.

    Raises:
        SchemaError: its ``not_after`` is no time.
    """
    return task.not_after is not None and parse_time(task.not_after, where="not_after") < at
