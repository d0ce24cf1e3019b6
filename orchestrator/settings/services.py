"""Settings of the services a distributed installation has. Secrets are named by environment variable, never written."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec


class RedisSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[redis]``: a cache that may be flushed at any moment (I10).

    Attributes:
        url: ``redis://host:port/db``, without a password; empty where there is no Redis.
        url_env: Environment variable with the whole URL; goes before ``url``.
        timeout_ms: How long one call may take before we go on without the cache.
    """

    url: str = ""
    url_env: str = ""
    timeout_ms: int = 500


class SuppressionSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[suppression]``: the API for producers of events (ADR 7). It listens on ``[telemetry] host`` and ``port``.

    Attributes:
        token_env: Environment variable with the bearer token that producers bring.
    """

    token_env: str = "EXPUNGE_SUPPRESSION_TOKEN"  # noqa: S105 - the name of a variable, not a token


RECORDS_LEAST: Final = 24
"""Months: what is asked of the shortest of the laws that a record is kept for (11 CCR §7101(a))."""


class LedgerSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[ledger]``: the log of all evidence (ADR 37).

    Attributes:
        origin: Its name, such as ``privacy.example.com/ledger``; empty: it is called by its first key. It keeps the
            name it began with.
        anchor: Folder outside of our control that every checkpoint is copied to; empty: none.
        records_kept_months: How long the evidence of a request is kept after the last thing that happened to it
            (ADR 45); 0: for ever.
    """

    origin: Annotated[str, msgspec.Meta(pattern=r"^[^\s+\x00-\x20\x7f]{0,200}$(?!\n)")] = ""
    anchor: str = ""
    records_kept_months: Annotated[int, msgspec.Meta(ge=0, le=1200)] = 0

    def __post_init__(self) -> None:
        """Refuse a period so short that the law is broken by it: 11 CCR §7101(a) has requests kept for two years."""
        if 0 < self.records_kept_months < RECORDS_LEAST:
            msg = f"records_kept_months: at least {RECORDS_LEAST}, or 0 to keep them for ever"
            raise ValueError(msg)


class TelemetrySettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``[telemetry]``.

    Attributes:
        log: ``json`` for machines, ``text`` for a terminal.
        level: What is written, and everything above.
        host: Where ``/livez``, ``/readyz`` and ``/metrics`` listen.
        port: The same; 0 switches them off.
        stall_seconds: ``/livez`` fails when the main loop did not go round for so long.
    """

    log: Literal["json", "text"] = "json"
    level: Literal["debug", "info", "warning", "error"] = "info"
    host: str = "127.0.0.1"
    port: int = 0
    stall_seconds: int = 60
