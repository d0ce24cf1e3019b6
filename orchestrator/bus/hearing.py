"""Which workers were heard of lately: the end of the topic of heartbeats, read by whoever wants to know (I12).

Nothing is stored and no group is joined. A heartbeat counts only if it was made with its system's key.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Iterator
from typing import Final

import msgspec

from connectors.kafka.settings import KafkaSettings
from orchestrator.bus.tail import at, tail
from orchestrator.errors import UsageError
from schemas import batches, envelope
from schemas.codec import decode, decode_event
from schemas.envelope import CloudEvent
from schemas.errors import SchemaError
from schemas.heartbeats import EVERY_SECONDS, Heartbeat
from schemas.sealing import SharedKey
from schemas.topics import HEARTBEATS
from schemas.wrapping import source_of

SILENCE: Final = dt.timedelta(seconds=6 * EVERY_SECONDS)
"""Who was not heard of for so long is silent."""
SKEW: Final = dt.timedelta(seconds=30)
"""A worker's clock may be off by so much: leases are counted in minutes."""


class Heard(msgspec.Struct, frozen=True):
    """The last heartbeat of one worker. ``arrived``: by the broker's or sender's clock, as the topic stamps it."""

    beat: Heartbeat
    arrived: dt.datetime


class Hearing(msgspec.Struct, frozen=True):
    """What the end of the topic says.

    Attributes:
        heard: The last heartbeat of every worker that was heard of within ``SILENCE`` and has not said goodbye.
        unproven: Systems that heartbeats name without being made with their key: not connected here, or forged.
        newest: When the last one came, by the brokers' clock; None if none is young enough.
    """

    heard: list[Heard]
    unproven: tuple[str, ...]
    newest: dt.datetime | None

    def behind(self, now: dt.datetime) -> dt.timedelta:
        """Give how far the brokers' clock is ahead of ours; never negative, since messages may just be missing."""
        return max(dt.timedelta(0), self.newest - now) if self.newest is not None else dt.timedelta(0)


def hear(settings: KafkaSettings, key_of: Callable[[str], SharedKey], now: dt.datetime) -> list[Heard]:
    """Give ``listen(...).heard``."""
    return listen(settings, key_of, now).heard


def listen(settings: KafkaSettings, key_of: Callable[[str], SharedKey], now: dt.datetime) -> Hearing:
    """Read the end of the topic.

    Raises:
        UnavailableError: no broker answers. MisconfiguredError: we are not let in.
    """
    records = tail(settings, HEARTBEATS.name, now - SILENCE)
    return _understood([(at(one), one.value or b"") for one in records], key_of, now)


def _understood(
    messages: Iterable[tuple[dt.datetime, bytes]], key_of: Callable[[str], SharedKey], now: dt.datetime
) -> Hearing:
    last: dict[tuple[str, str], Heard] = {}
    unproven: set[str] = set()
    newest: dt.datetime | None = None
    for arrived, value in sorted(messages, key=lambda one: one[0]):
        newest = arrived
        for beat, proven in _beats(value, key_of):
            if proven:
                last[beat.system, beat.worker] = Heard(beat, arrived)
            else:
                unproven.add(beat.system)
    # Silence is counted by the clock that stamped them: ours may be behind, and who is silent must not pass for there.
    since = max(now, newest or now) - SILENCE
    heard = [one for one in last.values() if one.beat.state != "stopping" and one.arrived >= since]
    return Hearing(heard, tuple(sorted(unproven)), newest)


def _beats(value: bytes, key_of: Callable[[str], SharedKey]) -> Iterator[tuple[Heartbeat, bool]]:
    """Give every heartbeat of a message, and whether it was made with its system's key."""
    for one in batches.unpack(value):
        if not isinstance(one, bytes):
            continue
        try:
            event = decode_event(one)
            beat = decode(bytes(event.data), Heartbeat)
        except SchemaError:
            continue  # whoever sent it: it is not the word of a worker
        if event.type == envelope.HEARTBEAT and event.source == source_of(beat.system):
            yield beat, _is_proven(beat.system, event, key_of)


def _is_proven(system: str, event: CloudEvent, key_of: Callable[[str], SharedKey]) -> bool:
    try:
        key_of(system).check_mac(bytes(event.data), event.expungemac)
    except (SchemaError, UsageError):
        return False
    return True


def troubles(
    systems: Iterable[str], heard: Iterable[Heard], key_of: Callable[[str], SharedKey]
) -> Iterator[tuple[str, str, str]]:
    """Give (system, what is wrong, what to do) for every system without a worker, and every worker not in order."""
    by_system: dict[str, list[Heard]] = {}
    for one in heard:
        by_system.setdefault(one.beat.system, []).append(one)
    for system in systems:
        workers = by_system.get(system, [])
        if not any(one.beat.state in {"ready", "working"} for one in workers):
            waiting = next((one.beat.state for one in workers), "")
            if not waiting:
                yield system, "no worker was heard of in the last minute", f"start one: `expunge connect {system}`"
            elif waiting == "standby":
                yield system, "its worker stands by: another one holds the files", "end the one that is stuck"
        for one in workers:
            name = one.beat.worker
            if one.beat.state == "waiting_for_key":
                yield system, f"worker {name} waits for a key", f"give it the key file system-{system}.jwk"
            elif key_of(system).kid not in one.beat.kids:
                yield system, f"worker {name} does not hold the active key", f"give it system-{system}.jwk"
            skew = abs(dt.datetime.fromisoformat(one.beat.at) - one.arrived)
            if skew > SKEW:
                yield system, f"the clock of worker {name} is off by {skew.total_seconds():.0f} s", "set its clock"
