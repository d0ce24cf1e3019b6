"""``expunge store migrate|check|recover``: what an operator does with the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from orchestrator.cli.checking import Finding, print_findings
from orchestrator.cli.desk import Desk
from orchestrator.engine.auditing import audit
from orchestrator.engine.stored import StoredPlans
from orchestrator.errors import UsageError
from orchestrator.store import migrate as migrations
from orchestrator.store.database import HEAD
from orchestrator.store.opening import is_shared, name_of, open_engine

if TYPE_CHECKING:
    from orchestrator.bus.offsets import Partition
    from orchestrator.bus.recovering import Recovery
    from orchestrator.ports import Position
    from orchestrator.settings import Settings
    from orchestrator.store.store import SqlStore

_SHOWN = 20
"""Requests that a finding names."""


def migrate(desk: Desk) -> int:
    """Create the tables, or bring them to this version; two at once do it once.

    Raises:
        UsageError: the database is of a newer version. DependencyError: it cannot be reached.
    """
    settings = desk.settings()
    if not is_shared(settings) and not settings.store.exists():
        where = str(settings.store)
        raise UsageError("there is no database yet", where=where, fix="run `expunge init` in the folder")
    engine = open_engine(settings)
    try:
        migrations.migrate(engine)
    finally:
        engine.dispose()
    head = {"store": name_of(engine), "version": HEAD}
    desk.screen.data(head, lambda out: out.print(f"{head['store']}: version {head['version']}"))
    return 0


def check(desk: Desk) -> int:
    """Look at the store: its version, what waits, its positions against the brokers', its journal against its states.

    Returns:
        0; 1 with findings.

    Raises:
        UsageError: the database has no tables, or those of another version. DependencyError: it cannot be reached.
    """
    settings = desk.settings()
    with desk.store(settings) as store:
        migrations.check(store.engine)
        found = [Finding("ok", "version", HEAD), *_durable(store), *_parked(store)]
        found += _positions(settings, store) + _audit(store)
    desk.screen.data(found, lambda out: print_findings(out, found))
    wrong = sum(one.level != "ok" for one in found)
    desk.screen.say(f"{wrong} findings" if wrong else "the store is whole")
    return 1 if wrong else 0


def recover(desk: Desk) -> int:
    """Let the topics be read again from where the store stands: after it was restored, or a topic was made anew.

    Returns:
        0; 1 if messages are gone that the store never read.

    Raises:
        UsageError: there is no Kafka in the configuration.
        DependencyError: an orchestrator still runs; store or brokers cannot be reached.
    """
    from orchestrator.bus import recovering
    from orchestrator.bus.offsets import Brokers

    settings = desk.settings()
    if not settings.kafka.bootstrap_servers:
        raise UsageError("there is no Kafka to recover from", where=str(settings.file), fix="see [kafka]")
    group = settings.kafka.orchestrator_group
    with desk.store(settings) as store, Brokers(settings.kafka) as brokers:
        migrations.check(store.engine)
        partitions = brokers.partitions(group, _topics())
        todo = recovering.plan(partitions, _stored(store, group))
        # The group first: it refuses while somebody reads. What is done twice is done once.
        brokers.rewind(group, todo.offsets)
        if todo.steps:
            with store.write() as tx:
                tx.put_positions(group, todo.positions)
                if todo.again:
                    tx.put_positions(recovering.to_read_again(group), todo.again)
    desk.screen.data(list(todo.steps), lambda out: out.print(_told(todo)))
    gone = sum(one.gone for one in todo.steps)
    if gone:
        desk.screen.say(f"{gone} messages are gone that the store never read: ask the publishers to send them again")
    return 1 if gone else 0


def _told(todo: Recovery) -> str:
    lines = [f"{one.topic} {one.partition}: {one.kind}; reads on at {one.after}" for one in todo.steps]
    return "\n".join(lines) or "store and brokers fit: nothing to do"


def _topics() -> list[str]:
    from schemas import topics

    return [topics.REQUESTS.name, topics.CONFIRMATIONS.name]


def _stored(store: SqlStore, group: str) -> list[Position]:
    with store.read() as tx:
        return tx.positions(group)


def _durable(store: SqlStore) -> list[Finding]:
    """A server that acknowledges what it may lose is not what positions and proofs rest on."""
    if store.engine.dialect.name != "postgresql":
        return []
    wrong: list[Finding] = []
    with store.read() as tx:
        for name in ("fsync", "synchronous_commit", "full_page_writes"):
            if tx.connection.execute(sa.text(f"SHOW {name}")).scalar() == "off":
                text = f"{name} is off: a crash of the server may lose what was acknowledged"
                wrong.append(Finding("warning", "durability", text, store.where, f"set {name} = on"))
    return wrong or [Finding("ok", "durability")]


def _parked(store: SqlStore) -> list[Finding]:
    with store.read() as tx:
        counts = tx.parked()
    keyless, early = counts.get("unknown_key", 0), counts.get("too_early", 0)
    found: list[Finding] = []
    if keyless:
        text = f"{keyless} events are sealed to a key that is not held"
        found.append(
            Finding("error", "parked", text, store.where, "restore that key; they are tried again by themselves")
        )
    if early:
        text = f"{early} answers came before what they belong to; each is given up after a day"
        found.append(Finding("warning", "parked", text, store.where))
    return found or [Finding("ok", "parked")]


def _positions(settings: Settings, store: SqlStore) -> list[Finding]:
    if not settings.kafka.bootstrap_servers:
        return []
    from orchestrator.bus.offsets import Brokers, compare

    group = settings.kafka.orchestrator_group
    with Brokers(settings.kafka) as brokers:
        partitions: list[Partition] = brokers.partitions(group, _topics())
    positions = _stored(store, group)
    found = [
        Finding(
            "error",
            "positions",
            f"{one.kind}: the store is at {one.expected}, the brokers at {one.found}",
            f"topic {one.topic}, partition {one.partition}",
            "stop every orchestrator, then run `expunge store recover`",
        )
        for one in compare(partitions, positions)
    ]
    read = {(one.topic, one.partition): one.next_offset for one in positions}
    lag = sum(max(0, one.end - read.get((one.topic, one.partition), one.start)) for one in partitions)
    return found or [Finding("ok", "positions", f"{lag} messages to read")]


def _audit(store: SqlStore) -> list[Finding]:
    with store.read() as tx:
        wrong = list(audit(tx, StoredPlans()))
    if not wrong:
        return [Finding("ok", "journal")]
    named = ", ".join(wrong[:_SHOWN]) + (", ..." if len(wrong) > _SHOWN else "")
    text = f"{len(wrong)} requests are not what their journal says: {named}"
    return [Finding("error", "journal", text, store.where, "restore the database from a backup")]
