"""What nobody needs any more: files that the store does not name, and the bytes of old dead letters.

Nothing outlives what is owed.
"""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Final

from connectors.exports import UNFINISHED, ExportSink
from connectors.signals import SILENT, Signals
from orchestrator.engine import Engine
from orchestrator.engine.base import again
from orchestrator.engine.retiring import Retiring
from orchestrator.files import package
from orchestrator.ports import Clock
from orchestrator.settings import Settings
from orchestrator.store import letters
from orchestrator.store.store import SqlStore
from schemas.topics import DEAD_LETTERS

_UNFINISHED: Final = dt.timedelta(days=1)
"""What no export or package takes to be written."""
_UNNAMED: Final = dt.timedelta(days=8)
"""After it no topic holds the confirmation any more that could name a part (topics keep a week)."""
_LEFT: Final = (
    (f"*{UNFINISHED}", _UNFINISHED),
    (f"{package.SCRATCH}*", _UNFINISHED),
    (f"*{package.SUFFIX}", _UNFINISHED),
    ("*.export", _UNNAMED),
)

KEPT: Final = DEAD_LETTERS.retention
"""How long the bytes of a dead letter stay that belongs to no request: as long as in the topic."""
EVERY: Final = dt.timedelta(hours=1)


class Letters:
    """Empties old dead letters now and then, in whatever process works on the store."""

    def __init__(self, store: SqlStore, clock: Clock, signals: Signals = SILENT) -> None:
        self._store = store
        self._clock = clock
        self._signals = signals
        self._last: dt.datetime | None = None

    def turn(self) -> int:
        """Do it if it is time; costs nothing otherwise. Returns how many were emptied.

        Raises:
            DependencyError: the store cannot be written.
        """
        now = self._clock.now()
        # A clock that was set back must not make it wait for the time to come round again.
        if self._last is not None and dt.timedelta(0) <= now - self._last < EVERY:
            return 0
        emptied = letters.empty(self._store, now - KEPT)
        self._last = now
        if emptied:
            self._signals.log("swept", count=emptied)
        return emptied


class Chores:
    """What is to be done now and then, whatever else is: ``Letters``, and the end of evidence (ADR 45)."""

    def __init__(self, store: SqlStore, clock: Clock, settings: Settings, signals: Signals = SILENT) -> None:
        self._letters = Letters(store, clock, signals)
        self._evidence = Retiring(store, clock, settings.ledger.records_kept_months, signals)

    def turn(self) -> int:
        """Do what it is time for; returns how much was done.

        Raises:
            DependencyError: the store cannot be written.
        """
        return self._letters.turn() + again(self._evidence.turn)


def everything(folder: Path, sink: ExportSink, engine: Engine) -> None:
    """Remove what a killed process left behind. Only while the store's lock is held and nothing runs yet."""
    sink.discard_unfinished()
    package.discard_unfinished(folder)
    parts = list(folder.glob("*.export"))
    if parts:
        needed = engine.parts_in_use()
        for file in parts:
            if file.name not in needed:
                file.unlink(missing_ok=True)
    packages(folder, engine)


def packages(folder: Path, engine: Engine) -> None:
    """Remove packages that have expired, or whose writer was killed before it said so. Not while one is written."""
    found = list(folder.glob(f"*{package.SUFFIX}"))
    if found:
        alive = engine.packages_alive()
        for file in found:
            if file.name not in alive:
                file.unlink(missing_ok=True)


def aged(folder: Path, engine: Engine, now: dt.datetime) -> None:
    """Remove what is left over, while other processes work: only what is older than anybody may still need it."""
    found = [(one, limit) for pattern, limit in _LEFT for one in folder.glob(pattern) if _older(one, now - limit)]
    if not found:
        return
    named = engine.packages_alive() | engine.parts_in_use()
    for one, _ in found:
        if one.is_dir():
            shutil.rmtree(one, ignore_errors=True)
        elif one.name not in named:
            one.unlink(missing_ok=True)


def _older(file: Path, moment: dt.datetime) -> bool:
    try:
        return file.stat().st_mtime < moment.timestamp()
    except FileNotFoundError:
        return False
