"""The distributed orchestrator: one process of any number that share a store and a consumer group (decision 1).

Messages are handled on the consumer's thread, in transactions bounded by events; the relay works beside it, and access
packages are assembled on a third thread by one process at a time. Killing it anywhere loses nothing (I11): what was
handled and its positions are one transaction, and what was released goes out again.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Final, Literal, Self

from connectors.exports import ExportSink
from connectors.kafka.settings import KafkaSettings
from connectors.memory import calm_collector
from connectors.signals import SILENT, Signals
from orchestrator.bus.offsets import Brokers, compare, refuse
from orchestrator.bus.plain import PlainConsumer
from orchestrator.bus.producer import KafkaProducer
from orchestrator.engine import Engine
from orchestrator.errors import DependencyError
from orchestrator.keys import KeyFolder
from orchestrator.ports import Chance, Clock, Consumer, Message, Position
from orchestrator.runtime import retaining
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.runtime.packages import PackageDesk
from orchestrator.runtime.posting import Posting
from orchestrator.runtime.relay import Relay
from orchestrator.runtime.rereading import Rereading
from orchestrator.runtime.sequencing import Sequencing, sequencer
from orchestrator.runtime.sweeping import Chores
from orchestrator.runtime.systems import openers, plan_of
from orchestrator.runtime.watching import Watch
from orchestrator.settings import Settings
from orchestrator.store.migrate import check as check_tables
from orchestrator.store.opening import open_store
from schemas import batches
from schemas.topics import CONFIRMATIONS, FIXED, REQUESTS, tasks_of

Bus = Literal["faust", "plain"]

MOST_EVENTS: Final = 300
"""Of one transaction; a message that carries more than are left is not cut."""
_LOOKS: Final = 3
_LOOK_AGAIN: Final = 0.3
"""Seconds between two looks at whether brokers and store fit."""
TOPICS: Final = (REQUESTS.name, CONFIRMATIONS.name)
"""What an orchestrator reads."""


class Orchestrator:
    """One process's part of the work. Use ``Orchestrator.open``; close it after."""

    def __init__(self, settings: Settings, *, clock: Clock, chance: Chance = chance, signals: Signals = SILENT) -> None:
        self.settings = settings
        self._clock = clock
        self._signals = signals
        self._group = settings.kafka.orchestrator_group
        systems = openers(settings)
        self._systems = tuple(systems)
        keys = KeyFolder(settings.keys, self._systems)
        plan = plan_of(settings, systems)
        self.store = open_store(settings)
        try:
            check_tables(self.store.engine)
            self.engine = Engine(self.store, keys, clock, chance, plan, publish=True, signals=signals)
            self.engine.pace = retaining.pace(settings)
        except BaseException:
            self.store.close()
            raise
        self._lock = threading.Lock()
        self._packages = PackageDesk(
            settings.exports, ExportSink(settings.exports), self.engine, keys, chance, clock, self._lock,
            Chores(self.store, clock, settings, signals),
        )  # fmt: skip
        self._ledger = Sequencing(sequencer(settings, self.store, keys, clock, signals))
        self._posting = Posting(settings, self.store, clock, signals)
        self._topic_ids: dict[str, str] = {}

    @classmethod
    def open(cls, settings: Settings, *, clock: Clock | None = None, signals: Signals = SILENT) -> Self:
        """Open everything but the bus.

        Raises:
            UsageError: configuration, keys or data maps are wrong. DependencyError: the store cannot be reached.
        """
        return cls(settings, clock=clock or SystemClock(), signals=signals)

    def close(self) -> None:
        """Release everything."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def check(self) -> None:
        """Hold the brokers against the store.

        Raises:
            DependencyError: the group is ahead of the store, or a topic is another one; `expunge store recover`.
            MisconfiguredError: a topic is missing. UnavailableError: no broker answers.
        """
        written = [one.name for one in FIXED if one.name not in TOPICS]
        tasks = [tasks_of(name).name for name in self._systems]
        with Brokers(self.settings.kafka) as brokers:
            self._topic_ids = brokers.topic_ids([*TOPICS, *written, *tasks])
            for _ in range(_LOOKS - 1):
                # Another orchestrator may work between the two questions; what does not fit then fits a moment later.
                if not compare(brokers.partitions(self._group, TOPICS), self._saved()):
                    return
                time.sleep(_LOOK_AGAIN)
            refuse(compare(brokers.partitions(self._group, TOPICS), self._saved()), self._group)

    def run(self, bus: Bus, stop: threading.Event, ready: Callable[[], None] = lambda: None) -> None:
        """Work until stopped: the batch that is running is finished and what it caused published.

        Raises:
            DependencyError: store or brokers cannot be used; nothing is lost.
        """
        self.check()
        producer = KafkaProducer(self.settings.kafka)
        relay = Relay(
            self.engine, producer, self._systems, window=self.settings.kafka.in_flight, clock=self._clock,
            lock=self._lock, signals=self._signals,
            reading_again=Rereading(self.store, self._group, self._topic_ids, self._signals),
        )  # fmt: skip
        ended = threading.Event()
        read = {name: self._topic_ids[name] for name in TOPICS}
        watch = Watch(self.settings.kafka, read, lambda: check_tables(self.store.engine))
        # Nothing hangs on its end, and it may be waiting for brokers that are away.
        threading.Thread(target=watch.run, args=(ended, stop.set), name="watch", daemon=True).start()
        threads = [
            threading.Thread(target=relay.run, args=(ended, stop.set), name="relay"),
            threading.Thread(target=self._packages.run, args=(ended, stop.set), name="packages"),
            threading.Thread(target=self._ledger.run, args=(ended, stop.set), name="ledger"),
        ]
        for one in threads:
            one.start()
        self._signals.ready("store", True)
        self._signals.ready("broker", True)
        ready()
        try:
            with calm_collector(), self._posting.beside(once_more=False):
                self._consumer(bus).run(lambda messages: self._handle(messages, relay), stop)
        finally:
            ended.set()
            relay.wake()
            self._packages.wake()
            self._ledger.wake()
            for one in threads:
                one.join()
            producer.close()
        if failure := relay.failure or self._packages.failure or self._ledger.failure or watch.failure:
            raise failure

    # -- messages -----------------------------------------------------------------------------------------
    def _handle(self, messages: Sequence[Message], relay: Relay) -> None:
        """Take in messages, in transactions of about ``MOST_EVENTS``; where they end is part of each."""
        events: list[bytes] = []
        ends: dict[tuple[str, int], Position] = {}
        for message in messages:
            # What cannot be read is buried by the engine, with its bytes, like every other event it cannot apply.
            events += [one if isinstance(one, bytes) else one.raw for one in batches.unpack(message.value)]
            ends[message.topic, message.partition] = Position(
                message.topic, message.partition, message.offset + 1, self._topic_ids.get(message.topic, "")
            )
            if len(events) >= MOST_EVENTS:
                self._receive(events, list(ends.values()))
                relay.wake()
                events, ends = [], {}
        if ends:
            self._receive(events, list(ends.values()))
            relay.wake()

    def _receive(self, events: Sequence[bytes], ends: Sequence[Position]) -> None:
        began = time.monotonic()
        try:
            with self._lock:
                counted = self.engine.receive(events, ends, group=self._group)
        except DependencyError as error:
            self._signals.count("expunge_store_failures_total", what="confirmations")
            self._signals.log("batch.failed", error=error, events=len(events))
            raise
        seconds = time.monotonic() - began
        self._signals.observe("expunge_batch_seconds", seconds, what="confirmations")
        self._signals.log("batch.applied", events=len(events), applied=counted, seconds=seconds)
        self._signals.alive()

    def _saved(self) -> list[Position]:
        with self.store.read() as tx:
            return tx.positions(self._group)

    def _positions(self) -> dict[tuple[str, int], int]:
        return {(one.topic, one.partition): one.next_offset for one in self._saved()}

    def _consumer(self, bus: Bus) -> Consumer:
        kafka: KafkaSettings = self.settings.kafka
        if bus == "plain":
            return PlainConsumer(kafka, self._group, TOPICS, self._positions)
        from orchestrator.runtime.distributed import FaustConsumer  # a second of imports

        return FaustConsumer(kafka, self._group, TOPICS, self._positions)
