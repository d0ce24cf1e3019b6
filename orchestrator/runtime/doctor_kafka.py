"""What ``expunge doctor`` looks at in Kafka: topics, partitions, retention, rights, positions, workers.

One connection tells whether the brokers can be reached at all. Where they cannot, every other check says that it does
not know, and none waits for them once more.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

from orchestrator.bus.admin import connected
from orchestrator.bus.drift import Cluster, Difference, Kind, differences
from orchestrator.bus.hearing import SKEW, Hearing, listen, troubles
from orchestrator.bus.letters import letters_of_workers
from orchestrator.bus.offsets import Brokers, compare
from orchestrator.bus.topology import Topology, wanted
from orchestrator.keys import KeyFolder
from orchestrator.ports import Clock
from orchestrator.runtime.findings import Finding, Level, failed, made
from orchestrator.settings import Settings
from orchestrator.store.store import SqlStore
from schemas import topics
from schemas.sealing import SharedKey

APPLY: Final = "`expunge kafka plan` shows it, `expunge kafka apply` mends it"
LATELY: Final = dt.timedelta(days=1)
"""Nobody marks a letter in a topic as looked at: after so long it is not told any more."""
_LETTERS: Final = "letters of workers"
_AGES: Final = frozenset({"cleanup.policy", "message.timestamp.type", "retention.bytes", "retention.ms", "segment.ms"})
"""What decides how long a message stays; everything else is plain configuration."""
_UNSEEN: Final[frozenset[Kind]] = frozenset({"topic-unseen", "config-unseen", "rights-unseen"})


class _Area(NamedTuple):
    """Differences that one check tells of, and what it says when there is none."""

    check: str
    kinds: frozenset[Kind]
    fine: str


_AREAS: Final = (
    _Area("topics", frozenset({"topic-missing", "topic-unseen", "topic-unused"}), "all {count} are there"),
    _Area("partitions", frozenset({"partitions-few", "partitions-many", "replication"}), "as many as configured"),
    _Area("retention", frozenset({"config", "config-unseen"}), "messages go when they should"),
    _Area("configuration", frozenset({"config", "config-unseen"}), "as it has to be, on every topic"),
    _Area(
        "rights", frozenset({"right-missing", "right-extra", "right-denied", "rights-unseen", "no-authorizer"}),
        "each program may do what it has to, and nothing more",
    ),
)  # fmt: skip


class KafkaChecks:
    """The checks of one cluster."""

    def __init__(self, settings: Settings, store: SqlStore | None, clock: Clock) -> None:
        """Prepare. ``store``: None where it cannot be opened."""
        self._settings = settings
        self._store = store
        self._clock = clock

    def examine(self) -> list[Finding]:
        """Make every check; one that breaks stops none of the others."""
        kafka = self._settings.kafka
        if not kafka.bootstrap_servers:
            return [Finding("broker", "ok", "no broker is configured: the embedded runtime needs none")]
        names = [*(one.check for one in _AREAS), "positions", "workers", _LETTERS]
        try:
            topology = wanted(kafka, {one.system: one.connector for one in self._settings.systems})
            with connected(kafka) as admin:
                cluster = admin.look(topology)
        except Exception as error:  # noqa: BLE001 - told like every check that breaks; the others are told too
            first = failed("broker", error)
            text = "no broker answers" if first.unreachable else "the brokers cannot be asked"
            return [first, *(Finding(name, "unknown", text, first.fix, first.unreachable) for name in names)]
        return [
            Finding("broker", "ok", "reached, and we are let in"),
            *compared(topology, cluster),
            *made("positions", lambda: self._positions(cluster)),
            *made("workers", lambda: self._workers(cluster)),
            *made(_LETTERS, lambda: self._letters(cluster)),
        ]

    def _positions(self, cluster: Cluster) -> Iterator[Finding]:
        read = (topics.REQUESTS.name, topics.CONFIRMATIONS.name)
        if absent := [name for name in read if name not in cluster.topics]:
            yield Finding("positions", "unknown", f"there is no topic {absent[0]} to compare with", APPLY)
            return
        if self._store is None:
            yield Finding("positions", "unknown", "the store cannot be read", unreachable=True)
            return
        group = self._settings.kafka.orchestrator_group
        with Brokers(self._settings.kafka) as brokers:
            partitions = brokers.partitions(group, read)
        with self._store.read() as tx:
            found = compare(partitions, tx.positions(group))
        for one in found:
            text = f"topic {one.topic}, partition {one.partition}: {one.kind}; store {one.expected}, broker {one.found}"
            yield Finding("positions", "finding", text, "`expunge store recover`")
        if not found:
            yield Finding("positions", "ok", "store and broker agree")

    def _workers(self, cluster: Cluster) -> Iterator[Finding]:
        if topics.HEARTBEATS.name not in cluster.topics:
            yield Finding("workers", "unknown", f"there is no topic {topics.HEARTBEATS.name} to hear them in", APPLY)
            return
        systems = [one.system for one in self._settings.systems]
        keys = KeyFolder(self._settings.keys, systems)
        now = self._clock.now()
        yield from heard_of(systems, listen(self._settings.kafka, keys.system, now), keys.system, now)

    def _letters(self, cluster: Cluster) -> Iterator[Finding]:
        if topics.DEAD_LETTERS.name not in cluster.topics:
            yield Finding(_LETTERS, "unknown", f"there is no topic {topics.DEAD_LETTERS.name} to read", APPLY)
            return
        keys = KeyFolder(self._settings.keys, [one.system for one in self._settings.systems])
        found = letters_of_workers(self._settings.kafka, keys.system, keys.intake, self._clock.now(), LATELY)
        counted = Counter((one.letter.system, one.letter.error) for one in found)
        for (system, error), count in sorted(counted.items()):
            text = f"{count} messages of the last day that no worker could read as a task: {error}, system {system}"
            yield Finding(_LETTERS, "finding", text, "`expunge dead-letters workers` lists them")
        if not found:
            yield Finding(_LETTERS, "ok", "none in the last day")


def heard_of(
    systems: Sequence[str], hearing: Hearing, key_of: Callable[[str], SharedKey], now: dt.datetime
) -> Iterator[Finding]:
    """Say of every system whether it has a worker in order (I12), and of the brokers whether their clock is ours."""
    wrong: set[str] = set()
    for system, text, fix in troubles(systems, hearing.heard, key_of):
        wrong.add(system)
        yield Finding(f"workers of {system}", "finding", text, fix)
    for system in systems:
        if system not in wrong:
            yield Finding(f"workers of {system}", "ok", "heard of in the last minute")
    for system in hearing.unproven:
        known = "which its key did not make" if system in systems else "which is not connected here"
        text = f"heartbeats come that name system {system}, {known}"
        fix = "a worker with another key or another configuration, or somebody who may write that topic"
        yield Finding("workers", "finding", text, fix)
    if (behind := hearing.behind(now)) > SKEW:
        text = f"the brokers' clock is {behind.total_seconds():.0f} seconds ahead of ours"
        yield Finding("clock of the brokers", "finding", text, "let both machines ask a time server (NTP)")


def compared(topology: Topology, cluster: Cluster) -> Iterator[Finding]:
    """Say by area where the cluster is not as wanted; what may not be seen is unknown (fail closed)."""
    found = differences(topology, cluster)
    absent = [one.where for one in found if one.kind in {"topic-missing", "topic-unseen"}]
    for area in _AREAS:
        if area.check == "rights" and topology.rights is None:
            text = "[kafka] acls = false: rights are given elsewhere, and not looked at"
            yield Finding("rights", "unknown", text, "look at them where they are given; acls = true if that is here")
            continue
        some = [one for one in found if one.kind in area.kinds and _belongs(one, area)]
        yield from (_told(one, area.check) for one in some)
        if any(not one.note for one in some):
            continue
        if absent and area.check not in {"topics", "rights"}:
            # Of topics that are not there nothing can be said; the others were looked at.
            yield Finding(area.check, "unknown", f"of {len(absent)} topics that are not there or not seen", APPLY)
        elif not absent or area.check == "rights":
            yield Finding(area.check, "ok", area.fine.format(count=len(topology.topics)))


def _belongs(one: Difference, area: _Area) -> bool:
    if one.kind != "config":
        return True
    return (one.what in _AGES) is (area.check == "retention")


def _told(one: Difference, check: str) -> Finding:
    values = f" (is {one.have or 'nothing'}, wanted {one.want})" if one.want else ""
    level: Level = "ok" if one.note else ("unknown" if one.kind in _UNSEEN else "finding")
    return Finding(check, level, f"{one.where}: {one.what}{values}", one.fix or ("" if one.note else APPLY))
