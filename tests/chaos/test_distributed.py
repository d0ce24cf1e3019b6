"""The distributed chaos harness as tests: a bounded run here, the full one in ``make chaos``; and it can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.absent import SERVICE_ABSENT
from tests.support.services import why_no_engine

ROOT = Path(__file__).parents[2]
pytestmark = [pytest.mark.chaos, pytest.mark.timeout(900)]


def _harness(*arguments: str) -> subprocess.CompletedProcess[str]:
    if (reason := why_no_engine()) is not None:
        pytest.skip(f"{SERVICE_ABSENT} Kafka, PostgreSQL and Redis; no container engine ({reason})")
    command = [sys.executable, "-W", "ignore", "-m", "tests.chaos.distributed", *arguments]
    # What is killed cannot write its coverage, and measuring it would only move the kills.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def _failed(output: str) -> set[str]:
    (line,) = [one for one in output.splitlines() if one.startswith("FAILED: ")]
    return set(line.removeprefix("FAILED: ").split(", "))


def test_i11_whatever_dies_nothing_is_lost_and_nothing_falsely_completed() -> None:
    run = _harness(
        "--requests", "150", "--kills", "8", "--broker-kills", "1", "--postgres-kills", "1", "--flushes", "1",
        "--seed", "5", "--pause", "0.7", "--longest", "2",
    )  # fmt: skip
    assert run.returncode == 0, run.stdout + run.stderr
    assert "all checks hold" in run.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sabotage", "check"),
    [
        ("inbox", "every fact counts once"),
        ("second-look", "no false completion"),
        ("file-lock", "one writer at a time"),
    ],
)
def test_the_harness_fails_when_the_product_is_broken(sabotage: str, check: str) -> None:
    run = _harness(
        "--requests", "120", "--kills", "4", "--broker-kills", "0", "--postgres-kills", "0", "--flushes", "1",
        "--seed", "5", "--pause", "1", "--longest", "3", "--rest", "60", "--sabotage", sabotage,
    )  # fmt: skip
    assert run.returncode == 1, run.stdout + run.stderr
    assert "FAILED: " in run.stdout, run.stdout + run.stderr  # else it is the harness itself that failed
    assert check in _failed(run.stdout), run.stdout
