"""Fixtures of the unit tests: an orchestrator without threads (``tests.support.rig``)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.rig import Rig, Templates


@pytest.fixture(scope="session")
def templates(tmp_path_factory: pytest.TempPathFactory) -> Templates:
    return Templates(tmp_path_factory.mktemp("templates"))


@pytest.fixture
def rig(tmp_path: Path, templates: Templates) -> Iterator[Rig]:
    made = Rig(tmp_path / "home", templates)
    yield made
    made.close()
