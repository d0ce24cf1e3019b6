"""The end of a topic, read by whoever wants to know: no group is joined, nothing is committed or stored."""

from __future__ import annotations

import datetime as dt
import time
from typing import Any, Final

from connectors.errors import MisconfiguredError, UnavailableError
from connectors.kafka.client import consumer_options, friendly
from connectors.kafka.settings import KafkaSettings

_PATIENCE: Final = 15.0
"""Seconds without anything new after which it is given up."""


def tail(settings: KafkaSettings, topic: str, start: dt.datetime) -> list[Any]:
    """Give every message of a topic since a moment, by the time that stands in the topic, in its order.

    Raises:
        UnavailableError: no broker answers. MisconfiguredError: we are not let in, or there is no such topic.
    """
    import kafka

    with friendly(f"topic {topic}"):
        consumer = kafka.KafkaConsumer(**consumer_options(settings, "unused") | {"group_id": None})
        try:
            records = _since(consumer, topic, start)
        finally:
            consumer.close(autocommit=False)
    return sorted(records, key=lambda one: (one.timestamp, one.partition, one.offset))


def at(record: Any) -> dt.datetime:
    """Give the time that the topic gives a message."""
    return dt.datetime.fromtimestamp(record.timestamp / 1000, dt.UTC)


def _since(consumer: Any, topic: str, start: dt.datetime) -> list[Any]:
    from kafka import TopicPartition

    places = [TopicPartition(topic, one) for one in consumer.partitions_for_topic(topic) or ()]
    if not places:
        raise MisconfiguredError("kafka", f"[kafka] there is no topic {topic}", fix="run `expunge kafka apply`")
    consumer.assign(places)
    ends = consumer.end_offsets(places)
    starts = consumer.offsets_for_times(dict.fromkeys(places, int(start.timestamp() * 1000)))
    for place in places:
        found = starts.get(place)
        consumer.seek(place, found.offset if found is not None else ends[place])
    records: list[Any] = []
    until = time.monotonic() + _PATIENCE
    while any(consumer.position(place) < ends[place] for place in places):
        if time.monotonic() > until:
            raise UnavailableError("kafka", f"topic {topic} cannot be read", fix="see that all brokers are up")
        for many in consumer.poll(timeout_ms=500).values():
            records += many
            until = time.monotonic() + _PATIENCE
    return records
