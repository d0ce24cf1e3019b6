"""Incidents, as a part of every transaction (ADR 34)."""

from __future__ import annotations

from typing import Protocol

import msgspec


class IncidentRow(msgspec.Struct):
    """One incident. ``body``: JSON.

    Attributes:
        tell_at: When its owner hears of it next; None: never again.
        told: How often they did.
        announced: The last version that others were told as an event.
    """

    incident_id: str
    version: int
    detected_at: str
    tell_at: str | None
    told: int
    announced: int
    closed_at: str | None
    body: bytes


class IncidentRegistry(Protocol):
    """Incidents by their id."""

    def save_incident(self, row: IncidentRow) -> None:
        """Insert or replace one that this transaction has read with ``incident``, or made."""
        ...

    def incident(self, incident_id: str) -> IncidentRow | None:
        """Give one; in a write transaction nobody else changes it until that ends."""
        ...

    def incidents(self) -> list[IncidentRow]:
        """Give all, the open ones first, the latest of them first."""
        ...

    def due_incidents(self, now: str, limit: int) -> list[IncidentRow]:
        """Give those whose owner is to hear of them now; none that another transaction works on."""
        ...
