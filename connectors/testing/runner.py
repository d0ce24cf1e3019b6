"""Runs cases of the suite without pytest's machinery: to prove that a case fails on a connector that is broken."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from connectors.testing.conformance import ConnectorConformance


def cases() -> list[str]:
    """Give the names of the cases."""
    return [name for name in dir(ConnectorConformance) if name.startswith("test_")]


def run_case(make: Callable[[], ConnectorConformance], name: str, folder: Path) -> str | None:
    """Run one case without pytest's machinery; gives why it failed, or None. Proves that a case can fail."""
    stand = make()
    stand.prepare(folder)
    try:
        getattr(stand, name)()
    except (Exception, pytest.fail.Exception) as error:  # noqa: BLE001 - as pytest does
        return f"{type(error).__name__}: {error}"
    return None
