"""``expunge connect SYSTEM``: one worker of one system, until a signal ends it. Needs its key, and no store."""

from __future__ import annotations

import contextlib
import difflib
import signal
import threading
from pathlib import Path

import filelock

from connectors.errors import MisconfiguredError
from connectors.exports import ExportSink
from connectors.kafka.consuming import Done, TaskLoop
from connectors.keyfile import SystemKeys, intake_key
from connectors.limits import Limiter
from connectors.memory import one_arena
from connectors.signals import Part, Signals
from connectors.worker import Worker
from orchestrator import telemetry
from orchestrator.cache.connection import url_of
from orchestrator.cli.desk import Desk
from orchestrator.cli.guard import INTERRUPTED
from orchestrator.cli.stopping import stopping
from orchestrator.errors import DependencyError, UsageError
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.runtime.systems import check_systems, openers
from orchestrator.settings import ConnectedSystem, Settings


def connect(desk: Desk, name: str) -> int:
    """Work until SIGTERM or SIGINT: what is running is finished, sent and committed, the group left.

    Returns:
        0, or 130 after Ctrl-C. Errors leave by ``guard``: 2 where a person has to mend the configuration, 3 where no
        broker answers at the start.
    """
    one_arena()
    settings = desk.settings()
    system = _system(settings, name)
    opener = openers(_only(settings, system))[name]
    keys, intake = SystemKeys(settings.keys, name), intake_key(settings.keys)
    stop = threading.Event()
    needs: tuple[Part, ...] = ("broker", "keys", "system")
    with (
        stopping(stop) as received,
        telemetry.running(settings.telemetry, "connect", systems=[name], needs=needs) as signals,
    ):
        signals.ready("keys", True)
        try:
            for _, text in check_systems({name: opener}):
                desk.screen.say(("warning: ", "yellow"), f"system {name}: {text}")
            signals.ready("system", True)
        except DependencyError:
            signals.log("system.unreachable", system=name)  # tasks are answered so, and tried again
        worker = Worker(
            name,
            opener,
            keys,
            intake,
            now=SystemClock().now,
            chance=chance,
            exports=ExportSink(settings.exports),
            signals=signals,
        )
        with contextlib.suppress(Exception), contextlib.closing(opener()) as opened:
            worker.connector = opened.name
        loop = TaskLoop(
            settings.kafka, worker, lock=lock_of(system), limiter=_limiter(settings, system, signals), signals=signals
        )
        done = loop.run(stop)
        signals.log("process.stopping")
    _summary(desk, done)
    return INTERRUPTED if signal.SIGINT in received else 0


def _limiter(settings: Settings, system: ConnectedSystem, signals: Signals) -> Limiter | None:
    """Give the system's rate limit: shared through Redis where there is one, else each worker has its part."""
    if system.rate is None:
        return None
    url, timeout = url_of(settings.redis), settings.redis.timeout_ms
    try:
        return Limiter(system.system, system.rate, redis_url=url, timeout_ms=timeout, signals=signals)
    except MisconfiguredError as error:
        raise UsageError(error.message, where=str(settings.file), fix=error.fix) from None


def lock_of(system: ConnectedSystem) -> filelock.FileLock | None:
    """Give the lock of a system that works on files: beside its folder, never in it. None for any other system."""
    root = system.settings.options.get("root")
    if not isinstance(root, str):
        return None
    folder = (system.settings.base / Path(root)).resolve()
    return filelock.FileLock(folder.with_name(f".{folder.name}.expunge-{system.system}.lock"), mode=0o600)


def _system(settings: Settings, name: str) -> ConnectedSystem:
    known = {one.system: one for one in settings.systems}
    if name not in known:
        close = difflib.get_close_matches(name, known, n=1)
        fix = f"did you mean {close[0]!r}?" if close else f"connected: {', '.join(known)}"
        raise UsageError(f"no system {name!r}", where=str(settings.file), fix=fix)
    if not settings.kafka.bootstrap_servers:
        fix = 'add [kafka] with bootstrap_servers = ["host:9092"]; without a broker, `expunge run` does the work'
        raise UsageError("no broker is named", where=str(settings.file), fix=fix)
    return known[name]


def _only(settings: Settings, system: ConnectedSystem) -> Settings:
    import msgspec

    return msgspec.structs.replace(settings, systems=(system,))


def _summary(desk: Desk, done: Done) -> None:
    desk.screen.data(done, lambda _: None)
    desk.screen.say(f"{done.tasks} tasks carried out in {done.batches} batches, {done.buried} could not be read")
