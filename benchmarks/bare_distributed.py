"""The bare loop beside ``bench_distributed``: the same connector calls over the same Kafka traffic, and nothing else.

A driver and one process a system. Topics of their own get as many messages, of as many bytes, as the product's topics
got for the same requests; each carries numbers of people and is filled up with noise. Per request: it is published,
every system locates, then erases and looks again on another connection, then a completion is published. No journal, no
state, no sealing, no decision, no signature, no second consumer: what remains is what no orchestration can avoid.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors import registry
from connectors.contract import ErasureOrder, Look, Subject, TaskId
from connectors.kafka.client import consumer_options, producer_options
from connectors.kafka.settings import KafkaSettings
from orchestrator import settings as configuration
from schemas.tasks import Instruction
from schemas.topics import COMPLETIONS, CONFIRMATIONS, NOTICES, REQUESTS, tasks_of
from tests.support import bus

BATCH: Final = 200
LOCATE: Final = "locate"
ERASE: Final = "erase"
_PREFIX: Final = "bare."


class Traffic(msgspec.Struct):
    """What a topic got for a burst."""

    messages: int
    bytes: int


class Parcel(msgspec.Struct):
    """What a bare message carries. ``noise`` fills it up."""

    phase: str
    system: str
    numbers: list[int]
    noise: str = ""


def traffic(kafka: str, topics: list[str], begin: dict[tuple[str, int], int] | None = None) -> dict[str, Any]:
    """Give where topics end, or what they got since ``begin``."""
    import kafka as library

    consumer = library.KafkaConsumer(**consumer_options(KafkaSettings((kafka,)), bus.unique("count")))
    try:
        places = [library.TopicPartition(name, at) for name in topics for at in consumer.partitions_for_topic(name)]
        ends = consumer.end_offsets(places)
        if begin is None:
            return {"ends": {(tp.topic, tp.partition): at for tp, at in ends.items()}}
        consumer.assign(places)
        for tp in places:
            consumer.seek(tp, begin[tp.topic, tp.partition])
        found = {name: Traffic(0, 0) for name in topics}
        while any(consumer.position(tp) < ends[tp] for tp in places):
            for tp, records in consumer.poll(timeout_ms=500).items():
                found[tp.topic].messages += len(records)
                found[tp.topic].bytes += sum(len(one.value or b"") for one in records)
        return {"traffic": found}
    finally:
        consumer.close(autocommit=False)


class Sender:
    """Sends numbers in messages of the size and number that the product's topics had."""

    def __init__(self, producer: Any, sizes: dict[str, Traffic], requests: int) -> None:
        self._producer = producer
        self._sizes = sizes
        self._requests = requests
        self._waiting: dict[tuple[str, str, str], list[int]] = defaultdict(list)

    def add(self, topic: str, phase: str, system: str, numbers: list[int]) -> None:
        """Take numbers; they leave when a message is full, or at ``flush``."""
        self._waiting[topic, phase, system] += numbers

    def flush(self, *, everything: bool) -> None:
        """Send full messages, or everything."""
        for (topic, phase, system), numbers in self._waiting.items():
            size = self._sizes[topic]
            # A topic of tasks or answers is used once a phase, for all systems that write to it.
            times = {REQUESTS.name: 1, COMPLETIONS.name: 1, NOTICES.name: 1, CONFIRMATIONS.name: 2 * self._systems()}
            events = self._requests * times.get(topic, 2)
            full = max(1, round(events / max(1, size.messages)))
            each = size.bytes / events
            while len(numbers) >= full or (everything and numbers):
                some = numbers[:full]
                del numbers[:full]
                plain = msgspec.json.encode(Parcel(phase, system, some))
                noise = os.urandom(max(0, int(each * len(some)) - len(plain)) // 2).hex()
                value = msgspec.json.encode(Parcel(phase, system, some, noise))
                self._producer.send(_PREFIX + topic, value, partition=0)
        self._producer.flush()

    def _systems(self) -> int:
        return sum(name.startswith(tasks_of("x").name.removesuffix("x")) for name in self._sizes)


def work(home: Path, system: str, kafka: str, sizes: dict[str, Traffic], requests: int) -> None:
    """One system: until it is killed."""
    import kafka as library

    settings = KafkaSettings((kafka,))
    (one,) = [one for one in configuration.load(home).systems if one.system == system]
    opener = registry.factory(one.connector, one.settings)
    registry.hold(opener)
    consumer = library.KafkaConsumer(**consumer_options(settings, bus.unique(system)))
    consumer.assign([library.TopicPartition(_PREFIX + tasks_of(system).name, 0)])
    sender = Sender(library.KafkaProducer(**producer_options(settings)), sizes, requests)
    connector = opener()
    names = [one.name for one in connector.record_sets()]
    connector.close()
    found: dict[TaskId, Any] = {}
    print("ready", flush=True)
    while True:
        for records in consumer.poll(timeout_ms=200, max_records=3).values():
            for phase, numbers in _merged(records):
                subjects = [Subject(TaskId(str(i)), {"email": frozenset({f"person{i}@example.com"})}) for i in numbers]
                if phase == LOCATE:
                    connector = opener()
                    found |= connector.locate(subjects)
                    connector.close()
                else:
                    _erase(opener, subjects, names, found)
                sender.add(CONFIRMATIONS.name, phase, system, numbers)
            sender.flush(everything=True)


def _erase(opener: Any, subjects: list[Subject], names: list[str], found: dict[TaskId, Any]) -> None:
    connector = opener()
    connector.erase([ErasureOrder(one, {name: Instruction(found=1) for name in names}) for one in subjects])
    connector.close()
    connector = opener()
    if any(h.keys for holdings in connector.locate(subjects).values() for h in holdings.values()):
        raise SystemExit("the bare loop did not erase")
    connector.present([Look(one, {n: found[one.task_id][n].keys for n in names}) for one in subjects])
    connector.close()


def _merged(records: list[Any]) -> list[tuple[str, list[int]]]:
    merged: dict[str, list[int]] = defaultdict(list)
    for one in records:
        parcel = msgspec.json.decode(one.value, type=Parcel)
        merged[parcel.phase] += parcel.numbers
    return list(merged.items())


def measure(home: Path, kafka: str, systems: list[str], sizes: dict[str, Traffic], people: range) -> float:
    """Run the bare loop over people whose data is still there; gives requests a second."""
    import kafka as library

    bus.recreate(kafka, {_PREFIX + name: 1 for name in sizes})
    settings = KafkaSettings((kafka,))
    plain = {name: [one.messages, one.bytes] for name, one in sizes.items()}
    processes = [
        subprocess.Popen(
            [sys.executable, "-W", "ignore", "-m", "benchmarks.bare_distributed", str(home), system, kafka,
             msgspec.json.encode(plain).decode(), str(len(people))],
            stdout=subprocess.PIPE,
        )
        for system in systems
    ]  # fmt: skip
    try:
        for one in processes:
            if one.stdout is None or one.stdout.readline() != b"ready\n":
                raise SystemExit("a bare worker did not start")
        consumer = library.KafkaConsumer(**consumer_options(settings, bus.unique("driver")))
        consumer.assign([library.TopicPartition(_PREFIX + name, 0) for name in (REQUESTS.name, CONFIRMATIONS.name)])
        sender = Sender(library.KafkaProducer(**producer_options(settings)), sizes, len(people))
        begin = time.perf_counter()
        _drive(consumer, sender, systems, people)
        return len(people) / (time.perf_counter() - begin)
    finally:
        for one in processes:
            one.kill()
            one.wait()


def _drive(consumer: Any, sender: Sender, systems: list[str], people: range) -> None:
    left: dict[tuple[str, int], int] = {}
    completed = 0
    sender.add(REQUESTS.name, "", "", list(people))
    sender.flush(everything=True)
    while completed < len(people):
        polled = consumer.poll(timeout_ms=200)
        for parcel in (msgspec.json.decode(one.value, type=Parcel) for many in polled.values() for one in many):
            if not parcel.phase:
                _next(sender, systems, LOCATE, parcel.numbers, left)
                sender.add(NOTICES.name, "", "", parcel.numbers)
                continue
            for number in parcel.numbers:
                left[parcel.phase, number] -= 1
            done = [number for number in parcel.numbers if not left[parcel.phase, number]]
            if parcel.phase == LOCATE:
                _next(sender, systems, ERASE, done, left)
            else:
                sender.add(COMPLETIONS.name, "", "", done)
                completed += len(done)
        sender.flush(everything=True)


def _next(sender: Sender, systems: list[str], phase: str, numbers: list[int], left: dict[tuple[str, int], int]) -> None:
    for number in numbers:
        left[phase, number] = len(systems)
    for system in systems:
        sender.add(tasks_of(system).name, phase, system, numbers)


def main() -> None:
    """Be the process of one system."""
    home, system, kafka, sizes, requests = sys.argv[1:]
    given = {name: Traffic(*one) for name, one in msgspec.json.decode(sizes).items()}
    work(Path(home), system, kafka, given, int(requests))


if __name__ == "__main__":
    main()
