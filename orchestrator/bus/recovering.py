"""What ``expunge store recover`` does where store and brokers do not fit: reads again from where the store stands.

Reading again is harmless, since a fact counts once (I3); not reading is what loses something. So wherever there is a
doubt, a partition is read from the oldest message that is kept.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from orchestrator.bus.offsets import Partition, compare
from orchestrator.ports import Position


class Step(msgspec.Struct, frozen=True):
    """One partition that is moved. ``gone``: messages that the store never read and that are not kept any more."""

    topic: str
    partition: int
    kind: str
    before: int
    after: int
    gone: int


class Recovery(msgspec.Struct, frozen=True):
    """What to do: move the group to ``offsets``, then let the store's positions be ``positions``.

    ``again``: up to where topics hold answers to what an older store may ask again; empty if it is none.
    """

    steps: tuple[Step, ...]
    offsets: dict[tuple[str, int], int]
    positions: tuple[Position, ...]
    again: tuple[Position, ...] = ()


def to_read_again(group: str) -> str:
    """Give the name under which the store keeps up to where a group has to read again, beside its positions."""
    return f"{group}: to read again"


def plan(partitions: Sequence[Partition], positions: Sequence[Position]) -> Recovery:
    """Decide from where every partition in trouble is read again."""
    brokers = {(one.topic, one.partition): one for one in partitions}
    wanted = {(one.topic, one.partition): one for one in positions}
    steps: list[Step] = []
    for trouble in compare(partitions, positions):
        place = (trouble.topic, trouble.partition)
        one = brokers[place]
        after = max(trouble.expected, one.start) if trouble.kind in ("ahead", "lost") else one.start
        gone = max(0, one.start - trouble.expected) if place in wanted and trouble.kind in ("ahead", "lost") else 0
        steps.append(Step(*place, trouble.kind, one.committed or 0, after, gone))
        wanted[place] = Position(*place, after, one.topic_id)
    offsets = {(one.topic, one.partition): one.after for one in steps}
    older = any(one.kind == "ahead" for one in steps)
    ends = [Position(one.topic, one.partition, one.end, one.topic_id) for one in partitions] if older else []
    return Recovery(tuple(steps), offsets, tuple(wanted[place] for place in sorted(wanted)), tuple(ends))
