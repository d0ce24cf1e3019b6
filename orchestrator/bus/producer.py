"""Publishes events, many to a message (ADR 23), and tells what became of each.

The partition is chosen here and passed on: what the library would choose by, a hash in pure Python, takes longer than
the rest of sending. Which one it is does not matter, since nothing relies on the order in a topic (decision 3).
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from connectors.errors import ConnectorError, UnavailableError
from connectors.kafka.client import TooLargeError, friendly, producer_options
from connectors.kafka.settings import KafkaSettings
from orchestrator.ports import Outgoing, Sent
from schemas import batches

TOO_LARGE: Final = "message_too_large"
_ANY: Final = 1 << 30
_LOOK_MS: Final = 2_000
"""How long a topic that cannot be seen is looked for; then its events wait and the others go on."""
_LOOK_AGAIN: Final = 10.0
"""Seconds until a topic that could not be seen is looked for again."""


class _Flight(msgspec.Struct):
    """One message on its way, or why it did not leave."""

    events: Sequence[Outgoing]
    future: Any = None
    error: ConnectorError | None = None


class KafkaProducer:
    """An idempotent producer, for one thread at a time."""

    def __init__(self, settings: KafkaSettings) -> None:
        self._settings = settings
        self._producer = self._open()
        self._timeout = settings.request_timeout_ms / 1000 + 2
        self._spent = False
        self._turn: dict[str, int] = {}
        self._unseen: dict[str, tuple[float, UnavailableError]] = {}

    def publish(self, events: Sequence[Outgoing]) -> Sent:
        """Publish; see ``ports.Producer``."""
        by_topic: dict[str, list[Outgoing]] = {}
        for one in events:
            by_topic.setdefault(one.topic, []).append(one)
        sent = Sent()
        messages = [(topic, some) for topic, all_of_it in by_topic.items() for some in _cut(all_of_it)]
        suspects = [one for flight in self._fly(messages) for one in _landed(flight, sent)]
        for one in suspects:
            # The broker takes less than we thought. Alone, so that the one that is too large takes nobody with it.
            for flight in self._fly([(one.topic, [one])]):
                sent.refused |= {found.event_id: TOO_LARGE for found in _landed(flight, sent)}
        return sent

    def close(self) -> None:
        """Release everything."""
        self._producer.close(timeout=self._timeout)

    def _open(self) -> Any:
        import kafka

        with friendly():
            return kafka.KafkaProducer(**producer_options(self._settings) | {"max_block_ms": _LOOK_MS})

    def _renew(self) -> None:
        """Open a new client where the old one is spent: a refused message is fatal to an idempotent producer."""
        if self._spent:
            self._producer.close(timeout=0)
            self._producer = self._open()
            self._spent = False

    def _fly(self, messages: Sequence[tuple[str, Sequence[Outgoing]]]) -> list[_Flight]:
        """Send messages and wait until it is known what became of each."""
        try:
            self._renew()
        except ConnectorError as error:
            return [_Flight(some, error=error) for _, some in messages]
        flights = [self._start(topic, some) for topic, some in messages]
        if flights:
            with contextlib.suppress(UnavailableError), friendly():
                self._producer.flush(timeout=self._timeout)
        for one in flights:
            if one.future is not None:
                one.error = _outcome(one)
                # What the broker refuses, or has not acknowledged in time, may leave the client unusable.
                self._spent = self._spent or one.error is not None
        return flights

    def _start(self, topic: str, events: Sequence[Outgoing]) -> _Flight:
        try:
            partitions = self._partitions(topic)
            turn = self._turn[topic] = self._turn.get(topic, -1) + 1
            (value,) = batches.pack([one.body for one in events], size=_ANY)
            headers = [("content-type", batches.content_type(value).encode())]
            with friendly(f"topic {topic}"):
                place = partitions[turn % len(partitions)]
                return _Flight(events, self._producer.send(topic, value, headers=headers, partition=place))
        except ConnectorError as error:
            return _Flight(events, error=error)

    def _partitions(self, topic: str) -> list[int]:
        """Give the partitions of a topic.

        Raises:
            UnavailableError: it cannot be seen: it is not there, or no broker answers.
        """
        until, before = self._unseen.get(topic, (0.0, None))
        if before is not None and time.monotonic() < until:
            raise before
        try:
            with friendly(f"topic {topic}"):
                found = sorted(self._producer.partitions_for(topic))
        except UnavailableError as error:
            self._unseen[topic] = (time.monotonic() + _LOOK_AGAIN, error)
            raise
        self._unseen.pop(topic, None)
        return found


def _cut(events: Sequence[Outgoing]) -> Iterator[Sequence[Outgoing]]:
    """Cut into what one message carries: at most 100 events and 512 KiB, but always one."""
    start = size = 0
    for place, one in enumerate(events):
        if place > start and (place - start >= batches.MAX_EVENTS or size + len(one.body) > batches.MAX_BYTES):
            yield events[start:place]
            start, size = place, 0
        size += len(one.body) + 1
    if start < len(events):
        yield events[start:]


def _outcome(flight: _Flight) -> ConnectorError | None:
    if not flight.future.is_done:
        return UnavailableError("kafka", f"topic {flight.events[0].topic} did not acknowledge")
    try:
        with friendly(f"topic {flight.events[0].topic}"):
            if flight.future.exception is not None:
                raise flight.future.exception
    except ConnectorError as error:
        return error
    return None


def _landed(flight: _Flight, sent: Sent) -> Sequence[Outgoing]:
    """Note what became of a message; gives its events if it was too large."""
    if flight.error is None:
        sent.acknowledged += [one.event_id for one in flight.events]
    elif isinstance(flight.error, TooLargeError):
        return flight.events
    else:
        sent.waiting |= {one.event_id: str(flight.error) for one in flight.events}
    return ()
