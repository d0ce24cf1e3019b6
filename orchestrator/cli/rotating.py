"""``expunge keys list|add|activate|retire``: keys of systems, of intake, of records, and what still hangs on each."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Final

import sqlalchemy as sa
from rich.console import Console

from orchestrator.bus.hearing import hear
from orchestrator.cli.desk import Desk
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.errors import UsageError
from orchestrator.keys import intake, record, rotating
from orchestrator.keys.intake import INTAKE
from orchestrator.keys.record import LEDGER, RECORD
from orchestrator.keys.rotating import HeldKeys
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.settings import Settings
from orchestrator.store import tables as t
from schemas.codec import decode, decode_event
from schemas.envelope import REQUEST_RECEIVED
from schemas.requests import RequestReceived, utc
from schemas.sealing import key_id_of
from schemas.tasks import Task
from schemas.topics import REQUESTS

_OWN: Final = (INTAKE, RECORD, LEDGER)
_MANY: Final = 1_000
_EVERY_TASK: Final = 1 << 30


def show(desk: Desk) -> int:
    """List the keys of every system."""
    settings = desk.settings()
    found = [rotating.held(settings.keys, one.system) for one in settings.systems]
    found += [record.held(settings.keys), record.held(settings.keys, LEDGER), intake.held(settings.keys)]
    desk.screen.data(found, lambda out: _table(out, found))
    return 0


def _table(out: Console, found: list[HeldKeys]) -> None:
    for one in found:
        more = [("accepted", one.accepted), ("retired", one.retired)]
        rest = "".join(f", {word}: {', '.join(kids)}" for word, kids in more if kids)
        out.print(f"{one.system}: {one.active} in use{rest}")


def add(desk: Desk, system: str) -> int:
    """Make a further key."""
    settings = _known(desk, system)
    if system in _OWN:
        return _add_own(desk, settings, system)
    file = rotating.add(settings.keys, system, chance)
    kid = file.name.split(".")[1]
    desk.screen.data({"kid": kid, "file": str(file)}, lambda out: out.print(str(file)))
    desk.screen.say(
        f"copy it to every worker of {system}, and beside every orchestrator; when `expunge doctor` has heard of them "
        f"and every orchestrator has it too, `expunge keys activate {system} {kid}`"
    )
    return 0


def activate(desk: Desk, system: str, kid: str, *, force: bool) -> int:
    """Use a key, once every worker that was heard of holds it."""
    settings = _known(desk, system)
    if system == INTAKE:
        intake.activate(settings.keys, kid)
        desk.screen.say("hand out intake.pub.jwk to every sender and worker")
        return show(desk)
    if system in {RECORD, LEDGER}:
        record.activate(settings.keys, kid, system)
        what = "records" if system == RECORD else "the ledger"
        desk.screen.say(
            f"hand out {system}.pub.jwk to whoever checks {what}; what is older is checked with the key before"
        )
        return show(desk)
    if settings.kafka.bootstrap_servers and not force:
        from orchestrator.keys import KeyFolder

        keys = KeyFolder(settings.keys, [system])
        heard = hear(settings.kafka, keys.system, SystemClock().now())
        lacking = [one.beat.worker for one in heard if one.beat.system == system and kid not in one.beat.kids]
        if lacking:
            fix = f"give it the key file; it reads it within ten seconds (system-{system}.{kid}.jwk)"
            raise UsageError(f"worker {lacking[0]} of {system} does not hold this key", where=kid, fix=fix)
        if not any(one.beat.system == system for one in heard):
            fix = "start one, or use --force if you know that all will have the key"
            raise UsageError(f"no worker of {system} was heard of in the last minute", where=kid, fix=fix)
    rotating.activate(settings.keys, system, kid)
    return show(desk)


def retire(desk: Desk, system: str, kid: str, *, force: bool) -> int:
    """Destroy a key that nothing in the store is sealed with.

    Args:
        desk: The command's surroundings.
        system: A system, ``intake``, ``record`` or ``ledger``.
        kid: The key.
        force: Of intake: although a topic may still hold what is sealed to it.
    """
    settings = _known(desk, system)
    if system == INTAKE:
        return _retire_intake(desk, settings, kid, force=force)
    if system in {RECORD, LEDGER}:
        record.retire(settings.keys, kid, system)
        desk.screen.say(f"keep {system}.{kid}.pub.jwk: what it has signed is checked with it")
        return show(desk)
    rotating.retire(settings.keys, system, kid, _needed(desk, settings, system))
    return show(desk)


def _add_own(desk: Desk, settings: Settings, name: str) -> int:
    file = intake.add(settings.keys, chance) if name == INTAKE else record.add(settings.keys, chance, name)
    kid = file.name.split(".")[1]
    after = {
        INTAKE: "and give every sender the new intake.pub.jwk",
        RECORD: f"and give whoever checks records record.{kid}.pub.jwk, which may be done before",
        LEDGER: f"and give whoever checks the ledger ledger.{kid}.pub.jwk; both keys sign until one is retired",
    }
    desk.screen.data({"kid": kid, "file": str(file)}, lambda out: out.print(str(file)))
    desk.screen.say(f"copy it beside every orchestrator; then `expunge keys activate {name} {kid}` {after[name]}")
    return 0


def _retire_intake(desk: Desk, settings: Settings, kid: str, *, force: bool) -> int:
    since = dt.datetime.fromtimestamp((settings.keys / "intake.jwk").stat().st_mtime, dt.UTC)
    over = since + REQUESTS.retention
    if SystemClock().now() < over and settings.kafka.bootstrap_servers and not force:
        why = f"the key in use was activated at {utc(since)[:16]}Z, and topics keep a week"
        fix = f"wait until {utc(over)[:16]}Z; --force if no sender has used it since, and every message was read"
        raise UsageError("a topic may still hold what is sealed to this key", where=kid, why=why, fix=fix)
    intake.retire(settings.keys, kid, _waiting_on(desk, settings))
    desk.screen.say("what is sealed to it from now on goes to the dead letters")
    return show(desk)


def _waiting_on(desk: Desk, settings: Settings) -> set[str]:
    """Give the intake keys that a request is sealed to which was handed in and not taken in yet."""
    query = sa.select(t.journal.c.wire).where(t.journal.c.verdict == "waiting", t.journal.c.type == REQUEST_RECEIVED)
    with desk.store(settings) as store, store.read() as tx:
        rows = list(tx.connection.execute(query).scalars())
    return {key_id_of(decode(bytes(decode_event(one).data), RequestReceived).sealed) for one in rows}


def _needed(desk: Desk, settings: Settings, system: str) -> set[str]:
    """Give the keys that a handle, or a task that was not answered yet, is sealed with."""
    box = CapsuleBox(desk.own_keys(settings).store, chance)
    needed: set[str] = set()
    with desk.store(settings) as store, store.read() as tx:
        for row in tx.outbox_next(system, _EVERY_TASK):
            needed.add(key_id_of(decode(bytes(decode_event(row.body).data), Task).sealed))
        every = (request_id for request_id, _ in tx.all_states())
        while some := list(itertools.islice(every, _MANY)):
            for request_id, sealed in tx.capsules(some).items():
                if handle := box.open(request_id, sealed).handles.get(system):
                    needed.add(key_id_of(handle))
    return needed


def _known(desk: Desk, system: str) -> Settings:
    settings = desk.settings()
    connected = {one.system for one in settings.systems}
    if system in _OWN:
        if system in connected:
            fix = f"give the system another id; until then its key cannot be told from that of {system}"
            raise UsageError(f"a system has the name of the {system} key", where=str(settings.file), fix=fix)
        return settings
    if system not in connected:
        known = ", ".join(one.system for one in settings.systems)
        raise UsageError(f"no system {system!r}", where=str(settings.file), fix=f"connected: {known}")
    return settings
