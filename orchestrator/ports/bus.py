"""The bus: messages in, events out."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import Protocol

import msgspec


class Message(msgspec.Struct, frozen=True):
    """One message of a topic; it carries one event, or a batch of them (``schemas.batches``)."""

    topic: str
    partition: int
    offset: int
    value: bytes


class Outgoing(msgspec.Struct, frozen=True):
    """One event for a topic. ``event_id`` is what the sender tells it by; the bus never reads the body."""

    event_id: str
    topic: str
    body: bytes


class Sent(msgspec.Struct):
    """What became of events.

    Attributes:
        acknowledged: Ids that every replica in sync has.
        refused: Ids that no later try will bring through, and why: too large.
        waiting: Ids that a later try may bring through, and why: topic missing, broker away.
    """

    acknowledged: list[str] = []
    refused: dict[str, str] = {}
    waiting: dict[str, str] = {}


Handle = Callable[[Sequence[Message]], None]
"""Called on one thread at a time, with messages in the order of their partitions."""


class Consumer(Protocol):
    """Reads topics as a member of a group, at least once."""

    def run(self, handle: Handle, stop: threading.Event) -> None:
        """Read until ``stop`` is set; what is being handled then is finished first, and the group is left.

        Messages are acknowledged only after ``handle`` has returned. The positions of the store are the authority:
        reading begins there, wherever the group's committed offset is.

        Raises:
            Exception: whatever ``handle`` raised. Nothing of that call is acknowledged; the process ends, and
                another one reads the same messages again.
        """
        ...


class Producer(Protocol):
    """Publishes events."""

    def publish(self, events: Sequence[Outgoing]) -> Sent:
        """Publish, in batches; returns when every event is acknowledged or known not to be.

        It never raises for what one event or one topic is to blame for. An event may be published twice.

        Raises:
            MisconfiguredError: credentials or rights are wrong.
        """
        ...

    def close(self) -> None:
        """Release everything."""
        ...
