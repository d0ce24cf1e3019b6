"""The kill harness as tests: a bounded run here, the full one in ``make chaos``; and the harness can fail."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.kill import search_plant
from tests.support.company import made_up
from tests.support.secrecy import Search

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.chaos


def _harness(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "tests.chaos.kill", *arguments]
    # What is killed cannot write its coverage, and measuring it would only move the kills.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=1500)


def _failed(output: str) -> set[str]:
    (line,) = [one for one in output.splitlines() if one.startswith("FAILED: ")]
    return set(line.removeprefix("FAILED: ").split(", "))


def test_i11_killed_anywhere_the_outcome_is_the_same() -> None:
    run = _harness("--requests", "120", "--kills", "20", "--seed", "3")
    assert run.returncode == 0, run.stdout + run.stderr
    assert "all checks hold" in run.stdout


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_i11_two_hundred_kills_over_a_thousand_requests(capsys: pytest.CaptureFixture[str]) -> None:
    run = _harness("--requests", "1000", "--kills", "200", "--seed", "7")
    with capsys.disabled():
        print(run.stdout)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.parametrize(
    ("spoil", "check"),
    [
        pytest.param("outbox", "every request closed", marks=pytest.mark.slow),
        pytest.param("erase", "every request closed", marks=pytest.mark.slow),
        ("lie", "no trace of the erased"),
        pytest.param("rename", "others untouched", marks=pytest.mark.slow),
    ],
)
def test_the_harness_fails_when_the_product_is_spoilt(spoil: str, check: str) -> None:
    run = _harness("--requests", "16", "--kills", "5", "--batch", "4", "--seed", "5", "--spoil", spoil)
    assert run.returncode == 1, run.stdout + run.stderr
    assert "FAILED: " in run.stdout, run.stdout + run.stderr  # else it is the harness itself that failed
    assert check in _failed(run.stdout), run.stdout


@pytest.mark.parametrize("hidden", ["raw", "base64", "sha256", "utf-16", "name"])
def test_i04_the_search_finds_what_is_planted(tmp_path: Path, hidden: str) -> None:
    import hashlib

    email = made_up(1004).email
    forms = {
        "raw": email.upper().encode(),
        "base64": search_plant(1004),
        "sha256": hashlib.sha256(email.encode()).hexdigest().encode(),
        "utf-16": email.encode("utf-16-le"),
        "name": b"",
    }
    (tmp_path / (email if hidden == "name" else "file")).write_bytes(b"before" + forms[hidden] + b"after")
    search = Search([1003, 1004])
    hits, files, _ = search.below([tmp_path])
    assert [(hit.number, hit.field) for hit in hits] == [(1004, "email")]
    assert files == 1
    assert not Search([1003]).below([tmp_path])[0]
