"""A member of a consumer group that always finishes joining.

kafka-python 3.0.12 forgets a join that outlasts one ``poll``, where the join began because metadata changed: as the
leader of its group learns the partitions of its topic (every first start), or as partitions are added. The flag that
would bring it back (``rejoin_needed``) is not set on that way, so nobody asks for the answer any more: the member keeps
its old assignment, mostly none, sends no heartbeat, spins at a whole core, and stays so. Java's client had the same
(KAFKA-9815) and cures it as we do: once begun, a join is asked for until it is done.
"""

from __future__ import annotations

from typing import Any

import kafka
from kafka.structs import MemberState


class Member(kafka.KafkaConsumer):  # type: ignore[misc]  # the library has no types
    """A ``KafkaConsumer`` with a group; everything else is the library's."""

    @property
    def joining(self) -> bool:
        """Whether a join is under way. Poll on without a pause: one that ends between two polls begins anew."""
        return bool(self.group_metadata().state == MemberState.REBALANCING)

    def poll(self, timeout_ms: int = 0, max_records: int | None = None, **more: Any) -> dict[Any, list[Any]]:
        """Fetch as ``KafkaConsumer.poll`` does; a join that is not finished by then goes on with the next poll."""
        try:
            found: dict[Any, list[Any]] = super().poll(timeout_ms, max_records, **more)
        finally:
            if self.joining:
                # No harm while it is under way: the next poll waits for the same one. The library offers no public
                # way; tests/contract/test_member.py fails if this one stops working.
                self._coordinator.request_rejoin()
        return found
