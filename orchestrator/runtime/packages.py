"""Access packages in an installation of many processes: one of them at a time assembles and sweeps.

The exports folder is shared by all workers and orchestrators. Whoever holds its lock file asks the store anew, so no
package is made twice and no part taken away under somebody's hands.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Final

import filelock

from connectors.exports import ExportSink
from orchestrator.engine import Engine
from orchestrator.errors import DependencyError
from orchestrator.ports import Chance, Clock, Keyring
from orchestrator.runtime import packing, sweeping
from orchestrator.runtime.sweeping import Chores

POLL_SECONDS: Final = 1.0
_SWEEP_EVERY: Final = 600
"""Polls between two sweeps."""
LOCK_NAME: Final = ".packages.lock"


class PackageDesk:
    """Assembles what waits, one package after the other, on a thread of its own: a large one delays nobody."""

    def __init__(
        self, folder: Path, parts: ExportSink, engine: Engine, keys: Keyring, chance: Chance, clock: Clock,
        lock: threading.Lock, chores: Chores,
    ) -> None:  # fmt: skip
        """Take what it works with. ``lock``: of the engine, which is used under it only."""
        self._chores = chores
        self._folder = folder
        self._parts = parts
        self._engine = engine
        self._keys = keys
        self._chance = chance
        self._clock = clock
        self._lock = lock
        self._file = filelock.FileLock(folder / LOCK_NAME, mode=0o600, thread_local=False)
        self._wake = threading.Event()
        self.failure: BaseException | None = None

    def wake(self) -> None:
        """Let it look now."""
        self._wake.set()

    def run(self, stop: threading.Event, failed: Callable[[], None]) -> None:
        """Work until stopped. ``failed`` is called when it cannot go on."""
        turns = 0
        try:
            while not stop.is_set():
                self.turn(sweep=turns % _SWEEP_EVERY == 0)
                self._chores.turn()
                turns += 1
                self._wake.wait(POLL_SECONDS)
                self._wake.clear()
        except BaseException as error:  # noqa: BLE001 - the process ends with it
            self.failure = error
            failed()

    def turn(self, *, sweep: bool) -> None:
        """Assemble everything that waits.

        Raises:
            DependencyError: the folder cannot be written.
        """
        with self._lock:
            waits = bool(self._engine.next_packages(1))
        if not waits and not sweep:
            return
        try:
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._file.acquire(timeout=0)
        except filelock.Timeout:
            return  # another process is at it
        except OSError as error:
            where, why = str(self._folder), error.strerror or ""
            raise DependencyError("the exports folder cannot be written", where=where, why=why) from None
        try:
            if sweep:
                with self._lock:
                    sweeping.aged(self._folder, self._engine, self._clock.now())
            while self._one():
                pass
        finally:
            self._file.release()

    def _one(self) -> bool:
        with self._lock:
            jobs = self._engine.next_packages(1)
            packets = [packing.packet_of(self._engine, one) for one, _ in jobs]
        for (request_id, job), packet in zip(jobs, packets, strict=True):
            made = packing.attempt(self._folder, packet, job, self._parts, self._keys, self._chance)
            with self._lock:
                packing.note(self._engine, request_id, job, made, self._parts)
        return bool(jobs)
