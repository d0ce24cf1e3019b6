"""What the producer promises, on a real Kafka."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.bus.offsets import Brokers
from orchestrator.bus.producer import TOO_LARGE, KafkaProducer
from orchestrator.errors import DependencyError
from orchestrator.ports import Outgoing
from schemas import batches
from tests.support import bus


@pytest.fixture
def topic(kafka: str) -> Iterator[str]:
    name = bus.unique("tasks")
    bus.create(kafka, {name: 3})
    yield name
    bus.delete(kafka, [name])


@pytest.fixture
def producer(kafka: str) -> Iterator[KafkaProducer]:
    one = KafkaProducer(bus.settings(kafka))
    yield one
    one.close()


def outgoing(topic: str, count: int, size: int = 20) -> list[Outgoing]:
    return [Outgoing(f"e{n}", topic, b'{"n":"%s"}' % f"{n}".encode().ljust(size)) for n in range(count)]


def events(kafka: str, topic: str) -> list[bytes]:
    found = [event for message in bus.read(kafka, topic) for event in batches.unpack(message.value)]
    return [one for one in found if isinstance(one, bytes)]


def test_events_travel_a_hundred_to_a_message_over_all_partitions_and_to_the_byte(
    kafka: str, topic: str, producer: KafkaProducer
) -> None:
    sent = producer.publish(outgoing(topic, 350))
    assert sorted(sent.acknowledged) == sorted(f"e{n}" for n in range(350))
    messages = bus.read(kafka, topic)
    assert sorted(len(batches.unpack(one.value)) for one in messages) == [50, 100, 100, 100]
    assert {one.partition for one in messages} == {0, 1, 2}
    assert all(dict(one.headers)["content-type"] == batches.MANY.encode() for one in messages)
    assert sorted(events(kafka, topic)) == sorted(one.body for one in outgoing(topic, 350))


def test_a_message_is_bounded_by_bytes_too(kafka: str, topic: str, producer: KafkaProducer) -> None:
    producer.publish(outgoing(topic, 20, size=100_000))
    assert all(len(one.value) <= batches.MAX_BYTES for one in bus.read(kafka, topic))
    assert len(events(kafka, topic)) == 20


def test_one_event_travels_as_itself(kafka: str, topic: str, producer: KafkaProducer) -> None:
    (one,) = outgoing(topic, 1)
    producer.publish([one])
    (message,) = bus.read(kafka, topic)
    assert (message.value, dict(message.headers)["content-type"]) == (one.body, batches.ONE.encode())


def test_what_can_never_leave_is_told_and_stops_nobody_else(kafka: str, topic: str, producer: KafkaProducer) -> None:
    large = Outgoing("large", topic, b'"' + b"x" * 1_500_000 + b'"')
    missing = Outgoing("missing", "expunge.tasks.nowhere", b"{}")
    sent = producer.publish([missing, large, *outgoing(topic, 3)])
    assert sorted(sent.acknowledged) == ["e0", "e1", "e2"]
    assert sent.refused == {"large": TOO_LARGE}
    assert list(sent.waiting) == ["missing"]
    assert "expunge.tasks.nowhere cannot be reached" in sent.waiting["missing"]


def test_a_batch_that_the_topic_finds_too_large_is_sent_event_by_event(kafka: str, producer: KafkaProducer) -> None:
    name = bus.unique("small")
    bus.create(kafka, {name: 1}, {"max.message.bytes": "3000"})
    sent = producer.publish([*outgoing(name, 10, size=500), Outgoing("large", name, b'"' + b"x" * 5_000 + b'"')])
    assert sorted(sent.acknowledged) == [f"e{n}" for n in range(10)]
    assert sent.refused == {"large": TOO_LARGE}
    assert len(events(kafka, name)) == 10
    bus.delete(kafka, [name])


def test_the_brokers_tell_where_a_group_is_and_move_it(kafka: str, topic: str, producer: KafkaProducer) -> None:
    producer.publish(outgoing(topic, 350))
    group = bus.unique("group")
    with Brokers(bus.settings(kafka)) as brokers:
        before = brokers.partitions(group, [topic])
        assert [(one.start, one.end, one.committed) for one in before] == [(0, 2, None), (0, 1, None), (0, 1, None)]
        assert brokers.topic_ids([topic]) == {topic: before[0].topic_id}
        brokers.rewind(group, {(topic, 0): 1, (topic, 2): 0})
        assert [one.committed for one in brokers.partitions(group, [topic])] == [1, None, 0]


def test_a_group_with_a_member_is_not_moved(kafka: str, topic: str) -> None:
    from connectors.kafka.client import consumer_options
    from connectors.kafka.member import Member

    group = bus.unique("group")
    member = Member(topic, **consumer_options(bus.settings(kafka), group))
    try:
        bus.wait_for(lambda: member.poll(timeout_ms=100) or member.assignment())
        with Brokers(bus.settings(kafka)) as brokers, pytest.raises(DependencyError, match=f"{group} cannot be moved"):
            brokers.rewind(group, {(topic, 0): 0})
    finally:
        member.close()
