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
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from pathlib import Path
from typing import Any, Final, Self

import filelock

from connectors import registry
from connectors.execute import execute
from connectors.exports import ExportSink
from connectors.memory import calm_collector
from connectors.pace import Bucket
from connectors.signals import SILENT, Signals
from orchestrator import settings as configuration
from orchestrator.core.effects import AssemblePackage
from orchestrator.engine import Engine, Intake, Submitted
from orchestrator.engine.causing import PACKAGE_SYSTEM
from orchestrator.engine.engine import BATCH
from orchestrator.errors import DependencyError, UsageError
from orchestrator.keys import KeyFolder
from orchestrator.ports import Chance, Clock
from orchestrator.runtime import packing, retaining, sweeping
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.runtime.packing import Made, Packet
from orchestrator.runtime.posting import Posting
from orchestrator.runtime.sequencing import sequencer
from orchestrator.runtime.systems import Opener, check_systems, openers, plan_of
from orchestrator.settings import Settings
from orchestrator.store.database import open_sqlite
from orchestrator.store.migrate import check as check_tables
from orchestrator.store.opening import is_shared
from orchestrator.store.store import SqlStore
from schemas.requests import RequestForm, utc
from schemas.tasks import Task
from schemas.wrapping import confirmation_event

__all__ = ["Embedded", "check_systems", "openers"]

POLL_SECONDS: Final = 0.5
"""How long an idle runtime waits before it looks again."""
SCRUB_EVERY: Final = dt.timedelta(minutes=1)
"""How often an idle runtime wipes deleted bytes from the write-ahead log; the end of a run does it too."""
LEDGER_EVERY: Final = dt.timedelta(seconds=10)
"""How long leaves of the ledger wait for their numbers while there is other work; without any they wait for nothing."""
PATIENCE: Final = dt.timedelta(seconds=30)
"""``run --until-idle`` waits for timers that are due within this; what is later is another run's work."""

_Job = tuple[str, AssemblePackage]


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
        signals: Signals = SILENT,
    ) -> None:
        self.settings = settings
        self._signals = signals
        self._batch = batch
        self._openers = openers
        self._clock = clock
        self._chance = chance
        self.keys = KeyFolder(settings.keys, [one.system for one in settings.systems])
        if is_shared(settings):
            raise UsageError(
                "`expunge run` works on a SQLite store",
                where=str(settings.file),
                why="[store] names a database of PostgreSQL, which is the distributed runtime's",
                fix="run `expunge orchestrate` and `expunge connect SYSTEM`, or give [store] a path",
            )
        if not settings.store.exists():
            raise UsageError(
                "there is no database yet", where=str(settings.store), fix="run `expunge init` in the folder"
            )
        self.plan = plan_of(settings, openers)
        self.store = SqlStore(open_sqlite(settings.store), str(settings.store))
        try:
            check_tables(self.store.engine)
            self.intake = Intake(self.store, self.keys, clock, chance)
            self.engine = Engine(self.store, self.keys, clock, chance, self.plan)
            self.engine.pace = retaining.pace(settings)
        except BaseException:
            self.store.close()
            raise
        self._ledger = sequencer(settings, self.store, self.keys, clock, signals)
        self._posting = Posting(settings, self.store, clock, signals)
        self._sequenced = clock.now()
        self._exports = ExportSink(settings.exports)
        self._expired = False
        self._paces = {one.system: Bucket(one.rate) for one in settings.systems if one.rate is not None}
        self._paced = False
        self._wake = threading.Event()
        self._scrubbed = clock.now()
        self._chores = sweeping.Chores(self.store, clock, settings, signals)
        self._lock = filelock.FileLock(f"{settings.store}.lock", mode=0o600)

    @classmethod
    def open(cls, home: Path, *, clock: Clock | None = None, batch: int = BATCH, signals: Signals = SILENT) -> Self:
        """Read the configuration of a home folder and open everything.

        Args:
            home: The folder with ``expunge.toml``.
            clock: Where time comes from; the machine's by default.
            batch: Most events a transaction, and most tasks a call of a connector.
            signals: How it speaks.

        Raises:
            UsageError: configuration, keys or data maps are wrong; names file, line and fix.
            DependencyError: a database or folder cannot be reached.
        """
        settings = configuration.load(home)
        return cls(settings, openers(settings), clock=clock or SystemClock(), batch=batch, signals=signals)

    def submit(self, forms: Sequence[RequestForm]) -> list[Submitted]:
        """Take requests in, as ``Intake.submit``, and wake a ``run`` of this process that is idle.

        What another process submits is noticed within ``POLL_SECONDS``.
        """
        submitted = self.intake.submit(forms)
        self._wake.set()
        return submitted

    def close(self) -> None:
        """Release everything."""
        self.store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
            sweeping.everything(self.settings.exports, self._exports, self.engine)
            self._signals.ready("store", True)
            with self._posting.beside(once_more=until_idle):
                with calm_collector(), ThreadPoolExecutor(len(self._openers) + 1, "expunge") as pool:
                    self._loop(pool, stop, progress, until_idle=until_idle)
                self._ledger.turn()
            self.store.scrub()
        finally:
            self._rest()
            self._lock.release()

    def _loop(
        self, pool: ThreadPoolExecutor, stop: threading.Event, progress: Callable[[], None], *, until_idle: bool
    ) -> None:
        running: dict[Future[list[bytes]], Sequence[Task]] = {}
        parcels: dict[Future[Made], _Job] = {}
        while True:
            self._signals.alive()
            worked = 0
            if not stop.is_set():
                self._chores.turn()
                worked += self._timers()
                worked += self.engine.turn_sweeps()
                worked += self._start(pool, running)
                # New requests only when no system has work to begin: one batch goes all the way before the next begins.
                # Taking them in while a system works only makes the two threads wait for each other (the GIL).
                if not worked and (taken := self.engine.apply_waiting(self._batch)):
                    worked += taken + self._start(pool, running)
                if self._expired and not parcels:  # one that is just being written is not in the store yet
                    sweeping.packages(self.settings.exports, self.engine)
                    self._expired = False
                worked += self._packages(pool, parcels)
                self._number_now_and_then()
            if running or parcels:
                # With a limit, so that a slow system does not keep new requests from the others.
                out: set[Future[Any]] = {*running, *parcels}
                done, _ = wait(out, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED)
                self._confirm([(one, running.pop(one)) for one in done & running.keys()])
                for one in done & parcels.keys():
                    self._packed(one, *parcels.pop(one))
                if done:
                    progress()
                else:
                    # A log of hours must not keep what was erased elsewhere in use.
                    self._rest(but={tasks[0].system for tasks in running.values()})
            elif stop.is_set():
                return
            elif worked:
                progress()
            elif until_idle and not self._paced and not self._soon():
                return
            else:
                self._ledger.turn()
                self._scrub_now_and_then()
                if not self._wake.wait(self._pause()):
                    self._rest()
                self._wake.clear()

    def _timers(self) -> int:
        self.engine.recall()
        if not self.engine.hints.may_be_due(utc(self._clock.now())):
            return 0
        fired = self.engine.fire_timers(self._batch)
        self._expired = self._expired or fired > 0
        return fired

    def _confirm(self, done: Sequence[tuple[Future[list[bytes]], Sequence[Task]]]) -> None:
        events: list[bytes] = []
        expected: list[Task] = []
        for future, tasks in done:
            if len(expected) + len(tasks) > self._batch and expected:
                # Several systems may answer at once; a transaction stays a batch.
                self.engine.confirm(events, expected)
                events, expected = [], []
            expected += tasks
            try:
                events += future.result()
            except Exception:  # noqa: BLE001, S112 - these tasks are held back and a person is called; others go on
                continue
        if expected:
            self.engine.confirm(events, expected)

    def _start(self, pool: ThreadPoolExecutor, running: dict[Future[list[bytes]], Sequence[Task]]) -> int:
        """Give every idle system its next tasks; returns how many systems got some."""
        busy = {tasks[0].system for tasks in running.values()}
        started = 0
        self._paced = False
        for name in self._openers:
            if name in busy or not self.engine.hints.may_have_tasks(name):
                continue
            pace = self._paces.get(name)
            allowed = self._batch if pace is None else pace.grant(self._batch)
            if not allowed:
                self._paced = True  # there may be work, and it is too early for it
                continue
            # Asked for only while nothing of the system is out: what is out is still in the outbox.
            tasks = self.engine.next_tasks(name, allowed)
            if pace is not None:
                pace.give_back(allowed - len(tasks))
            if tasks:
                running[pool.submit(self._carry_out, name, tasks)] = tasks
                started += 1
        return started

    def _carry_out(self, name: str, tasks: Sequence[Task]) -> list[bytes]:
        key = self.keys.system(name)
        registry.hold(opener := self._openers[name])
        confirmations = execute(
            opener,
            tasks,
            key,
            now=self._clock.now,
            nonce=lambda: self._chance(12),
            exports=self._exports,
        )
        return [confirmation_event(one, key) for one in confirmations]

    def _rest(self, but: Collection[str] = ()) -> None:
        """Let connectors let go of their stores; never those of systems that work."""
        for name, opener in self._openers.items():
            if name not in but:
                registry.rest(opener)

    def _soon(self) -> bool:
        due = self._next()
        return due is not None and due <= utc(self._clock.now() + PATIENCE)

    def _next(self) -> str | None:
        """When a timer is due, or a sweep may go on."""
        return min(filter(None, (self.engine.next_timer(), self.engine.next_sweep())), default=None)

    def _scrub_now_and_then(self) -> None:
        now = self._clock.now()
        if now - self._scrubbed >= SCRUB_EVERY:
            self._scrubbed = now
            self.store.scrub()

    def _number_now_and_then(self) -> None:
        now = self._clock.now()
        if now - self._sequenced >= LEDGER_EVERY:
            self._sequenced = now
            self._ledger.turn()

    def _pause(self) -> float:
        """How long to wait before looking again: until the next timer, if that is sooner."""
        due = self._next()
        if due is None:
            return POLL_SECONDS
        left = (dt.datetime.fromisoformat(due) - self._clock.now()).total_seconds()
        if left <= 0:
            # A command beside us may have set it; what we knew of timers is no longer all.
            self.engine.hints.ask_for_timers()
        return min(POLL_SECONDS, max(0.001, left))

    # -- access packages ----------------------------------------------------------------------------------
    def _packages(self, pool: ThreadPoolExecutor, parcels: dict[Future[Made], _Job]) -> int:
        """Assemble one package at a time, on a thread of its own: a large one delays nobody."""
        if parcels or not self.engine.hints.may_have_tasks(PACKAGE_SYSTEM):
            return 0
        jobs = self.engine.next_packages(1)
        for request_id, job in jobs:
            packet = packing.packet_of(self.engine, request_id)
            parcels[pool.submit(self._assemble, packet, job)] = (request_id, job)
        return len(jobs)

    def _assemble(self, packet: Packet, job: AssemblePackage) -> Made:
        return packing.attempt(self.settings.exports, packet, job, self._exports, self.keys, self._chance)

    def _packed(self, future: Future[Made], request_id: str, job: AssemblePackage) -> None:
        packing.note(self.engine, request_id, job, future.result(), self._exports)

    def check(self) -> list[tuple[str, str]]:
        """Hold every data map against its real store; returns (system, warning).

        Raises:
            UsageError: a data map does not fit. DependencyError: a store cannot be reached.
        """
        return check_systems(self._openers)
