"""Fixtures of the scenarios: the real command line on a company of its own."""

from __future__ import annotations

import datetime as dt
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.absent import SERVICE_ABSENT
from tests.support.cli import CommandLine
from tests.support.company import Company
from tests.support.distributed import Installation, Workers
from tests.support.fleet import Fleet
from tests.support.services import Databases, Kafka

ROOT = Path(__file__).resolve().parents[2]
KAFKAJS = "kafkajs@2.2.4"


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


@pytest.fixture
def workers(installation: Installation) -> Iterator[Workers]:
    """One worker of each system of the module's own ``installation``; none of them may have failed."""
    with Workers(installation) as working:
        yield working
    assert working.failures == []


@pytest.fixture(scope="session")
def fleet_broker() -> Iterator[str]:
    """A broker for installations alone: topics have fixed names, and other tests make them as they like."""
    with Kafka() as one:
        yield one.address


@pytest.fixture
def fleet(tmp_path: Path, fleet_broker: str, postgres_server: Databases) -> Iterator[Fleet]:
    """An installation of two systems, with nothing running yet."""
    url = postgres_server.create()
    yield Fleet(Company.build(tmp_path / "company", 24, dt.date(2026, 3, 1)), fleet_broker, url, tmp_path)
    postgres_server.drop(url)


@pytest.fixture(scope="session")
def node(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the script of the docs, and the one package it needs."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip(f"{SERVICE_ABSENT} node and npm")
    folder = tmp_path_factory.mktemp("node")
    shutil.copy(ROOT / "docs/examples/publish.mjs", folder)
    command = ["npm", "install", "--silent", "--no-audit", "--no-fund", "--ignore-scripts", KAFKAJS]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=110)
    if done.returncode:
        pytest.skip(f"{SERVICE_ABSENT} npm cannot install {KAFKAJS}")
    return folder
