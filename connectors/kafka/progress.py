"""How far a worker is: offsets of partitions that are still its own, committed after the answers were sent."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from typing import Any

from connectors.errors import UnavailableError
from connectors.kafka.client import friendly
from connectors.kafka.settings import KafkaSettings
from connectors.signals import Signals


class Progress:
    """Offsets of one member of a group. Partitions come and go on the client's own thread."""

    def __init__(self, settings: KafkaSettings, group: str, signals: Signals) -> None:
        """Begin with nothing. ``group``: how errors name it."""
        self._settings = settings
        self._group = group
        self._signals = signals
        self._guard = threading.Lock()
        self._lost: set[Any] = set()
        self._finished: dict[Any, int] = {}
        self._owed = False

    def begin(self) -> None:
        """Begin a batch: from here on a partition that goes away is not committed."""
        with self._guard:  # at once: what goes away in between would be forgotten, and its old offset committed later
            lost, self._lost = self._lost, set()
        for tp in lost:
            self._finished.pop(tp, None)

    def commit(self, consumer: Any, offsets: Mapping[Any, int], *, wait: bool = False) -> None:
        """Tell the group how far we are. ``wait`` for it at the end; else the next tasks are fetched meanwhile."""
        from kafka.structs import OffsetAndMetadata

        lost = self._taken_away()
        self._finished = {tp: at for tp, at in (self._finished | dict(offsets)).items() if tp not in lost}
        held = consumer.assignment()
        mine = {tp: OffsetAndMetadata(at, "", -1) for tp, at in self._finished.items() if tp in held}
        if not mine:
            return
        try:
            with friendly(self._group):
                if wait:
                    consumer.commit(mine, timeout_ms=self._settings.request_timeout_ms)
                else:
                    consumer.commit_async(mine, callback=self._committed)
        except UnavailableError as error:
            self._behind(error)

    def catch_up(self, consumer: Any) -> None:
        """Commit what the group did not take, before nothing more is done: nobody else tries it again."""
        if self._owed:
            self._owed = False
            self.commit(consumer, {}, wait=True)

    def listener(self) -> Any:
        """Give what is told when partitions come and go."""
        from kafka import ConsumerRebalanceListener

        lose, signals = self._lose, self._signals

        class Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
            """Runs on the client's own thread, which must not wait: it only notes what happened."""

            def on_partitions_revoked(self, revoked: Iterable[Any]) -> None:
                lose(revoked)

            def on_partitions_lost(self, gone: Iterable[Any]) -> None:
                lose(gone)

            def on_partitions_assigned(self, assigned: Iterable[Any]) -> None:
                signals.log("bus.assigned", partitions=len(list(assigned)))

        return Listener()

    def _lose(self, partitions: Iterable[Any]) -> None:
        gone = list(partitions)
        with self._guard:
            self._lost.update(gone)
        self._signals.log("bus.revoked", partitions=len(gone))

    def _taken_away(self) -> set[Any]:
        with self._guard:
            return set(self._lost)

    def _committed(self, _offsets: Any, answer: Any) -> None:
        if isinstance(answer, Exception):
            self._behind(answer)

    def _behind(self, error: Exception) -> None:
        self._owed = True
        # Fenced by the group's generation, or no broker: the tasks come again, and are answered again.
        self._signals.log("bus.behind", error=error)
