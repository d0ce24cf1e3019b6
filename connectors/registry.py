"""Finds connectors by entry point (group ``expunge.connectors``): installing a package plugs it in."""

from __future__ import annotations

import difflib
import functools
import importlib.metadata
from collections.abc import Callable
from typing import Protocol, runtime_checkable

from connectors.contract import Connector
from connectors.errors import MisconfiguredError
from connectors.settings import SystemSettings

GROUP = "expunge.connectors"

Factory = Callable[[SystemSettings], Callable[[], Connector]]
"""Reads and checks settings once, and gives a function that opens a new connector on a fresh connection."""


@runtime_checkable
class Holding(Protocol):
    """An opener that can keep something of its store between connectors; optional. Who holds gives ``fresh`` too."""

    def hold(self) -> None:
        """Keep it from now on: there is work. May be called again and again. Must not raise."""

    def rest(self) -> None:
        """Let go of everything: there is no work. Must not raise."""

    def fresh(self) -> Callable[[], Connector]:
        """Give an opener whose connectors use nothing that is held: for the second look (I1)."""


def hold(opener: object) -> None:
    """Say that connectors of a system will be opened, one after the other. ``rest`` must follow."""
    if isinstance(opener, Holding):
        opener.hold()


def rest(opener: object) -> None:
    """Say that a system has no more work for now."""
    if isinstance(opener, Holding):
        opener.rest()


def fresh(opener: Callable[[], Connector]) -> Callable[[], Connector]:
    """Give the opener whose connectors use nothing that was held: the second look is on a new connection (I1)."""
    held: object = opener
    return held.fresh() if isinstance(held, Holding) else opener


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
