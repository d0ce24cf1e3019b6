"""Four processes number leaves at one store and are killed (SIGKILL) all the time: no gap, no double, no loss."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from orchestrator.store.migrate import migrate
from tests.chaos.ledger_worker import opened
from tests.support.ledgers import checked, sequencer

ROOT = Path(__file__).parents[2]
SECONDS = 8.0


def _start(url: str, name: str, folder: Path) -> tuple[subprocess.Popen[bytes], Path]:
    said = folder / f"{name}.txt"
    with said.open("wb") as out:
        command = [sys.executable, "-m", "tests.chaos.ledger_worker", url, name]
        env = {**os.environ, "PYTHONPATH": str(ROOT)}
        return subprocess.Popen(command, stdout=out, stderr=subprocess.DEVNULL, cwd=ROOT, env=env), said


@pytest.mark.chaos
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_processes_that_are_killed_lose_no_leaf_and_leave_no_gap(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    url = f"sqlite:///{tmp_path / 'store.db'}" if kind == "sqlite" else request.getfixturevalue("postgres")
    store = opened(url)
    migrate(store.engine)
    rng = random.Random(7)
    started = 0
    running: list[subprocess.Popen[bytes]] = []
    files: list[Path] = []
    kills = 0
    end = time.monotonic() + SECONDS
    try:
        while time.monotonic() < end or kills < 5:
            while len(running) < 4:
                process, said = _start(url, f"w{started}", tmp_path)
                started += 1
                running.append(process)
                files.append(said)
            time.sleep(rng.uniform(0.3, 1.2))
            victim = running.pop(rng.randrange(len(running)))
            assert victim.poll() is None, "it ended by itself"
            if files[int(victim.args[-1][1:])].stat().st_size:  # type: ignore[index] # one that has begun to work
                victim.kill()
                victim.wait()
                kills += 1
            else:
                running.append(victim)
            assert time.monotonic() < end + 60
    finally:
        for one in running:
            one.kill()
            one.wait()
    sequencer(store).turn()
    count = checked(store)
    batches = [line for one in files for line in one.read_text().splitlines() if line]
    assert kills >= 5
    assert count >= 10 * len(batches) > 0, "what was committed is there"
    with store.read() as tx:
        numbered = {one.request_id for one, _ in tx.all_leaves(count)}
    assert {f"{batch}.{at}" for batch in batches for at in range(5)} <= numbered
    store.close()
