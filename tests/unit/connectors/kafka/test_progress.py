"""How far a worker is, while partitions come and go."""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Any

from kafka.errors import NotCoordinatorError
from kafka.structs import TopicPartition

from connectors.kafka.progress import Progress
from connectors.kafka.settings import KafkaSettings
from connectors.signals import SILENT

ONE, TWO = TopicPartition("expunge.tasks.crm", 0), TopicPartition("expunge.tasks.crm", 1)


class Consumer:
    """Notes what is committed."""

    def __init__(self) -> None:
        self.committed: list[dict[Any, int]] = []
        self.waited: list[dict[Any, int]] = []
        self.answer: Any = None

    def assignment(self) -> set[Any]:
        return {ONE, TWO}

    def commit_async(self, offsets: dict[Any, Any], callback: Callable[[Any, Any], None]) -> None:
        self.committed.append({tp: one.offset for tp, one in offsets.items()})
        callback(offsets, self.answer)

    def commit(self, offsets: dict[Any, Any], timeout_ms: int) -> None:
        self.waited.append({tp: one.offset for tp, one in offsets.items()})
        if isinstance(self.answer, Exception):
            raise self.answer


class Guard:
    """A lock; what is to happen next happens as soon as it is free."""

    def __init__(self, then: Any) -> None:
        self._lock, self._then = threading.Lock(), then

    def __enter__(self) -> None:
        self._lock.acquire()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._lock.release()
        then, self._then = self._then, lambda: None
        then()


def test_a_partition_that_goes_away_as_a_batch_begins_is_not_committed_when_it_is_back() -> None:
    progress, consumer = Progress(KafkaSettings(("nowhere:1",)), "group", SILENT), Consumer()
    listener = progress.listener()
    progress.commit(consumer, {ONE: 5, TWO: 7})
    progress._guard = Guard(lambda: listener.on_partitions_revoked([ONE]))  # type: ignore[assignment]
    progress.begin()
    progress.commit(consumer, {TWO: 8})
    progress.begin()
    progress.commit(consumer, {TWO: 9})
    assert consumer.committed == [{ONE: 5, TWO: 7}, {TWO: 8}, {TWO: 9}]


def test_what_the_group_did_not_take_is_committed_when_there_is_nothing_more_to_do() -> None:
    """A commit that nobody waits for is not tried again by the library; the last one before a pause would stay away."""
    progress, consumer = Progress(KafkaSettings(("nowhere:1",)), "group", SILENT), Consumer()
    progress.commit(consumer, {ONE: 5})
    progress.catch_up(consumer)
    assert consumer.waited == [], "taken"
    consumer.answer = NotCoordinatorError()
    progress.commit(consumer, {ONE: 6})
    progress.catch_up(consumer)
    assert consumer.waited == [{ONE: 6}], "and still not taken"
    consumer.answer = None
    progress.catch_up(consumer)
    progress.catch_up(consumer)
    assert consumer.waited == [{ONE: 6}] * 2
