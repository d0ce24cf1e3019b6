"""What tests of the bus share: topics of their own, members as processes, and a plain look at a topic."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from kafka import KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import KafkaAdminClient, NewTopic

from connectors.kafka.client import client_options, consumer_options, producer_options
from connectors.kafka.settings import KafkaSettings

ROOT = Path(__file__).parent.parent.parent
SESSION_MS = 6_000


def settings(bootstrap: str, **more: Any) -> KafkaSettings:
    return KafkaSettings(bootstrap_servers=(bootstrap,), session_timeout_ms=SESSION_MS, **more)


def unique(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:10]}"


def create(bootstrap: str, topics: dict[str, int], configs: dict[str, str] | None = None) -> None:
    """Create topics (name -> partitions) and wait until they can be written."""
    admin = KafkaAdminClient(**client_options(settings(bootstrap)))
    try:
        admin.create_topics([NewTopic(name, count, 1, topic_configs=configs) for name, count in topics.items()])
        admin.wait_for_topics(list(topics))
    finally:
        admin.close()


def recreate(bootstrap: str, topics: dict[str, int]) -> None:
    """Make topics anew, whatever an earlier test left of them."""
    admin = KafkaAdminClient(**client_options(settings(bootstrap)))
    try:
        if there := sorted(set(admin.list_topics()) & topics.keys()):
            admin.delete_topics(there)
        wait_for(lambda: not set(admin.list_topics()) & topics.keys())
    finally:
        admin.close()
    create(bootstrap, topics)


def delete(bootstrap: str, topics: Sequence[str]) -> None:
    admin = KafkaAdminClient(**client_options(settings(bootstrap)))
    try:
        admin.delete_topics(list(topics))
    finally:
        admin.close()


def write(bootstrap: str, topic: str, values: Sequence[bytes], partition: int = 0) -> None:
    producer = KafkaProducer(**producer_options(settings(bootstrap)))
    try:
        sent = [producer.send(topic, value, partition=partition) for value in values]
        producer.flush(timeout=30)
        assert all(one.succeeded() for one in sent)
    finally:
        producer.close()


def read(bootstrap: str, topic: str) -> list[Any]:
    """Everything that stands in a topic now."""
    options = consumer_options(settings(bootstrap), "unused") | {"group_id": None}
    consumer = KafkaConsumer(**options)
    try:
        places = [TopicPartition(topic, number) for number in sorted(consumer.partitions_for_topic(topic) or ())]
        consumer.assign(places)
        consumer.seek_to_beginning(*places)
        ends = consumer.end_offsets(places)
        found: list[Any] = []
        while any(consumer.position(place) < ends[place] for place in places):
            for many in consumer.poll(timeout_ms=500).values():
                found += many
        return found
    finally:
        consumer.close()


def wait_for(condition: Callable[[], object], seconds: float = 40.0) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, "it did not happen in time"
        time.sleep(0.05)


class Member:
    """A member of a group (``bus_member.py``) as a process."""

    def __init__(self, bus: str, bootstrap: str, group: str, topics: Sequence[str], log: Path, **more: Any) -> None:
        given = {
            "bus": bus,
            "settings": {
                "bootstrap_servers": [bootstrap],
                "session_timeout_ms": SESSION_MS,
                **more.pop("settings", {}),
            },
            "group": group,
            "topics": list(topics),
            "log": str(log),
            "fail_on": "",
            "slow": 0,
            "debug": False,
            "name": "one",
        }
        log.touch()
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-W",
                "ignore",
                str(ROOT / "tests" / "support" / "bus_member.py"),
                json.dumps(given | more),
            ],
            cwd=ROOT,
            env=os.environ | {"PYTHONPATH": str(ROOT)} | more.get("env", {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal; give the exit code and everything it printed."""
        self.process.send_signal(number)
        return self.end()

    def end(self) -> tuple[int, str]:
        """Wait for its end."""
        out, _ = self.process.communicate(timeout=60)
        return self.process.returncode, out


def handled(log: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in log.read_text().splitlines()]
