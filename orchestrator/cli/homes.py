"""``expunge init``: make a home folder, or bring one up to this version. Nothing that exists is ever overwritten."""

from __future__ import annotations

from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Any

from connectors.datamap import read_toml
from connectors.errors import MisconfiguredError
from orchestrator import settings as configuration
from orchestrator.cli.screen import Screen
from orchestrator.errors import DependencyError
from orchestrator.keys import create_missing
from orchestrator.runtime.clock import chance
from orchestrator.settings import FILE_NAME
from orchestrator.store import database
from orchestrator.store.migrate import migrate
from orchestrator.store.opening import is_shared, open_engine

FILES = resources.files("orchestrator.cli")


def init(screen: Screen, folder: Path) -> int:
    """Make folder, configuration, example data maps, keys and database, as far as they are missing.

    Raises:
        UsageError: the configuration that is there is wrong.
        DependencyError: something cannot be written.
    """
    try:
        made = prepare(folder)
    except OSError as error:
        where = str(error.filename or folder)
        raise DependencyError("the folder cannot be written", where=where, why=error.strerror or "") from None
    screen.data({"home": str(folder), "made": [str(one) for one in made]}, lambda out: out.print(str(folder)))
    if not made:
        screen.say("nothing was missing; the tables are up to date")
    for one in made:
        screen.say(("made ", "green"), str(one))
    if any(one.name == FILE_NAME for one in made):
        screen.say(f"next: connect your systems in {folder / FILE_NAME}, then `expunge init` again, `expunge check`")
    return 0


def prepare(folder: Path) -> list[Path]:
    """Do the work of ``init``; returns the files made."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    made: list[Path] = []
    config = folder / FILE_NAME
    if not config.exists():
        made += place(FILES / "template.toml", config)
        (folder / "maps").mkdir(mode=0o700, exist_ok=True)
        for one in sorted((FILES / "demo" / "home" / "maps").iterdir(), key=lambda one: one.name):
            made += place(one, folder / "maps" / f"example-{one.name}")
    store, keys, systems, settings = _wanted(folder, config)
    made += create_missing(keys, systems, chance)
    if settings is not None and is_shared(settings):
        engine = open_engine(settings)
    else:
        if not store.exists():
            made.append(store)
            store.touch(mode=0o600)
        engine = database.open_sqlite(store)
    try:
        migrate(engine)
    finally:
        engine.dispose()
    return made


def place(source: Traversable, target: Path) -> list[Path]:
    """Copy one file unless it is there."""
    try:
        with target.open("xb") as out:
            out.write(source.read_bytes())
    except FileExistsError:
        return []
    return [target]


def _wanted(folder: Path, config: Path) -> tuple[Path, Path, list[str], configuration.Settings | None]:
    """Give store, key folder, systems, settings. A configuration without systems yet is fine here, and only here."""
    try:
        raw, _ = read_toml(config)
    except MisconfiguredError as error:
        raise configuration.as_usage(error) from None
    if "systems" not in raw:
        store, keys = _text(raw, "store", "path", "expunge.db"), _text(raw, "keys", "folder", "keys")
        return folder / store, folder / keys, [], None
    settings = configuration.load(folder)
    return settings.store, settings.keys, [one.system for one in settings.systems], settings


def _text(raw: dict[str, Any], table: str, key: str, default: str) -> str:
    section = raw.get(table)
    value = section.get(key, default) if isinstance(section, dict) else default
    return value if isinstance(value, str) else default
