"""A member of a group joins however short its polls are, on a real Kafka."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from kafka import TopicPartition
from kafka.admin import KafkaAdminClient, NewPartitions

from connectors.kafka.client import client_options, consumer_options
from connectors.kafka.member import Member
from tests.support import bus
from tests.support.bus import wait_for


@pytest.fixture
def topic(kafka: str) -> Iterator[str]:
    name = bus.unique("tasks")
    bus.create(kafka, {name: 1})
    yield name
    bus.delete(kafka, [name])


@pytest.fixture
def member(kafka: str, topic: str) -> Iterator[Member]:
    one = Member(topic, **consumer_options(bus.settings(kafka), bus.unique("group")))
    yield one
    one.close(autocommit=False)


def joined(one: Member, *partitions: TopicPartition) -> bool:
    """Poll once; tell whether it has these partitions, and nothing more to come."""
    one.poll(timeout_ms=200)
    return bool(one.assignment() == set(partitions)) and not one.joining


def more_partitions(kafka: str, topic: str, member: Member) -> None:
    """Add a partition, and let the member see it: by itself it looks every five minutes."""
    admin = KafkaAdminClient(**client_options(bus.settings(kafka)))
    try:
        admin.create_partitions({topic: NewPartitions(2)})
    finally:
        admin.close()
    wait_for(lambda: (member.topics(), member.partitions_for_topic(topic))[1] == {0, 1})


def test_a_join_that_outlasts_a_poll_is_finished_by_the_next(kafka: str, topic: str, member: Member) -> None:
    both = TopicPartition(topic, 0), TopicPartition(topic, 1)
    wait_for(lambda: joined(member, both[0]))
    before = member.group_metadata().generation_id
    more_partitions(kafka, topic, member)
    member.poll(timeout_ms=0)  # too short for any answer of a broker
    wait_for(lambda: member.group_metadata().generation_id != before)  # the answer came when nobody waited for it
    wait_for(lambda: joined(member, *both), 20)
    bus.write(kafka, topic, [b"one"], partition=1)
    wait_for(lambda: member.poll(timeout_ms=200), 20)
