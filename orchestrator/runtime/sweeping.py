"""Files nobody needs any more: what the store does not name goes, so that nothing outlives what is owed."""

from __future__ import annotations

from pathlib import Path

from connectors.exports import ExportSink
from orchestrator.engine import Engine
from orchestrator.files import package


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
