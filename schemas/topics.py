"""Topics as data: names, keys, retention (architecture.md section 6, formats.md 5).

The embedded runtime has no broker; its outbox carries the same events to the same addresses, so the table is
true for both runtimes.
"""

from __future__ import annotations

import datetime as dt
import re
from typing import Final, Literal

import msgspec

from schemas.errors import SchemaError
from schemas.fields import ID_PATTERN

_ID = re.compile(ID_PATTERN)
WEEK: Final = dt.timedelta(days=7)


class Topic(msgspec.Struct, frozen=True):
    """One topic. Every record key is the request id; retention is deletion by age, never compaction.

    ``also``: what else it carries; whoever reads it goes by the type of each event.
    """

    name: str
    producer: Literal["intake", "orchestrator", "connector"]
    carries: str
    key: Literal["request_id"] = "request_id"
    cleanup_policy: Literal["delete"] = "delete"
    retention: dt.timedelta = WEEK
    segment: dt.timedelta = dt.timedelta(hours=24)
    also: tuple[str, ...] = ()


REQUESTS: Final = Topic("expunge.requests", "intake", "request-received.v1")
CONFIRMATIONS: Final = Topic("expunge.confirmations", "connector", "confirmation.v1")
COMPLETIONS: Final = Topic("expunge.completions", "orchestrator", "completion.v1")
NOTICES: Final = Topic("expunge.notices", "orchestrator", "notice.v1", also=("incident.v1",))
DEAD_LETTERS: Final = Topic("expunge.dead-letters", "orchestrator", "dead-letter.v1")
HEARTBEATS: Final = Topic("expunge.heartbeats", "connector", "heartbeat.v1")

FIXED: Final = (REQUESTS, CONFIRMATIONS, COMPLETIONS, NOTICES, DEAD_LETTERS, HEARTBEATS)


def tasks_of(system: str) -> Topic:
    """Give the task topic of one system; only that system's principal reads it.

    Raises:
        SchemaError: rule ``topic.name``; Kafka allows letters, digits, dot, dash, underscore.
    """
    if not _ID.match(system):
        fix = "letters, digits, dot, dash, underscore; at most 64"
        raise SchemaError("topic.name", "not the id of a system", where="system", fix=fix)
    return Topic(f"expunge.tasks.{system}", "orchestrator", "task.v1")
