"""``expunge keys list|add|activate|retire``: the keys of the systems, and what still hangs on each."""

from __future__ import annotations

import itertools
from typing import Final

from rich.console import Console

from orchestrator.bus.hearing import hear
from orchestrator.cli.desk import Desk
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.errors import UsageError
from orchestrator.keys import rotating
from orchestrator.keys.rotating import HeldKeys
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.settings import Settings
from schemas.codec import decode, decode_event
from schemas.sealing import key_id_of
from schemas.tasks import Task

_MANY: Final = 1_000
_EVERY_TASK: Final = 1 << 30


def show(desk: Desk) -> int:
    """List the keys of every system."""
    settings = desk.settings()
    found = [rotating.held(settings.keys, one.system) for one in settings.systems]
    desk.screen.data(found, lambda out: _table(out, found))
    return 0


def _table(out: Console, found: list[HeldKeys]) -> None:
    for one in found:
        out.print(
            f"{one.system}: {one.active} in use" + (f", accepted: {', '.join(one.accepted)}" * bool(one.accepted))
        )


def add(desk: Desk, system: str) -> int:
    """Make a further key."""
    settings = _known(desk, system)
    file = rotating.add(settings.keys, system, chance)
    kid = file.name.split(".")[1]
    desk.screen.data({"kid": kid, "file": str(file)}, lambda out: out.print(str(file)))
    desk.screen.say(
        f"copy it to every worker of {system}; when `expunge doctor` has heard of them, "
        f"`expunge keys activate {system} {kid}` and start the orchestrators again"
    )
    return 0


def activate(desk: Desk, system: str, kid: str, *, force: bool) -> int:
    """Use a key, once every worker that was heard of holds it."""
    settings = _known(desk, system)
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


def retire(desk: Desk, system: str, kid: str) -> int:
    """Destroy a key that nothing in the store is sealed with."""
    settings = _known(desk, system)
    rotating.retire(settings.keys, system, kid, _needed(desk, settings, system))
    return show(desk)


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
    if system not in {one.system for one in settings.systems}:
        known = ", ".join(one.system for one in settings.systems)
        raise UsageError(f"no system {system!r}", where=str(settings.file), fix=f"connected: {known}")
    return settings
