"""What a program says about itself: a closed list of events, metrics and labels, and the port it speaks through.

One file for all of them (getsentry/arroyo's idea), and in this house because workers speak too. A program is given a
``Signals`` and calls it; who listens (log lines, Prometheus, probes) is ``orchestrator/telemetry``'s business. Without
one it is given ``SILENT``. A signal never raises, and nothing that is not declared here can be said: what would lead to
a person has no field to stand in (I4).
"""

from __future__ import annotations

from typing import Final, Literal, Protocol

import msgspec

# --- events of the log -----------------------------------------------------------------------------------

Event = Literal[
    "process.started",
    "process.ready",
    "process.not_ready",
    "process.stopping",
    "process.stopped",
    "process.failed",
    "health.listening",
    "library.message",
    "signal.refused",
    "batch.applied",
    "batch.failed",
    "event.buried",
    "event.redriven",
    "request.closed",
    "attention.called",
    "timers.fired",
    "tasks.released",
    "tasks.received",
    "tasks.carried_out",
    "tasks.answered",
    "task.refused",
    "task.expired",
    "relay.published",
    "relay.failed",
    "relay.quarantined",
    "recovery.reading",
    "recovery.read",
    "bus.connected",
    "bus.disconnected",
    "bus.assigned",
    "bus.revoked",
    "bus.paused",
    "bus.resumed",
    "bus.behind",
    "store.unreachable",
    "store.reachable",
    "store.behind",
    "system.unreachable",
    "system.misfits",
    "system.heartbeat",
    "system.silent",
    "key.unknown",
    "key.loaded",
    "evidence.retired",
    "ledger.grown",
    "ledger.refused",
    "ledger.resumed",
    "ledger.mailed",
    "link.download",
    "link.refused",
    "link.failed",
    "ledger.not_mailed",
    "rate.waited",
    "rate.degraded",
    "cache.unreachable",
    "cache.reachable",
    "cache.incomplete",
    "cache.rebuilt",
    "suppression.answered",
    "suppression.refused",
    "swept",
]
"""Every event that may be logged. A test holds the code against this list."""

Level = Literal["debug", "info", "warning", "error"]
LEVELS: Final[dict[Event, Level]] = {
    "process.not_ready": "warning",
    "process.failed": "error",
    "signal.refused": "error",
    "batch.applied": "debug",
    "batch.failed": "error",
    "event.buried": "warning",
    "request.closed": "debug",
    "attention.called": "warning",
    "timers.fired": "debug",
    "tasks.released": "debug",
    "tasks.received": "debug",
    "tasks.carried_out": "debug",
    "tasks.answered": "debug",
    "task.refused": "warning",
    "task.expired": "warning",
    "relay.published": "debug",
    "relay.failed": "warning",
    "relay.quarantined": "error",
    "bus.disconnected": "warning",
    "bus.paused": "debug",
    "bus.resumed": "debug",
    "bus.behind": "warning",
    "store.unreachable": "error",
    "store.behind": "error",
    "system.unreachable": "warning",
    "system.misfits": "error",
    "system.heartbeat": "debug",
    "system.silent": "warning",
    "key.unknown": "error",
    "ledger.grown": "debug",
    "ledger.refused": "error",
    "ledger.not_mailed": "warning",
    "link.failed": "error",
    "rate.waited": "debug",
    "rate.degraded": "warning",
    "cache.unreachable": "warning",
    "cache.incomplete": "warning",
    "suppression.answered": "debug",
    "suppression.refused": "warning",
}
"""``info`` where nothing stands."""

Kind = Literal["number", "error", "id", "version"]
FIELDS: Final[dict[str, Kind]] = {
    "request_id": "id",
    "task_id": "id",
    "kid": "id",
    "event_id": "id",
    "error": "error",
    "seconds": "number",
    "count": "number",
    "events": "number",
    "applied": "number",
    "ignored": "number",
    "buried": "number",
    "tasks": "number",
    "bytes": "number",
    "partition": "number",
    "partitions": "number",
    "offset": "number",
    "position": "number",
    "lag": "number",
    "attempt": "number",
    "port": "number",
    "exit_code": "number",
    "erased": "number",
    "unknown": "number",
    "dropped": "number",
    "version": "version",
}
"""What else an event may carry, beside the labels below: field -> what is let through, and in which form."""

# --- labels ----------------------------------------------------------------------------------------------

Label = Literal[
    "system", "topic", "right", "phase", "result", "reason", "action", "verdict", "what", "state", "part", "process",
    "answer", "library",
]  # fmt: skip
OPEN: Final = "*"
"""Values come from the configuration: the ids of the connected systems, and the topics made from them."""
LABELS: Final[dict[Label, tuple[str, ...]]] = {
    "system": (OPEN, "_package"),
    "topic": (
        OPEN,
        "expunge.requests", "expunge.confirmations", "expunge.completions", "expunge.notices", "expunge.dead-letters",
        "expunge.heartbeats",
    ),
    "right": (
        "access",
        "erasure",
        "portability",
        "rectification",
        "restriction",
        "objection",
        "withdrawal_of_consent",
        "complaint",
        "safeguard_copy",
    ),
    "phase": ("received", "verifying", "discovering", "deciding", "acting", "reviewing", "answering", "closed"),
    "result": (
        "fulfilled", "partly_fulfilled", "nothing_held", "unidentifiable", "withdrawn", "refused",
        "identity_not_established", "lapsed", "not_subject",
    ),
    "reason": (
        "survived", "unverifiable", "misconfigured", "failed", "keeps_failing", "contradictory_answer",
        "contradictory_request", "unpublishable",
        "unusable_answer", "internal_error", "system_silent", "package_silent", "deadline_near", "system_gone",
        "unknown_system", "too_many_rounds", "too_many_identifiers", "shared_identifier", "max_records", "not_final",
        "kept_without_date", "retention_without_date", "retention_without_end", "text_repealed",
        "text_not_yet_in_force", "unknown_text", "unknown_rule", "rule_undecided", "rule_exceeded", "approval_needed",
        "review_due", "came_back", "third_parties",
        "identity_unverified", "identity_doubted", "document_held", "requester_unproven", "proof_ended",
        "data_of_the_dead", "cannot_be_found", "further_copy", "fee_open", "extension_notice_near",
        "manual_task", "objection_to_balance", "recipient_to_ask", "recipient_silent", "record_corrected",
        "unknown_field", "unknown_purpose", "unknown_record_set",
        # why a task or an event was refused
        "unreadable", "unknown_type", "wrong_key", "wrong_sender", "expired", "moved", "forged", "too_large",
        "no_code", "wrong_code", "code_dead", "ended", "unknown",
        "contradictory", "id_taken", "unknown_request", "impossible", "unknown_key", "too_early",
    ),
    "action": ("locate", "erase", "export", "rectify", "restrict", "lift", "stop", "sweep"),
    "verdict": ("applied", "ignored", "duplicate", "parked", "buried"),
    "what": ("received", "waiting", "requests", "confirmations", "timers", "release", "publish", "tasks"),
    "state": ("unreleased", "released", "quarantined", "open", "overdue", "at_risk"),
    "part": ("store", "migrations", "broker", "keys", "system", "loop", "cache"),
    "process": ("run", "orchestrate", "connect", "suppression", "link"),
    "answer": ("erased", "not_erased", "unknown"),
    "library": (
        "kafka", "faust", "mode", "aiokafka", "aiokafka_faust", "sqlalchemy", "alembic", "psycopg", "redis", "limits",
        "asyncio", "urllib3", "concurrent", "py", "connectors",
    ),
}  # fmt: skip
"""Every value a label may have; others count as ``other``. A test holds them against the code they come from."""
OTHER: Final = "other"
_WHY: Final = {
    "ForgedTask": "forged",
    "SealError": "forged",
    "RetiredKeyError": "wrong_key",
    "AnotherSystem": "moved",
    "ReservedSource": "wrong_sender",
    "UnexpectedType": "unknown_type",
    "MalformedMessageError": "unreadable",
    "UnknownFieldError": "unreadable",
    "not_an_object": "unreadable",
    "batch_malformed": "unreadable",
    "IncidentError": "contradictory",
    "RequestIdTaken": "id_taken",
    "UnknownRequest": "unknown_request",
    "IllegalTransitionError": "impossible",
    "UsageError": "unknown_system",
    "Unpublishable": "unpublishable",
}


def why(error: str) -> str:
    """Give the ``reason`` under which a dead letter is spoken of; ``error`` is what stands in the letter."""
    return _WHY.get(error.partition(":")[0], "internal_error")


# --- metrics ---------------------------------------------------------------------------------------------

Counter = Literal[
    "expunge_events_total",
    "expunge_requests_closed_total",
    "expunge_attention_called_total",
    "expunge_tasks_released_total",
    "expunge_tasks_answered_total",
    "expunge_tasks_received_total",
    "expunge_tasks_refused_total",
    "expunge_events_published_total",
    "expunge_publish_failures_total",
    "expunge_store_failures_total",
    "expunge_rate_waits_total",
    "expunge_rate_degraded_total",
    "expunge_suppression_answers_total",
    "expunge_cache_failures_total",
    "expunge_signals_refused_total",
]
Histogram = Literal["expunge_batch_seconds", "expunge_task_seconds"]
Gauge = Literal[
    "expunge_requests",
    "expunge_tasks_open",
    "expunge_oldest_open_seconds",
    "expunge_dead_letters",
    "expunge_deadlines",
    "expunge_attention",
    "expunge_outbox",
    "expunge_oldest_unpublished_seconds",
    "expunge_consumer_lag",
    "expunge_last_heartbeat_timestamp_seconds",
    "expunge_up",
    "expunge_store_readable",
    "expunge_cache_complete",
    "expunge_leaves_waiting",
    "expunge_oldest_leaf_seconds",
    "expunge_oldest_checkpoint_mail_seconds",
]
Name = Counter | Histogram | Gauge


class Metric(msgspec.Struct, frozen=True):
    """What a metric counts, and by which labels."""

    help: str
    labels: tuple[Label, ...] = ()


METRICS: Final[dict[Name, Metric]] = {
    "expunge_events_total": Metric("Events by what became of them.", ("what", "verdict")),
    "expunge_requests_closed_total": Metric("Requests closed by this process.", ("right", "result")),
    "expunge_attention_called_total": Metric("Times a person was called to a request.", ("reason",)),
    "expunge_tasks_released_total": Metric("Tasks given out.", ("system", "action")),
    "expunge_tasks_answered_total": Metric("Answers of systems that counted.", ("system",)),
    "expunge_tasks_received_total": Metric("Tasks that a worker took up.", ("system", "action")),
    "expunge_tasks_refused_total": Metric("Tasks that a worker refused.", ("system", "reason")),
    "expunge_events_published_total": Metric("Events that the broker acknowledged.", ("topic",)),
    "expunge_publish_failures_total": Metric("Attempts to publish that failed.", ("topic",)),
    "expunge_store_failures_total": Metric("Transactions of the store that failed.", ("what",)),
    "expunge_rate_waits_total": Metric("Times a system's rate limit made a worker wait.", ("system",)),
    "expunge_rate_degraded_total": Metric("Times the shared limit was away and the local one counted.", ("system",)),
    "expunge_suppression_answers_total": Metric("Answers of the suppression API.", ("answer",)),
    "expunge_cache_failures_total": Metric("Calls of the cache that failed.", ()),
    "expunge_signals_refused_total": Metric("Signals with a name or field that is not declared.", ()),
    "expunge_batch_seconds": Metric("Time of one batch, its transaction included.", ("what",)),
    "expunge_task_seconds": Metric("Time of one call of a connector.", ("system", "action")),
    "expunge_requests": Metric("Requests in the store.", ("right", "phase", "result")),
    "expunge_tasks_open": Metric("Tasks that no answer counted for yet.", ("system",)),
    "expunge_oldest_open_seconds": Metric("Age of the oldest request that has a task open.", ("system",)),
    "expunge_dead_letters": Metric("Events that could not be applied and wait for somebody.", ()),
    "expunge_deadlines": Metric("Open requests whose answer is due within 7 days, or overdue.", ("state",)),
    "expunge_attention": Metric("Open requests that need a person.", ("reason",)),
    "expunge_outbox": Metric("Tasks in the outbox.", ("state",)),
    "expunge_oldest_unpublished_seconds": Metric("Age of the oldest event that was released and not acknowledged.", ()),
    "expunge_consumer_lag": Metric("Messages behind the end of the topic.", ("topic",)),
    "expunge_last_heartbeat_timestamp_seconds": Metric("When a system's worker was last heard of.", ("system",)),
    "expunge_up": Metric("1 while the part is ready.", ("part",)),
    "expunge_store_readable": Metric("1 if the figures of the store could be read at this scrape.", ()),
    "expunge_cache_complete": Metric("1 if the suppression cache is complete.", ()),
    "expunge_leaves_waiting": Metric("Facts that wait for their number in the ledger.", ()),
    "expunge_oldest_leaf_seconds": Metric("Age of the oldest fact that waits for its number in the ledger.", ()),
    "expunge_oldest_checkpoint_mail_seconds": Metric(
        "For how long no mail server takes the checkpoint that is due.", ()
    ),
}
BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Seconds."""

# --- the port --------------------------------------------------------------------------------------------

Part = Literal["store", "migrations", "broker", "keys", "system", "loop", "cache"]
"""What has to be there before a process is ready."""
Value = str | int | float | bool | BaseException | type[BaseException] | None


class Signals(Protocol):
    """How a program speaks. No method raises or blocks; all may be called from any thread."""

    def log(self, event: Event, /, **fields: Value) -> None:
        """Log an event. Fields that are not declared are dropped, values of another form hidden.

        An exception as ``error`` becomes the name of its class; its message is never written.
        """
        ...

    def count(self, name: Counter, amount: float = 1, /, **labels: str) -> None:
        """Add to a counter."""
        ...

    def observe(self, name: Histogram, seconds: float, /, **labels: str) -> None:
        """Add a duration to a histogram."""
        ...

    def gauge(self, name: Gauge, value: float, /, **labels: str) -> None:
        """Set a gauge."""
        ...

    def alive(self) -> None:
        """Say that the main loop went round. Not called for too long, the process is told to be dead."""
        ...

    def ready(self, part: Part, ok: bool, /) -> None:
        """Say whether a part that the process needs is there."""
        ...


class Silent:
    """Says nothing."""

    def log(self, event: Event, /, **fields: Value) -> None: ...

    def count(self, name: Counter, amount: float = 1, /, **labels: str) -> None: ...

    def observe(self, name: Histogram, seconds: float, /, **labels: str) -> None: ...

    def gauge(self, name: Gauge, value: float, /, **labels: str) -> None: ...

    def alive(self) -> None: ...

    def ready(self, part: Part, ok: bool, /) -> None: ...


SILENT: Final[Signals] = Silent()
