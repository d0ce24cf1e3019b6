"""Files nobody needs any more: what the store does not name goes, so that nothing outlives what is owed."""

from __future__ import annotations

import datetime as dt
import shutil
from pathlib import Path
from typing import Final

from connectors.exports import UNFINISHED, ExportSink
from orchestrator.engine import Engine
from orchestrator.files import package

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
