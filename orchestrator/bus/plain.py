"""The bus on plain kafka-python (ADR 6): a consumer that is the twin of Faust's, and the producer of both.

The consumer polls by hand. Whatever a rebalance or a restart made of the group's offset, it begins where the store
says; Kafka's committed offset is only a hint that follows (ADR 2).
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

from connectors.errors import UnavailableError
from connectors.kafka.client import consumer_options, friendly
from connectors.kafka.settings import KafkaSettings
from orchestrator.bus.offsets import Brokers
from orchestrator.ports import Handle, Message

Positions = Callable[[], Mapping[tuple[str, int], int]]
"""Asks the store for the next offset of each (topic, partition) that it has one of."""

POLL_MS: Final = 200
"""How long one poll waits for a message that is not there yet; a stop is noticed within it."""
MOST_MESSAGES: Final = 200
"""Most messages of one call of ``handle``; ``client.FETCH_BYTES`` bounds their size."""
COMMIT_EVERY: Final = 1.0
"""Seconds between two commits of offsets: they are hints, and each costs the broker a write."""


class PlainConsumer:
    """A member of a consumer group, on one thread."""

    def __init__(self, settings: KafkaSettings, group: str, topics: Sequence[str], positions: Positions) -> None:
        self._settings = settings
        self._group = group
        self._topics = topics
        self._positions = positions

    def run(self, handle: Handle, stop: threading.Event) -> None:
        """Read until stopped; see ``ports.Consumer``."""
        from connectors.kafka.member import Member  # lazy: it imports the library

        what = f"group {self._group}"
        with Brokers(self._settings) as brokers:  # a topic that is not there would be waited for in silence
            brokers.topic_ids(self._topics)
            brokers.joinable(self._group, faust=False)
        with friendly(what):
            consumer = Member(**consumer_options(self._settings, self._group))
        offsets = _Offsets(consumer)
        assigned = _Assigned()
        try:
            with friendly(what):
                consumer.subscribe(self._topics, listener=_listener(assigned))
            while not stop.is_set():
                with friendly(what):
                    records = consumer.poll(timeout_ms=POLL_MS, max_records=MOST_MESSAGES)
                if partitions := assigned.take():
                    begun = self._begin(consumer, partitions)
                    records = {tp: many for tp, many in records.items() if tp not in begun}
                if records:
                    handle([_message(one) for many in records.values() for one in many])
                    offsets.done(records)
            offsets.commit()
        finally:
            # A consumer that cannot say goodbye is missed after the session timeout.
            with contextlib.suppress(Exception):
                consumer.close(autocommit=False, timeout_ms=self._settings.session_timeout_ms)

    def _begin(self, consumer: Any, partitions: Iterable[Any]) -> set[Any]:
        """Go to where the store is; gives the partitions whose fetched messages are not the ones to handle next."""
        wanted = self._positions()
        begun = set()
        for tp in set(partitions) & consumer.assignment():
            if (offset := wanted.get((tp.topic, tp.partition))) is not None:
                consumer.seek(tp, offset)
                begun.add(tp)
        return begun


def _message(record: Any) -> Message:
    return Message(record.topic, record.partition, record.offset, record.value or b"")


class _Assigned:
    """Partitions that were assigned and not begun yet; filled by the client's own thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._new: set[Any] = set()

    def add(self, partitions: Iterable[Any]) -> None:
        with self._lock:
            self._new.update(partitions)

    def drop(self, partitions: Iterable[Any]) -> None:
        with self._lock:
            self._new.difference_update(partitions)

    def take(self) -> set[Any]:
        with self._lock:
            new, self._new = self._new, set()
            return new


def _listener(assigned: _Assigned) -> Any:
    from kafka import ConsumerRebalanceListener

    class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
        """Runs on the client's own thread, which must not wait: it only notes what happened."""

        def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
            assigned.drop(revoked)

        def on_partitions_assigned(self, assigned_now: Iterable[Any]) -> None:
            assigned.add(assigned_now)

    return Listener()


class _Offsets:
    """What was handled, committed now and then. A commit that fails is not missed: the store knows better."""

    def __init__(self, consumer: Any) -> None:
        self._consumer = consumer
        self._done: dict[Any, int] = {}
        self._next = 0.0

    def done(self, records: Mapping[Any, Sequence[Any]]) -> None:
        self._done.update((tp, many[-1].offset + 1) for tp, many in records.items())
        if (now := time.monotonic()) >= self._next:
            self._next = now + COMMIT_EVERY
            self.commit(wait=False)

    def commit(self, *, wait: bool = True) -> None:
        from kafka.errors import KafkaError
        from kafka.structs import OffsetAndMetadata

        held = self._consumer.assignment()
        offsets = {tp: OffsetAndMetadata(offset, "", -1) for tp, offset in self._done.items() if tp in held}
        self._done.clear()
        if not offsets:
            return
        with contextlib.suppress(KafkaError, UnavailableError):
            if wait:
                self._consumer.commit(offsets, timeout_ms=5_000)
            else:
                self._consumer.commit_async(offsets)
