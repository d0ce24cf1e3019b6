"""What the engine writes to the store, and reads from it."""

from __future__ import annotations

from typing import Final

import msgspec

INTAKE_SOURCE: Final = "/intake"
"""CloudEvents source of what intake journals."""
TOO_EARLY: Final = "too_early"
"""Why an authentic answer is parked: what it belongs to is not known yet."""


class JournalRow(msgspec.Struct):
    """One event as the journal keeps it. ``wire`` waits to be applied; ``body`` was."""

    source: str
    event_id: str
    request_id: str
    type: str
    observed_at: str
    payload_hash: bytes
    body: bytes | None
    wire: bytes | None
    verdict: str
    seq: int = 0


class OutboxRow(msgspec.Struct):
    """One task that waits for its confirmation."""

    task_id: str
    request_id: str
    system: str
    due_on: str
    lease_minutes: int
    body: bytes


class HoldRow(msgspec.Struct):
    """A legal hold as the registry keeps it. ``scope``: with a space between; ``by_person``: 1 or 0."""

    hold_id: str
    reason: str
    text: str
    owner: str
    review_by: str
    placed_at: str
    scope: str
    anchor_from: str | None
    anchor_to: str | None
    by_person: int
    released_at: str | None = None
    released_by: str | None = None


class Position(msgspec.Struct, frozen=True):
    """Up to where one partition was consumed: ``next_offset`` is the first one that was not.

    ``topic_id`` is the broker's own id of the topic; one that was made anew under the same name has another.
    """

    topic: str
    partition: int
    next_offset: int
    topic_id: str = ""


class ParkedRow(msgspec.Struct):
    """An event that cannot be applied yet; it is tried again at ``retry_at``, and given up at ``until`` (None: never).

    ``sealed``: the original bytes, sealed with the store's key to ``request_id``.
    """

    event_id: str
    source: str
    payload_hash: bytes
    request_id: str
    type: str
    reason: str
    parked_at: str
    tries: int
    retry_at: str
    until: str | None
    sealed: bytes


class Released(msgspec.Struct, frozen=True):
    """A task that may be published: ``body`` is the event to the byte, however often it is."""

    task_id: str
    request_id: str
    system: str
    body: bytes


class Publication(msgspec.Struct, frozen=True):
    """A record, notice or dead letter that has to go out. ``body`` is the event to the byte, however often it is."""

    publication_id: str
    topic: str
    request_id: str
    body: bytes
