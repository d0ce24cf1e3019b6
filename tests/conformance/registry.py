"""The broken connectors, by name: which case of the suite has to catch each."""

from __future__ import annotations

from collections.abc import Callable

from connectors.testing.fake import FakeConnector, FakeSystem
from connectors.testing.fake_stand import FakeStand

BROKEN: dict[str, tuple[str, set[str], type[FakeStand]]] = {}

Broken = type[FakeConnector]


def caught_by(case: str, *also: str) -> Callable[[Broken], Broken]:
    """Register a broken connector under the case that has to catch it."""

    def register(connector: Broken) -> Broken:
        system = type("System", (FakeSystem,), {"connector_type": connector})
        stand = type("Stand", (FakeStand,), {"system_type": system})
        BROKEN[connector.__name__] = (f"test_{case}", {f"test_{one}" for one in also}, stand)
        return connector

    return register
