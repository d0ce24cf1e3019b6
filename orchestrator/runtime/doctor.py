"""``expunge doctor``: small checks, each of which says ok, finding or unknown. What cannot be told is never green."""

from __future__ import annotations

import datetime as dt
import functools
from collections import Counter
from collections.abc import Iterator
from typing import Final

import msgspec
import sqlalchemy as sa

from orchestrator.cache.connection import connect, url_of
from orchestrator.cache.suppression import SuppressionCache
from orchestrator.engine import holds, incidents
from orchestrator.errors import ExpungeError
from orchestrator.keys import KeyFolder
from orchestrator.ports import Clock
from orchestrator.runtime import doctor_ledger, doctor_recipients
from orchestrator.runtime.doctor_kafka import KafkaChecks
from orchestrator.runtime.findings import Check, Finding, failed, made
from orchestrator.runtime.systems import check_systems, openers
from orchestrator.settings import Settings
from orchestrator.store import migrate
from orchestrator.store import tables as t
from orchestrator.store.figures import Figures
from orchestrator.store.opening import open_store
from orchestrator.store.store import SqlStore
from schemas.requests import utc

SKEW: Final = dt.timedelta(seconds=60)
_UNPUBLISHED: Final = 300.0
"""Seconds after which the relay should have published what was released."""
_OF_STORE: Final = (
    "migrations", "clocks", "backlog", "keys of senders", "holds", "mails", "recipients", "ledger", "incidents",
)  # fmt: skip
"""Checks that read the store."""
_CLASSES: Final = 5
_INCIDENT: Final = "`expunge incident show`, then `tell`, `amend` or `close`"


class Doctor:
    """All the checks of an installation."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock

    def examine(self) -> list[Finding]:
        """Make every check; one that breaks says so and stops none of the others."""
        found = made("keys", self._keys)
        store, about = self._opened()
        try:
            found += about if store is None else [*about, *self._of_store(store)]
            found += made("cache", self._cache)
            found += KafkaChecks(self._settings, store, self._clock).examine()
        finally:
            if store is not None:
                store.close()
        for one in self._settings.systems:
            found += made(f"system {one.system}", self._system_check(one.system))
        return found

    def _opened(self) -> tuple[SqlStore | None, list[Finding]]:
        """Open the store; where it cannot be used, what hangs on it is unknown and everything else is still told."""
        try:
            store = open_store(self._settings)
            try:
                with store.read() as tx:
                    tx.connection.execute(sa.text("SELECT 1"))
            except BaseException:
                store.close()
                raise
        except ExpungeError as error:
            first = failed("store", error)
            text = "the store cannot be read"
            return None, [first, *(Finding(one, "unknown", text, first.fix, first.unreachable) for one in _OF_STORE)]
        return store, [Finding("store", "ok", "reached, and we are let in")]

    def _of_store(self, store: SqlStore) -> Iterator[Finding]:
        checks = (
            _migrations, self._clocks, self._backlog, _parked, self._holds, self._mails, self._recipients,
            self._ledger, self._incidents,
        )  # fmt: skip
        for name, check in zip(_OF_STORE, checks, strict=True):
            yield from made(name, functools.partial(check, store))

    # -- checks -------------------------------------------------------------------------------------------
    def _keys(self) -> Iterator[Finding]:
        KeyFolder(self._settings.keys, [one.system for one in self._settings.systems])
        yield Finding("keys", "ok", "all there, and only their owner can read them")

    def _clocks(self, store: SqlStore) -> Iterator[Finding]:
        now = self._clock.now()
        with store.read() as tx:
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

    def _backlog(self, store: SqlStore) -> Iterator[Finding]:
        found = {(one.name, *one.labels.values()): one.value for one in Figures(store, self._clock)()}
        rules = (
            (("expunge_dead_letters",), 0.0, "events could not be applied", "`expunge dead-letters list`"),
            (("expunge_outbox", "quarantined"), 0.0, "tasks can never be published", "`expunge list --attention`"),
            (("expunge_deadlines", "overdue"), 0.0, "requests are past their deadline", "`expunge list --open`"),
            (
                ("expunge_oldest_unpublished_seconds",), _UNPUBLISHED, "seconds the oldest task waits for the broker",
                "is `expunge orchestrate` running, and the broker reachable?",
            ),
        )  # fmt: skip
        wrong = [(key[0], found[key], text, fix) for key, most, text, fix in rules if found.get(key, 0.0) > most]
        for name, value, text, fix in wrong:
            why = f" ({_classes(store)})" if name == "expunge_dead_letters" else ""
            yield Finding("backlog", "finding", f"{value:.0f} {text}{why}", fix)
        strangers = self._strangers(store)
        for system, count in strangers:
            text = f"{count} tasks wait for system {system}, which is not connected here"
            fix = "connect it again in expunge.toml; until then their requests cannot be completed"
            yield Finding("backlog", "finding", text, fix)
        if not wrong and not strangers:
            yield Finding("backlog", "ok", "nothing dead, overdue, quarantined, unpublished or without a system")

    def _holds(self, store: SqlStore) -> Iterator[Finding]:
        today = utc(self._clock.now())[:10]
        with store.read() as tx:
            rows = tx.holds()
        late = [one for one in rows if holds.due(one, today)]
        for one in late:
            fix = "`expunge hold release`, or release it and place it anew with a later day"
            yield Finding("holds", "finding", f"{one.hold_id}: {one.owner} had to look at it by {one.review_by}", fix)
        if not late:
            standing = sum(one.released_at is None for one in rows)
            yield Finding("holds", "ok", f"{standing} legal holds, and no review is due")

    def _mails(self, store: SqlStore) -> Iterator[Finding]:
        with store.read() as tx:
            rows = tx.waiting_mails()
        if rows:
            text = f"{len(rows)} mails wait for {self._settings.mail.owner}, the oldest since {rows[0].arrived_at[:10]}"
            yield Finding("mails", "finding", text, "`expunge intake mail --waiting`: the time to answer runs already")
        else:
            yield Finding("mails", "ok", "no mail waits for a person")

    def _recipients(self, store: SqlStore) -> Iterator[Finding]:
        yield from doctor_recipients.examine(self._settings, store, utc(self._clock.now())[:10])

    def _ledger(self, store: SqlStore) -> Iterator[Finding]:
        yield from doctor_ledger.examine(self._settings, store, self._clock)

    def _incidents(self, store: SqlStore) -> Iterator[Finding]:
        now = utc(self._clock.now())
        with store.read() as tx:
            found = [incidents.read(one) for one in tx.incidents() if one.closed_at is None]
        for one in found:
            by = one.notify_by()
            late = "had to be told" if by and by <= now else "is to be told"
            text = f"an authority {late} by {by[:16]}Z" if by else "every authority was told"
            if one.owing() and not by:
                text = "for an authority no time is known here"
            yield Finding("incidents", "finding", f"{one.incident_id} is open for {one.owner}: {text}", _INCIDENT)
        if not found:
            yield Finding("incidents", "ok", "no incident is open")

    def _strangers(self, store: SqlStore) -> list[tuple[str, int]]:
        known = [one.system for one in self._settings.systems]
        query = sa.select(t.outbox.c.system, sa.func.count()).where(t.outbox.c.system.not_in(known))
        with store.read() as tx:
            rows = tx.connection.execute(query.group_by(t.outbox.c.system).order_by(t.outbox.c.system))
            return [(str(system), int(count)) for system, count in rows]

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


def _migrations(store: SqlStore) -> Iterator[Finding]:
    migrate.check(store.engine)
    yield Finding("migrations", "ok", "the tables are this version's")


def _parked(store: SqlStore) -> Iterator[Finding]:
    query = sa.select(sa.func.count()).where(t.parked.c.reason == "unknown_key")
    with store.read() as tx:
        count = tx.connection.execute(query).scalar_one()
    if count:
        fix = "restore that key, or let the senders take keys/intake.pub.jwk; nothing is lost meanwhile"
        yield Finding("keys of senders", "finding", f"{count} events are sealed to a key that is not held", fix)
    else:
        yield Finding("keys of senders", "ok", "no event is sealed to a key that is not held")


def _classes(store: SqlStore) -> str:
    """Give the classes of errors of dead letters, most first; what stands behind a colon may say anything."""
    with store.read() as tx:
        errors = tx.connection.execute(sa.select(t.dead_letters.c.error)).scalars()
        counted = Counter(one.partition(":")[0] for one in errors)
    return ", ".join(f"{count} {name}" for name, count in counted.most_common(_CLASSES))
