"""What an orchestrator found at its start may change under it: tables of a newer version, a topic that was made again.

Both are looked at now and then, and end the process: going on would write what a newer version reads otherwise, or read
a topic from an offset of another one. Nothing is lost by noticing late: positions carry the id of the topic they were
counted in, and states the version that wrote them.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from typing import Final

from connectors.errors import MisconfiguredError, UnavailableError
from connectors.kafka.settings import KafkaSettings
from orchestrator.bus.offsets import Brokers
from orchestrator.errors import DependencyError

EVERY_SECONDS: Final = 5.0


class Watch:
    """Looks on a thread of its own."""

    def __init__(self, settings: KafkaSettings, topic_ids: Mapping[str, str], tables: Callable[[], None]) -> None:
        """Take what was found at the start.

        Args:
            settings: Where the brokers are.
            topic_ids: Id of each topic that is read.
            tables: Raises UsageError when the tables are of another version.
        """
        self._settings = settings
        self._topic_ids = dict(topic_ids)
        self._tables = tables
        self._missed = False
        self.failure: BaseException | None = None

    def run(self, ended: threading.Event, failed: Callable[[], None]) -> None:
        """Look until the process ends. ``failed`` is called when it has to; ``failure`` says why."""
        try:
            while not ended.wait(EVERY_SECONDS):
                self._tables()
                self._topics()
        except BaseException as error:  # noqa: BLE001 - the process ends with it
            self.failure = error
            failed()

    def _topics(self) -> None:
        """Compare the topics with those of the start.

        Raises:
            DependencyError: one is gone, or another one has its name.
        """
        try:
            with Brokers(self._settings) as brokers:
                found = brokers.topic_ids(list(self._topic_ids))
        except UnavailableError:
            return  # brokers that are away are waited for; whoever reads or publishes says so
        except MisconfiguredError as error:
            if not self._missed:  # a broker that has just come back may not know yet
                self._missed = True
                return
            fix = "make it again with `expunge kafka apply`, then run `expunge store recover`"
            raise DependencyError("a topic is gone while it was read", why=error.message, fix=fix) from None
        self._missed = False
        changed = [name for name, topic_id in self._topic_ids.items() if found[name] != topic_id]
        if changed:
            raise DependencyError(
                "a topic was deleted and made again while it was read",
                where=f"topic {changed[0]}",
                fix="stop every orchestrator, then run `expunge store recover`",
            )
