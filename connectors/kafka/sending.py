"""What a worker says: events that all replicas must have, and heartbeats that may be lost."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from connectors.errors import UnavailableError
from connectors.kafka.client import friendly, producer_options
from connectors.kafka.settings import KafkaSettings
from connectors.signals import Signals
from schemas import batches

_PAUSE: Final = 0.2
_LONGEST_PAUSE: Final = 10.0


class Sender:
    """An idempotent producer that is opened anew when it failed. For one thread."""

    def __init__(self, settings: KafkaSettings, signals: Signals) -> None:
        """Prepare; ``open`` connects."""
        self._settings = settings
        self._signals = signals
        self._producer: Any = None

    def open(self) -> None:
        """Connect.

        Raises:
            UnavailableError: no broker answers. MisconfiguredError: we are not let in.
        """
        import kafka

        with friendly():
            self._producer = kafka.KafkaProducer(**producer_options(self._settings))

    def close(self) -> None:
        """Release everything; what is on its way may still leave within two seconds."""
        self._producer.close(timeout=2)

    def put(self, topic: str, value: bytes) -> Any:
        """Send without waiting; gives the library's future."""
        headers = [("content-type", batches.content_type(value).encode())]
        return self._producer.send(topic, value, headers=headers)

    def send(
        self, topic: str, events: Sequence[bytes], stop: threading.Event, *, meanwhile: Callable[[], None]
    ) -> bool:
        """Send and wait until all replicas have it; tries until it succeeds or the process is to end.

        Args:
            topic: Where to.
            events: Encoded CloudEvents; as many messages as it takes.
            stop: Set when the process is to end.
            meanwhile: Called between two tries.

        Returns:
            False if the process is to end and it did not succeed.
        """
        values = batches.pack(events)
        pause = _PAUSE
        while True:
            try:
                with friendly(f"topic {topic}"):
                    flights = [self.put(topic, one) for one in values]
                    self._producer.flush(timeout=self._settings.request_timeout_ms / 1000 + 2)
                    for one in flights:
                        one.get(timeout=1)
            except UnavailableError as error:
                self._signals.log("relay.failed", topic=topic, error=error)
                self._signals.count("expunge_publish_failures_total", topic=topic)
                if stop.is_set():
                    return False
                meanwhile()
                stop.wait(pause)
                pause = min(_LONGEST_PAUSE, 2 * pause)
                self._renew()
            else:
                self._signals.count("expunge_events_published_total", len(events), topic=topic)
                return True

    def _renew(self) -> None:
        """Open a new producer: one that failed may refuse everything from then on."""
        with contextlib.suppress(Exception):
            self._producer.close(timeout=0)
        with contextlib.suppress(UnavailableError):
            self.open()
