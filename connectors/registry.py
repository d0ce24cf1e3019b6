"""Finds connectors by entry point (group ``expunge.connectors``): installing a package plugs it in."""

from __future__ import annotations

import difflib
import functools
import importlib.metadata
from collections.abc import Callable

from connectors.contract import Connector
from connectors.errors import MisconfiguredError
from connectors.settings import SystemSettings

GROUP = "expunge.connectors"

Factory = Callable[[SystemSettings], Callable[[], Connector]]
"""Reads and checks settings once, and gives a function that opens a new connector on a fresh connection."""


def names() -> list[str]:
    """Give the names of the installed connectors."""
    return sorted(entry.name for entry in _installed())


@functools.cache
def _installed() -> importlib.metadata.EntryPoints:
    # Looking through every installed package takes longer than opening a store.
    return importlib.metadata.entry_points(group=GROUP)


def factory(name: str, settings: SystemSettings) -> Callable[[], Connector]:
    """Give the opener of a system's connector.

    Raises:
        MisconfiguredError: no such connector is installed, or its settings are wrong.
    """
    found = _installed().select(name=name)
    if not found:
        known = names()
        close = difflib.get_close_matches(name, known, n=1)
        fix = f"did you mean {close[0]!r}?" if close else f"installed: {', '.join(known)}"
        message = f"[systems.{settings.system}]: no connector {name!r}"
        raise MisconfiguredError("connector", message, file=settings.source, fix=fix)
    make: Factory = next(iter(found)).load()
    return make(settings)
