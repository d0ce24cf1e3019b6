"""``expunge doctor``: small checks, each of which says ok, finding or unknown. What cannot be told is never green."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterator
from typing import Final, Literal

import msgspec
import sqlalchemy as sa

from connectors.errors import ConnectorError, MisconfiguredError
from orchestrator.cache.connection import connect, url_of
from orchestrator.cache.suppression import SuppressionCache
from orchestrator.errors import DependencyError, ExpungeError
from orchestrator.keys import KeyFolder
from orchestrator.ports import Clock
from orchestrator.runtime.systems import check_systems, openers
from orchestrator.settings import Settings
from orchestrator.store import migrate
from orchestrator.store import tables as t
from orchestrator.store.figures import Figures
from orchestrator.store.store import SqlStore
from schemas import topics

SKEW: Final = dt.timedelta(seconds=60)
_UNPUBLISHED: Final = 300.0
"""Seconds after which the relay should have published what was released."""

Level = Literal["ok", "finding", "unknown"]


class Finding(msgspec.Struct, omit_defaults=True):
    """What one check says. ``unreachable``: a dependency is away, so the check could not be made."""

    check: str
    level: Level
    text: str = ""
    fix: str = ""
    unreachable: bool = False


Check = Callable[[], Iterator[Finding]]


class Doctor:
    """All the checks of an installation."""

    def __init__(self, settings: Settings, store: SqlStore, clock: Clock) -> None:
        self._settings = settings
        self._store = store
        self._clock = clock

    def examine(self) -> list[Finding]:
        """Make every check; one that breaks says so and stops none of the others."""
        checks: dict[str, Check] = {
            "keys": self._keys,
            "migrations": self._migrations,
            "clocks": self._clocks,
            "workers": self._workers,
            "backlog": self._backlog,
            "keys of senders": self._parked,
            "cache": self._cache,
            "broker": self._broker,
        }
        checks |= {f"system {one.system}": self._system_check(one.system) for one in self._settings.systems}
        return [one for name, check in checks.items() for one in _made(name, check)]

    # -- checks -------------------------------------------------------------------------------------------
    def _keys(self) -> Iterator[Finding]:
        KeyFolder(self._settings.keys, [one.system for one in self._settings.systems])
        yield Finding("keys", "ok", "all there, and only their owner can read them")

    def _migrations(self) -> Iterator[Finding]:
        migrate.check(self._store.engine)
        yield Finding("migrations", "ok", "the tables are this version's")

    def _clocks(self) -> Iterator[Finding]:
        now = self._clock.now()
        with self._store.read() as tx:
            newest = tx.connection.execute(
                sa.select(t.journal.c.observed_at).order_by(t.journal.c.seq.desc()).limit(1)
            ).scalar()
            shared = tx.connection.dialect.name == "postgresql"
            theirs = tx.connection.execute(sa.text("SELECT clock_timestamp()")).scalar_one() if shared else now
        off = abs(theirs - now)
        if off > SKEW:
            text = f"the database's clock and ours are {off.total_seconds():.0f} seconds apart"
            yield Finding("clocks", "finding", text, "let both machines ask a time server (NTP)")
        ahead = dt.datetime.fromisoformat(newest) - now if newest else dt.timedelta(0)
        if ahead > SKEW:
            text = f"the journal's newest event lies {ahead.total_seconds():.0f} seconds in the future"
            yield Finding("clocks", "finding", text, "an orchestrator's clock runs ahead, or this one is behind")
        if off <= SKEW and ahead <= SKEW:
            yield Finding("clocks", "ok", "the store's and ours agree within a minute")

    def _backlog(self) -> Iterator[Finding]:
        found = {(one.name, *one.labels.values()): one.value for one in Figures(self._store, self._clock)()}
        rules = (
            (("expunge_dead_letters",), 0.0, "events could not be applied", "`expunge dead-letters list`"),
            (("expunge_outbox", "quarantined"), 0.0, "tasks can never be published", "`expunge list --attention`"),
            (("expunge_deadlines", "overdue"), 0.0, "requests are past their deadline", "`expunge list --open`"),
            (
                ("expunge_oldest_unpublished_seconds",), _UNPUBLISHED, "seconds the oldest task waits for the broker",
                "is `expunge orchestrate` running, and the broker reachable?",
            ),
        )  # fmt: skip
        wrong = [(found[key], text, fix) for key, most, text, fix in rules if found.get(key, 0.0) > most]
        for value, text, fix in wrong:
            yield Finding("backlog", "finding", f"{value:.0f} {text}", fix)
        if not wrong:
            yield Finding("backlog", "ok", "nothing dead, overdue, quarantined or unpublished")

    def _parked(self) -> Iterator[Finding]:
        query = sa.select(sa.func.count()).where(t.parked.c.reason == "unknown_key")
        with self._store.read() as tx:
            count = tx.connection.execute(query).scalar_one()
        if count:
            fix = "restore that key, or let the senders take keys/intake.pub.jwk; nothing is lost meanwhile"
            yield Finding("keys of senders", "finding", f"{count} events are sealed to a key that is not held", fix)
        else:
            yield Finding("keys of senders", "ok", "no event is sealed to a key that is not held")

    def _cache(self) -> Iterator[Finding]:
        if not url_of(self._settings.redis):
            yield Finding("cache", "ok", "no Redis is configured: the store answers alone")
            return
        client = connect(self._settings.redis)
        try:
            marker = SuppressionCache(client).marker()
        finally:
            client.close()
        if marker.complete:
            yield Finding("cache", "ok", "complete")
        else:
            fix = "is `expunge suppression serve` running? `expunge cache rebuild` makes it anew"
            yield Finding("cache", "finding", "the suppression cache is not complete; the store answers instead", fix)

    def _broker(self) -> Iterator[Finding]:
        if not self._settings.kafka.bootstrap_servers:
            yield Finding("broker", "ok", "no broker is configured: the embedded runtime needs none")
            return
        from orchestrator.bus.offsets import Brokers, compare

        group = self._settings.kafka.orchestrator_group
        wanted = [one.name for one in topics.FIXED]
        wanted += [topics.tasks_of(one.system).name for one in self._settings.systems]
        with Brokers(self._settings.kafka) as brokers:
            there = brokers.topic_ids(wanted)
            read = [one for one in (topics.REQUESTS.name, topics.CONFIRMATIONS.name) if one in there]
            partitions = brokers.partitions(group, read)
        with self._store.read() as tx:
            troubles = compare(partitions, tx.positions(group))
        for name in [one for one in wanted if one not in there]:
            yield Finding("topics", "finding", f"topic {name} is missing", "`expunge kafka apply`")
        for one in troubles:
            text = f"topic {one.topic}, partition {one.partition}: {one.kind}; store {one.expected}, broker {one.found}"
            yield Finding("positions", "finding", text, "`expunge store recover`")
        if len(there) == len(wanted):
            yield Finding("topics", "ok", f"all {len(wanted)} are there")
        if not troubles:
            yield Finding("positions", "ok", "store and broker agree")
        yield Finding("retention and rights", "unknown", "not looked at here", "`expunge kafka plan` compares them")

    def _workers(self) -> Iterator[Finding]:
        if not self._settings.kafka.bootstrap_servers:
            return
        from orchestrator.bus.hearing import hear, troubles

        systems = [one.system for one in self._settings.systems]
        keys = KeyFolder(self._settings.keys, systems)
        found = list(troubles(systems, hear(self._settings.kafka, keys.system, self._clock.now()), keys.system))
        for system, text, fix in found:
            yield Finding(f"workers of {system}", "finding", text, fix)
        if not found:
            yield Finding("workers", "ok", "each system has one that was heard of in the last minute")

    def _system_check(self, name: str) -> Check:
        def check() -> Iterator[Finding]:
            systems = tuple(one for one in self._settings.systems if one.system == name)
            alone = msgspec.structs.replace(self._settings, systems=systems)
            warnings = check_systems(openers(alone))
            for _, text in warnings:
                yield Finding(f"system {name}", "finding", text)
            if not warnings:
                yield Finding(f"system {name}", "ok", "its data map fits its store")

        return check


def _made(name: str, check: Check) -> list[Finding]:
    try:
        return list(check())
    except DependencyError as error:
        text = ": ".join(filter(None, (error.what, error.why)))
        return [Finding(name, "unknown", text, error.fix, unreachable=True)]
    except ExpungeError as error:
        return [Finding(name, "finding", ": ".join(filter(None, (error.where, error.what, error.why))), error.fix)]
    except MisconfiguredError as error:
        return [Finding(name, "finding", error.message, error.fix)]
    except ConnectorError as error:
        return [Finding(name, "unknown", f"cannot be reached: {error.code}", unreachable=True)]
    except Exception as error:  # noqa: BLE001 - a check that breaks must not hide the others; its text may be data
        return [Finding(name, "unknown", f"the check broke: {type(error).__name__}", "report it")]
