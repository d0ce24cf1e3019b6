"""Event stores in files: JSON Lines (plain or gz) and Parquet.

A record set names its files and the fields that hold identifiers::

    [[record_set]]
    name = "purchases"
    files = "purchases/**/*.parquet"
    match.email = [{ field = "user.email" }]
    yields.customer_id = [{ field = "user.id" }]
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from connectors.contract import Connector
from connectors.files import sets
from connectors.files.connector import FileConnector
from connectors.settings import SystemSettings


class EventSet(sets.FileSet, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Events of one kind.

    Attributes:
        format: ``jsonl`` or ``parquet``; without it a name that ends in ``.parquet`` says so.
    """

    format: Literal["jsonl", "parquet"] | None = None

    def kind_of(self, name: str) -> sets.Format:
        if self.format:
            return "parquet" if self.format == "parquet" else "json"
        return "parquet" if name.endswith(".parquet") else "json"

    @property
    def formats(self) -> set[sets.Format]:
        return {self.kind_of(glob) for glob in (*self.globs.files, *self.globs.live)}


class EventsConnector(FileConnector):
    """Erases events."""

    name = "events/0.1.0"


def connector(settings: SystemSettings) -> Callable[[], Connector]:
    """Read settings and data map once, and give a function that opens a connector.

    Raises:
        MisconfiguredError: naming file, line and fix.
    """
    root = sets.root_of(settings)
    loaded = sets.load(settings, EventSet)
    return lambda: EventsConnector(root, loaded)
