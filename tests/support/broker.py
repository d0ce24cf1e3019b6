"""What tests do on a real broker that is not ours alone: topics that are there, and one request among others."""

from __future__ import annotations

import time

from kafka import KafkaProducer

from connectors.kafka.client import consumer_options, producer_options
from connectors.kafka.member import Member
from connectors.kafka.settings import KafkaSettings
from orchestrator.bus.admin import connected
from orchestrator.bus.drift import differences
from orchestrator.bus.topology import wanted
from schemas import batches
from schemas.codec import decode_event
from schemas.envelope import CloudEvent
from schemas.topics import COMPLETIONS


def make_topics(bootstrap: str) -> KafkaSettings:
    """Make the topics as `expunge kafka apply` does; gives the settings."""
    settings = KafkaSettings((bootstrap,), partitions=3, acls=False)
    topology = wanted(settings, {})
    with connected(settings) as admin:
        found = differences(topology, admin.look(topology))
        missing = [one for one in found if one.kind == "topic-missing"]
        assert admin.apply(missing, topology) == {}
    return settings


def find_event(settings: KafkaSettings, topic: str, request_id: str) -> tuple[CloudEvent, bytes, str, dict[str, bytes]]:
    """Wait for the event of one request; gives it with its bytes, the message's key and headers."""
    options = consumer_options(settings, f"test.{request_id}")
    consumer = Member(topic, **options)
    try:
        until = time.monotonic() + 40
        while time.monotonic() < until:
            for one in [one for many in consumer.poll(timeout_ms=500).values() for one in many]:
                if one.key == request_id.encode():
                    return decode_event(one.value), one.value, one.key.decode(), dict(one.headers)
    finally:
        consumer.close(autocommit=False)
    raise AssertionError(f"no event of {request_id}")


def publish_completion(settings: KafkaSettings, *events: bytes) -> None:
    """Publish as the orchestrator does: a batch in one message."""
    producer = KafkaProducer(**producer_options(settings))
    (value,) = batches.pack(events)
    producer.send(COMPLETIONS.name, value).get(timeout=20)
    producer.close()
