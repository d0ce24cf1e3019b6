"""The embedded runtime: one process, SQLite, no services (decision 1).

Whoever holds the lock file beside the store runs engine and connectors; any other program may submit requests
meanwhile, since that only inserts into the journal. Each system has a thread of its own, so a slow one delays nobody
else; the engine's transactions run on the calling thread.

Killing the process at any instruction loses nothing: a task leaves the outbox in the same transaction in which its
confirmation enters the journal; until then it is carried out again, which connectors allow (I11).
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Final, Self

import filelock

from connectors import registry
from connectors.contract import Connector
from connectors.errors import ConnectorError, MisconfiguredError
from connectors.execute import execute
from connectors.exports import ExportSink, read_export
from orchestrator import settings as configuration
from orchestrator.core.effects import AssemblePackage
from orchestrator.core.plan import Plan
from orchestrator.engine import Engine, Intake, wire
from orchestrator.engine.batch import PACKAGE_SYSTEM
from orchestrator.engine.engine import BATCH
from orchestrator.errors import DependencyError, UsageError
from orchestrator.files import package
from orchestrator.keys import KeyFolder
from orchestrator.ports import Chance, Clock
from orchestrator.runtime import planning
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.settings import Settings
from orchestrator.store.database import open_sqlite
from orchestrator.store.migrate import check as check_tables
from orchestrator.store.store import SqlStore
from schemas.errors import SealError
from schemas.requests import utc
from schemas.tasks import Task

POLL_SECONDS: Final = 0.5
"""How long an idle runtime waits before it looks again."""
PATIENCE: Final = dt.timedelta(seconds=30)
"""``run --until-idle`` waits for timers that are due within this; what is later is another run's work."""

Opener = Callable[[], Connector]


class Embedded:
    """One home folder, opened. Use ``Embedded.open``; close it after."""

    def __init__(
        self,
        settings: Settings,
        openers: Mapping[str, Opener],
        *,
        clock: Clock,
        chance: Chance = chance,
        batch: int = BATCH,
    ) -> None:
        self.settings = settings
        self._batch = batch
        self._openers = openers
        self._clock = clock
        self._chance = chance
        self.keys = KeyFolder(settings.keys, [one.system for one in settings.systems])
        database = open_sqlite(settings.store)
        if not settings.store.exists():
            raise UsageError(
                "there is no database yet", where=str(settings.store), fix="run `expunge init` in the folder"
            )
        check_tables(database)
        self.store = SqlStore(database, str(settings.store))
        self.plan = self._plan()
        self.intake = Intake(self.store, self.keys, clock, chance)
        self.engine = Engine(self.store, self.keys, clock, chance, self.plan)
        self._exports = ExportSink(settings.exports)
        self._lock = filelock.FileLock(f"{settings.store}.lock", mode=0o600)

    @classmethod
    def open(cls, home: Path, *, clock: Clock | None = None, batch: int = BATCH) -> Self:
        """Read the configuration of a home folder and open everything.

        Args:
            home: The folder with ``expunge.toml``.
            clock: Where time comes from; the machine's by default.
            batch: Most events a transaction, and most tasks a call of a connector.

        Raises:
            UsageError: configuration, keys or data maps are wrong; names file, line and fix.
            DependencyError: a database or folder cannot be reached.
        """
        settings = configuration.load(home)
        return cls(settings, openers(settings), clock=clock or SystemClock(), batch=batch)

    def close(self) -> None:
        """Release everything."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _plan(self) -> Plan:
        opened = {name: opener() for name, opener in self._openers.items()}
        try:
            return planning.build(self.settings, opened)
        except MisconfiguredError as error:
            raise configuration.as_usage(error) from None
        except ConnectorError as error:
            raise DependencyError("a system cannot be reached", why=error.code, fix="run `expunge check`") from None
        finally:
            for one in opened.values():
                one.close()

    # -- the loop -----------------------------------------------------------------------------------------
    def run(
        self,
        *,
        until_idle: bool,
        stop: threading.Event | None = None,
        progress: Callable[[], None] = lambda: None,
    ) -> None:
        """Work until stopped, or until nothing is left to do now.

        Args:
            until_idle: End when nothing is left that is due within ``PATIENCE``.
            stop: Set it to end after the batches that are running.
            progress: Called after every batch.

        Raises:
            DependencyError: another process runs this store, or the store cannot be written.
        """
        stop = stop or threading.Event()
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            raise DependencyError(
                "another `expunge run` works on this store",
                where=str(self.settings.store),
                fix="let it work; `expunge submit` and `expunge list` can be used meanwhile",
            ) from None
        except OSError as error:
            raise DependencyError(
                "the lock file cannot be written", where=f"{self.settings.store}.lock", why=error.strerror or ""
            ) from None
        try:
            self._exports.discard_unfinished()
            with ThreadPoolExecutor(max_workers=len(self._openers) + 1, thread_name_prefix="expunge") as pool:
                self._loop(pool, stop, progress, until_idle=until_idle)
        finally:
            self._lock.release()

    def _loop(
        self, pool: ThreadPoolExecutor, stop: threading.Event, progress: Callable[[], None], *, until_idle: bool
    ) -> None:
        running: dict[Future[list[bytes]], str] = {}
        full = True
        while True:
            worked = 0
            if not stop.is_set():
                worked += self._timers()
                worked += self._start(pool, running)
                # New requests when a system is idle, or when there are many: they are taken in while it works.
                if full or not worked:
                    taken = self.engine.apply_waiting(self._batch)
                    full = taken >= self._batch
                    worked += taken + self._start(pool, running)
                worked += self._packages()
            if running:
                # With a limit, so that a slow system does not keep new requests from the others.
                done, _ = wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                for one in done:
                    del running[one]
                if done:
                    self._confirm([event for one in done for event in one.result()])
                    progress()
            elif stop.is_set():
                return
            elif worked:
                progress()
            elif until_idle and not self._soon():
                return
            else:
                stop.wait(self._pause())

    def _timers(self) -> int:
        if not self.engine.hints.may_be_due(utc(self._clock.now())):
            return 0
        return self.engine.fire_timers(self._batch)

    def _confirm(self, events: list[bytes]) -> None:
        # Several systems may answer at once; a transaction stays a batch.
        for first in range(0, len(events), self._batch):
            self.engine.confirm(events[first : first + self._batch])

    def _start(self, pool: ThreadPoolExecutor, running: dict[Future[list[bytes]], str]) -> int:
        """Give every idle system its next tasks; returns how many systems got some."""
        busy = set(running.values())
        started = 0
        for name in self._openers:
            if name in busy or not self.engine.hints.may_have_tasks(name):
                continue
            # Asked for only while nothing of the system is out: what is out is still in the outbox.
            if tasks := self.engine.next_tasks(name, self._batch):
                running[pool.submit(self._carry_out, name, tasks)] = name
                started += 1
        return started

    def _carry_out(self, name: str, tasks: Sequence[Task]) -> list[bytes]:
        key = self.keys.system(name)
        confirmations = execute(
            self._openers[name],
            tasks,
            key,
            now=self._clock.now,
            nonce=lambda: self._chance(12),
            exports=self._exports,
        )
        return [wire.confirmation_event(one, key) for one in confirmations]

    def _soon(self) -> bool:
        due = self.engine.next_timer()
        return due is not None and due <= utc(self._clock.now() + PATIENCE)

    def _pause(self) -> float:
        """How long to wait before looking again: until the next timer, if that is sooner."""
        due = self.engine.next_timer()
        if due is None:
            return POLL_SECONDS
        left = (dt.datetime.fromisoformat(due) - self._clock.now()).total_seconds()
        return min(POLL_SECONDS, max(0.001, left))

    # -- access packages ----------------------------------------------------------------------------------
    def _packages(self) -> int:
        if not self.engine.hints.may_have_tasks(PACKAGE_SYSTEM):
            return 0
        jobs = self.engine.next_packages(self._batch)
        for request_id, job in jobs:
            self._assemble(request_id, job)
        return len(jobs)

    def _assemble(self, request_id: str, job: AssemblePackage) -> None:
        key = self.engine.package_key(request_id)
        parts = (
            (system, read_export(self._exports.path(file), self.keys.system(system), task_id))
            for system, (file, task_id) in sorted(job.parts.items())
        )
        try:
            name, sha256 = package.write(self.settings.exports, key, parts, self._chance)
        except (SealError, FileNotFoundError):
            raise DependencyError(
                "an exported part is missing or was altered",
                where=str(self.settings.exports),
                fix="submit the access request again",
            ) from None
        self.engine.packaged(request_id, job.job_id, name, sha256)
        for file, _ in job.parts.values():
            self._exports.path(file).unlink(missing_ok=True)

    def check(self) -> list[tuple[str, str]]:
        """Hold every data map against its real store; returns (system, warning).

        Raises:
            UsageError: a data map does not fit. DependencyError: a store cannot be reached.
        """
        return check_systems(self._openers)


def openers(settings: Settings) -> dict[str, Opener]:
    """Find the connector of every system and read its settings.

    Raises:
        UsageError: an unknown connector, or wrong settings.
    """
    try:
        return {one.system: registry.factory(one.connector, one.settings) for one in settings.systems}
    except MisconfiguredError as error:
        raise configuration.as_usage(error) from None
    except ConnectorError as error:
        raise DependencyError("a system cannot be reached", why=error.code, fix="see that its store is up") from None


def check_systems(systems: Mapping[str, Opener]) -> list[tuple[str, str]]:
    """Let every connector check its data map; returns (system, warning)."""
    warnings: list[tuple[str, str]] = []
    for name, opener in systems.items():
        connector = opener()
        try:
            warnings += [(name, text) for text in connector.check()]
        except MisconfiguredError as error:
            raise configuration.as_usage(error) from None
        except ConnectorError as error:
            raise DependencyError(
                f"system {name} cannot be reached", why=error.code, fix="see that its store is up"
            ) from None
        finally:
            connector.close()
    return warnings
