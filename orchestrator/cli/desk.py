"""What a command works with: its home folder, its settings, the store opened for reading, and where it prints."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from orchestrator.cli.screen import Screen

# Imported where they are used: a database and its drivers take half a second, and not every command needs one.
if TYPE_CHECKING:
    from orchestrator.keys import KeyFolder
    from orchestrator.settings import Settings
    from orchestrator.store.store import SqlStore


class Desk:
    """One command's surroundings."""

    def __init__(self, home: Path, screen: Screen) -> None:
        self.home = home
        self.screen = screen

    def settings(self) -> Settings:
        """Read the configuration.

        Raises:
            UsageError: it is missing or wrong.
        """
        from orchestrator import settings as configuration

        return configuration.load(self.home)

    @contextlib.contextmanager
    def store(self, settings: Settings | None = None) -> Iterator[SqlStore]:
        """Open the store; a missing one is an error, never an empty new one.

        Raises:
            UsageError: there is no database yet.
        """
        from orchestrator.store.opening import open_store

        store = open_store(settings or self.settings())
        try:
            yield store
        finally:
            store.close()

    def own_keys(self, settings: Settings) -> KeyFolder:
        """Read the orchestrator's own keys; those of the systems are not needed to take requests in."""
        from orchestrator.keys import KeyFolder

        return KeyFolder(settings.keys, ())
