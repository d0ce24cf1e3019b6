"""The end of evidence in the store (ADR 45)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class RetiredBook(Protocol):
    """What a transaction knows of requests whose evidence is, or may be, deleted."""

    def retirable(self, until: str, after: str, limit: int) -> list[str]:
        """Give ids after ``after`` of closed requests without a timer, received on the day ``until`` or before."""
        ...

    def last_noted(self, request_ids: Sequence[str]) -> dict[str, str]:
        """Give when the last event of each of these requests was noted, or its last leaf."""
        ...

    def in_use(self, request_ids: Sequence[str]) -> set[str]:
        """Give those of these requests that something hangs on: work, an event, a message, a fact without a number."""
        ...

    def retire(self, request_ids: Sequence[str], at: str) -> None:
        """Delete everything of these requests but their leaves, which say when, and that their ids are taken."""
        ...

    def retired(self, request_ids: Sequence[str]) -> dict[str, str]:
        """Give when the evidence of each of these requests was deleted, of those of which it was."""
        ...
