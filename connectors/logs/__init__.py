"""Logs in files: text and JSON lines, plain or gz, with the file still written to left to rotation.

A record set names its files; in a text log an identifier is looked for anywhere in the line::

    [[record_set]]
    name = "access"
    files = "access.log*"
    live = "access.log"
    match.ip = [{ field = "*" }]
    retain = { why = "exception_17_3_b", text = "...", months = 12, anchor = "*", mask = { "*" = "{random}" } }
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from connectors.contract import Connector
from connectors.files import sets
from connectors.files.connector import FileConnector
from connectors.settings import SystemSettings


class LogSet(sets.FileSet, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Lines of one kind of log."""

    format: Literal["text", "json"] = "text"

    def kind_of(self, name: str) -> sets.Format:  # noqa: ARG002 - the name says nothing here
        return self.format

    @property
    def formats(self) -> set[sets.Format]:
        return {self.format}


class LogsConnector(FileConnector):
    """Erases or pseudonymises lines of logs."""

    name = "logs/0.1.0"


def connector(settings: SystemSettings) -> Callable[[], Connector]:
    """Read settings and data map once, and give a function that opens a connector.

    Raises:
        MisconfiguredError: naming file, line and fix.
    """
    root = sets.root_of(settings)
    loaded = sets.load(settings, LogSet)
    return lambda: LogsConnector(root, loaded)
