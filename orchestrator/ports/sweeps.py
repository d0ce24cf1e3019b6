"""Where each sweep of a record set is, as a part of every transaction (ADR 36)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import msgspec


class SweepRow(msgspec.Struct):
    """The sweep of one record set: the one that runs, or the last.

    Attributes:
        run: Counts the sweeps of this record set. ``state``: ``requested``, ``running``, ``done`` or ``stopped``.
        reason: Why it stopped, or why it waits; a code.
        up_to: Last anchor date that is past, of the day it began; empty: not begun.
        started_at, finished_at, issued_at, next_at: RFC 3339; ``issued_at`` of the page that is out, ``next_at``: when
            the next one may be asked for.
        task_id: The page that is out; empty: none. ``failures``: in a row.
        scanned, past, undated, unclear: Records (``schemas.tasks.Page``).
        opened, known: Requests that were opened; and what was found of which one lives already.
        cursor: Where the next page begins, sealed with the system's key.
    """

    system: str
    record_set: str
    run: int = 1
    state: str = "requested"
    reason: str = ""
    up_to: str = ""
    started_at: str = ""
    finished_at: str = ""
    issued_at: str = ""
    next_at: str = ""
    task_id: str = ""
    failures: int = 0
    pages: int = 0
    scanned: int = 0
    past: int = 0
    undated: int = 0
    unclear: int = 0
    opened: int = 0
    known: int = 0
    cursor: str = ""

    @property
    def sweep_id(self) -> str:
        """Names the sweep where a task names its request."""
        return f"sweep.{self.system}.{self.run}"


class SweepBook(Protocol):
    """The sweeps, one row a record set."""

    def sweeps(self) -> list[SweepRow]:
        """Give all of them; in a write transaction nobody else changes them meanwhile."""
        ...

    def save_sweeps(self, rows: Sequence[SweepRow]) -> None:
        """Insert or replace."""
        ...
