"""What the brokers say about a group's offsets, held against the store's positions (ADR 2).

The store is the authority. A group that is further than the store has read what the store does not know any more: the
database was restored. Going on would lose those messages, so the orchestrator refuses until ``expunge store recover``
has rewound the group.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, Literal, Self, TypeVar

import msgspec

from connectors.errors import MisconfiguredError
from connectors.kafka.client import client_options, friendly
from connectors.kafka.settings import KafkaSettings
from orchestrator.errors import DependencyError
from orchestrator.ports import Position

_T = TypeVar("_T")
_MISSING: Final = 3
"""UNKNOWN_TOPIC_OR_PARTITION in the protocol."""
_PATIENCE: Final = 15.0
"""Seconds for what mends itself: a coordinator that is just being elected."""


class Partition(msgspec.Struct, frozen=True):
    """One partition as the brokers have it.

    Attributes:
        start: Offset of the oldest message that is kept.
        end: Offset of the next message that will be written.
        committed: The group's offset; None if it has none.
    """

    topic: str
    partition: int
    topic_id: str
    start: int
    end: int
    committed: int | None


class Trouble(msgspec.Struct, frozen=True):
    """One partition where store and brokers do not fit.

    Attributes:
        kind: ``ahead``: the group is further than the store. ``recreated``: the topic is another one of that name.
            ``lost``: messages that the store has not read are not kept any more. ``cut``: the topic ends before what
            the store has read.
        expected: The store's offset.
        found: The brokers'.
    """

    kind: Literal["ahead", "recreated", "lost", "cut"]
    topic: str
    partition: int
    expected: int
    found: int


def compare(partitions: Sequence[Partition], positions: Sequence[Position]) -> list[Trouble]:
    """Hold the brokers' view against the store's. A partition that nobody has read yet is no trouble."""
    known = {(one.topic, one.partition): one for one in positions}
    return [found for one in partitions if (found := _trouble(one, known.get((one.topic, one.partition)))) is not None]


def _trouble(one: Partition, position: Position | None) -> Trouble | None:
    def trouble(kind: Literal["ahead", "recreated", "lost", "cut"], found: int) -> Trouble:
        return Trouble(kind, one.topic, one.partition, expected, found)

    expected = position.next_offset if position is not None else 0
    if position is not None and position.topic_id and position.topic_id != one.topic_id:
        return trouble("recreated", one.end)
    if one.committed is not None and one.committed > expected:
        # A group that was moved to the oldest message has read nothing; a store without a position has neither.
        return trouble("ahead", one.committed) if position is not None or one.committed > one.start else None
    if position is None:
        return None
    if one.start > expected:
        return trouble("lost", one.start)
    return trouble("cut", one.end) if one.end < expected else None


def refuse(troubles: Sequence[Trouble], group: str) -> None:
    """Refuse to start.

    Raises:
        DependencyError: naming the first partition, what is wrong with it, and how it is mended.
    """
    if not troubles:
        return
    one = troubles[0]
    why = {
        "ahead": f"group {group} is at offset {one.found}, the store at {one.expected}: was the database restored?",
        "recreated": f"the topic was deleted and made again; the store knows the old one up to {one.expected}",
        "lost": f"messages {one.expected} to {one.found - 1} are not kept any more, and the store has not read them",
        "cut": f"the topic ends at {one.found}, and the store has read up to {one.expected}",
    }[one.kind]
    more = f" (and {len(troubles) - 1} more partitions)" if len(troubles) > 1 else ""
    raise DependencyError(
        f"store and brokers do not fit{more}",
        where=f"topic {one.topic}, partition {one.partition}",
        why=why,
        fix="run `expunge store recover`",
    )


class Brokers:
    """Questions to the brokers. Use as a context manager."""

    def __init__(self, settings: KafkaSettings) -> None:
        from kafka.admin import KafkaAdminClient

        with friendly():
            self._admin = KafkaAdminClient(**client_options(settings))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(Exception):
            self._admin.close()

    def topic_ids(self, topics: Sequence[str]) -> dict[str, str]:
        """Give the id of each topic.

        Raises:
            MisconfiguredError: one is missing, or may not be seen. UnavailableError: no broker answers.
        """
        return {name: one["topic_id"] for name, one in self._described(topics).items()}

    def joinable(self, group: str, *, faust: bool) -> None:
        """Refuse a group that is read by the other bus: nobody can join it then, and Faust would not even say so.

        Raises:
            MisconfiguredError: every orchestrator of a group has to read by the same bus. UnavailableError: no broker
                answers.
        """
        found = _patiently(lambda: self._admin.describe_groups([group]), f"group {group}").get(group) or {}
        protocol = found.get("protocol_data") or ""
        if protocol and (protocol == "faust") is not faust:
            raise MisconfiguredError(
                "kafka",
                f"[kafka] group {group} is read by orchestrators with another --bus",
                fix="give all the same --bus; to change it, stop every one first",
            )

    def partitions(self, group: str, topics: Sequence[str]) -> list[Partition]:
        """Look at every partition of these topics.

        Raises:
            MisconfiguredError: one is missing, or may not be seen. UnavailableError: no broker answers.
        """
        from kafka import TopicPartition
        from kafka.admin import OffsetSpec

        described = self._described(topics)
        places = [
            TopicPartition(name, part["partition_index"])
            for name, one in described.items()
            for part in sorted(one["partitions"], key=lambda part: int(part["partition_index"]))
        ]
        ask = self._admin.list_partition_offsets
        start = _patiently(lambda: ask(dict.fromkeys(places, OffsetSpec.EARLIEST)), "the topics' offsets")
        end = _patiently(lambda: ask(dict.fromkeys(places, OffsetSpec.LATEST)), "the topics' offsets")
        committed = self._committed(group)
        return [
            Partition(tp.topic, tp.partition, described[tp.topic]["topic_id"], start[tp].offset, end[tp].offset,
                      committed.get((tp.topic, tp.partition)))
            for tp in places
        ]  # fmt: skip

    def rewind(self, group: str, offsets: Mapping[tuple[str, int], int]) -> None:
        """Move a group to these offsets, forwards or back. It must have no member: stop every orchestrator first.

        Raises:
            DependencyError: somebody is still a member of the group. UnavailableError: no broker answers.
        """
        from kafka import TopicPartition
        from kafka.structs import OffsetAndMetadata

        wanted = {TopicPartition(*place): OffsetAndMetadata(offset, "", -1) for place, offset in offsets.items()}
        if not wanted:
            return
        results = _patiently(lambda: self._admin.alter_group_offsets(group, wanted), f"group {group}")
        for error in results.values():
            if error.__name__ in {"UnknownMemberIdError", "NonEmptyGroupError", "RebalanceInProgressError"}:
                raise DependencyError(
                    f"group {group} cannot be moved",
                    why="an orchestrator still runs, or was killed less than a session ago",
                    fix="stop every `expunge orchestrate`, wait for session_timeout_ms, and try again",
                )
            with friendly(f"group {group}"):
                if error.__name__ != "NoError":
                    raise error

    def _committed(self, group: str) -> dict[tuple[str, int], int]:
        from kafka.errors import GroupIdNotFoundError

        def ask() -> dict[tuple[str, int], int]:
            try:
                found = self._admin.list_group_offsets({group: None}).get(group, {})
            except GroupIdNotFoundError:
                return {}
            return {(tp.topic, tp.partition): one.offset for tp, one in found.items() if one.offset >= 0}

        return _patiently(ask, f"group {group}")

    def _described(self, topics: Sequence[str]) -> dict[str, dict[str, Any]]:
        found = {
            one["name"]: one
            for one in _patiently(lambda: self._admin.describe_topics(list(topics)), "the cluster's metadata")
        }
        if missing := [name for name in topics if found.get(name, {}).get("error_code", _MISSING) == _MISSING]:
            raise MisconfiguredError(
                "kafka", f"[kafka] topics are missing: {', '.join(missing)}", fix="run `expunge kafka apply`"
            )
        for name in topics:
            if found[name]["error_code"]:
                raise MisconfiguredError(
                    "kafka",
                    f"[kafka] topic {name} cannot be used: error {found[name]['error_code']} of the brokers",
                    fix="see the rights of the principal: `expunge kafka plan`",
                )
        return found


def _patiently(ask: Callable[[], _T], what: str) -> _T:
    """Ask again while the brokers say that it will be better soon."""
    from kafka.errors import KafkaError

    until = time.monotonic() + _PATIENCE
    for pause in _pauses():
        try:
            return ask()
        except KafkaError as error:
            if not getattr(error, "retriable", False) or time.monotonic() > until:
                with friendly(what):
                    raise
        time.sleep(pause)
    raise AssertionError  # pragma: no cover - the pauses do not end


def _pauses() -> Iterator[float]:
    pause = 0.05
    while True:
        yield pause
        pause = min(1.0, pause * 2)
