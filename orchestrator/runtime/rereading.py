"""After ``expunge store recover``: topics are read again first, then systems are asked, and time is up.

What the restored store takes for open may have been answered since the backup. A system asked again would find less,
and a timer that came due meanwhile would give up on an answer that only has to be read (ADR 27).
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Final

from connectors.signals import SILENT, Signals
from orchestrator.bus.recovering import to_read_again
from orchestrator.ports import Position, Store

LONGEST_SECONDS: Final = 600.0
"""What the brokers have dropped meanwhile, or never show (marks of transactions), is not waited for for ever."""


class Rereading:
    """Whether topics are still being read again, by this process or by others. Ask it now and then."""

    def __init__(self, store: Store, group: str, topic_ids: Mapping[str, str], signals: Signals = SILENT) -> None:
        """Read what was noted.

        Args:
            store: Where ``store recover`` has noted up to where.
            group: The consumer group whose positions count.
            topic_ids: By topic, as it is now; one that was made again holds nothing of then.
            signals: Says when it begins and ends.
        """
        self._store = store
        self._group = group
        self._mark = to_read_again(group)
        with store.read() as tx:
            noted = tx.positions(self._mark)
        self._wanted = [one for one in noted if topic_ids.get(one.topic) == one.topic_id]
        self._noted = bool(noted)
        self._until = _now() + LONGEST_SECONDS
        self._signals = signals
        if noted:
            signals.log("recovery.reading", partitions=len(self._wanted))

    def __call__(self) -> bool:
        """Tell whether it goes on; once it is over, it stays so."""
        if not self._noted:
            return False
        with self._store.read() as tx:
            read = {(one.topic, one.partition): one for one in tx.positions(self._group)}
        if _now() < self._until and any(_behind(read.get((one.topic, one.partition)), one) for one in self._wanted):
            return True
        self._noted = False
        with self._store.write() as tx:
            tx.put_positions(self._mark, [])
        self._signals.log("recovery.read", partitions=len(self._wanted))
        return False


def _behind(read: Position | None, wanted: Position) -> bool:
    return (0 if read is None else read.next_offset) < wanted.next_offset


def _now() -> float:
    return time.monotonic()
