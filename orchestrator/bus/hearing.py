"""Which workers were heard of lately: the end of the topic of heartbeats, read by whoever wants to know (I12).

Nothing is stored and no group is joined. A heartbeat counts only if it was made with its system's key.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final

import msgspec

from connectors.errors import UnavailableError
from connectors.kafka.client import consumer_options, friendly
from connectors.kafka.settings import KafkaSettings
from orchestrator.errors import UsageError
from schemas import batches, envelope
from schemas.codec import decode, decode_event
from schemas.errors import SchemaError
from schemas.heartbeats import EVERY_SECONDS, Heartbeat
from schemas.sealing import SharedKey
from schemas.topics import HEARTBEATS
from schemas.wrapping import source_of

SILENCE: Final = dt.timedelta(seconds=6 * EVERY_SECONDS)
"""Who was not heard of for so long is silent."""
SKEW: Final = dt.timedelta(seconds=30)
"""A worker's clock may be off by so much: leases are counted in minutes."""
_PATIENCE: Final = 15.0


class Heard(msgspec.Struct, frozen=True):
    """The last heartbeat of one worker. ``arrived``: by the broker's or sender's clock, as the topic stamps it."""

    beat: Heartbeat
    arrived: dt.datetime


def hear(settings: KafkaSettings, key_of: Callable[[str], SharedKey], now: dt.datetime) -> list[Heard]:
    """Give the last heartbeat of every worker that was heard of within ``SILENCE`` and has not said goodbye.

    Raises:
        UnavailableError: no broker answers. MisconfiguredError: we are not let in.
    """
    import kafka

    with friendly(f"topic {HEARTBEATS.name}"):
        consumer = kafka.KafkaConsumer(**consumer_options(settings, "unused") | {"group_id": None})
        try:
            records = _since(consumer, now - SILENCE)
        finally:
            consumer.close(autocommit=False)
    last: dict[tuple[str, str], Heard] = {}
    for record in sorted(records, key=lambda one: one.timestamp):
        arrived = dt.datetime.fromtimestamp(record.timestamp / 1000, dt.UTC)
        for beat in _beats(record.value or b"", key_of):
            last[beat.system, beat.worker] = Heard(beat, arrived)
    return [one for one in last.values() if one.beat.state != "stopping" and one.arrived >= now - SILENCE]


def _since(consumer: Any, start: dt.datetime) -> list[Any]:
    from kafka import TopicPartition

    places = [TopicPartition(HEARTBEATS.name, one) for one in consumer.partitions_for_topic(HEARTBEATS.name) or ()]
    if not places:
        return []
    consumer.assign(places)
    ends = consumer.end_offsets(places)
    starts = consumer.offsets_for_times(dict.fromkeys(places, int(start.timestamp() * 1000)))
    for place in places:
        found = starts.get(place)
        consumer.seek(place, found.offset if found is not None else ends[place])
    records: list[Any] = []
    until = time.monotonic() + _PATIENCE
    while any(consumer.position(place) < ends[place] for place in places):
        if time.monotonic() > until:
            raise UnavailableError(
                "kafka", f"topic {HEARTBEATS.name} cannot be read", fix="see that all brokers are up"
            )
        for many in consumer.poll(timeout_ms=500).values():
            records += many
    return records


def _beats(value: bytes, key_of: Callable[[str], SharedKey]) -> Iterator[Heartbeat]:
    for one in batches.unpack(value):
        if not isinstance(one, bytes):
            continue
        try:
            event = decode_event(one)
            beat = decode(bytes(event.data), Heartbeat)
            if event.type == envelope.HEARTBEAT and event.source == source_of(beat.system):
                key_of(beat.system).check_mac(bytes(event.data), event.expungemac)
                yield beat
        except (SchemaError, UsageError):
            continue  # whoever sent it: it is not the word of a worker of ours


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
