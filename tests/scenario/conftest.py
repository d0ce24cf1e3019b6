"""Fixtures of the scenarios: the real command line on a company of its own."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.cli import CommandLine
from tests.support.company import Company


@pytest.fixture(scope="session")
def company_of_six(tmp_path_factory: pytest.TempPathFactory) -> Company:
    return Company.build(tmp_path_factory.mktemp("template") / "company", 6, dt.datetime.now(dt.UTC).date())


@pytest.fixture
def expunge(
    company_of_six: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[CommandLine]:
    monkeypatch.delenv("EXPUNGE_DEBUG", raising=False)
    made = CommandLine(company_of_six.twin(tmp_path / "company"), capsys, monkeypatch)
    yield made
    made.nothing_leaked()
