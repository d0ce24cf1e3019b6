"""Reads every topic to its end with a plain consumer, and groups what was published by the id of its event."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from kafka import KafkaConsumer, TopicPartition

from connectors.kafka.client import consumer_options
from schemas import batches, envelope
from schemas.codec import decode, decode_event
from schemas.published import Completion
from tests.support import bus


class Topic(msgspec.Struct):
    """What one topic holds.

    Attributes:
        messages: Of the broker.
        events: In them, repetitions too.
        bodies: Event id -> digests of the bytes it was published as.
        unreadable: Messages or events that are none.
    """

    messages: int = 0
    events: int = 0
    bodies: dict[str, set[bytes]] = {}
    unreadable: int = 0

    @property
    def repeated(self) -> int:
        """Publications beyond the first of each event."""
        return self.events - len(self.bodies)

    @property
    def in_other_words(self) -> list[str]:
        """Ids of events that were published with different bytes."""
        return sorted(one for one, bodies in self.bodies.items() if len(bodies) > 1)


class Wire(msgspec.Struct):
    """All topics, and the records that were published."""

    topics: dict[str, Topic] = {}
    completions: list[Completion] = []


def read(bootstrap: str, names: list[str], look: Callable[[bytes, str], None]) -> Wire:
    """Read everything. ``look`` is given every value, key and header as bytes, decompressed, with its topic."""
    wire = Wire()
    for name in names:
        one = wire.topics[name] = Topic()
        for message in _messages(bootstrap, name):
            one.messages += 1
            headers = b"".join(key.encode() + b"=" + (value or b"") for key, value in message.headers)
            look((message.value or b"") + b"\n" + (message.key or b"") + b"\n" + headers, f"topic {name}")
            for raw in batches.unpack(message.value or b""):
                one.events += 1
                _event(wire, one, raw)
    return wire


def _event(wire: Wire, one: Topic, raw: bytes | batches.Unreadable) -> None:
    if isinstance(raw, batches.Unreadable):
        one.unreadable += 1
        return
    event = decode_event(raw)
    one.bodies.setdefault(f"{event.source} {event.id}", set()).add(hashlib.sha256(raw).digest())
    if event.type == envelope.COMPLETION:
        wire.completions.append(decode(bytes(event.data), Completion))


def _messages(bootstrap: str, topic: str) -> Iterator[Any]:
    options = consumer_options(bus.settings(bootstrap), "unused") | {"group_id": None}
    consumer = KafkaConsumer(**options)
    try:
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        while any(consumer.position(place) < ends[place] for place in places):
            for many in consumer.poll(timeout_ms=500).values():
                yield from many
    finally:
        consumer.close()
