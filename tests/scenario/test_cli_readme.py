"""Every `expunge ...` block of the README runs as it stands there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.cli import main

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```bash\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)


@pytest.mark.timeout(300)  # two dozen processes, one after the other
def test_the_blocks_of_the_readme_run_in_order(tmp_path: Path) -> None:
    assert len(BLOCKS) >= 7
    tools = tmp_path / "bin"
    tools.mkdir()
    (tools / "expunge").write_text(f'#!/bin/sh\nexec "{sys.executable}" -m orchestrator "$@"\n', encoding="utf-8")
    (tools / "expunge").chmod(0o755)
    work = tmp_path / "work"
    work.mkdir()
    environment = {**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"}
    # A dozen processes: what they run is measured by the journeys, and measuring would double their time.
    for name in [one for one in environment if one.startswith("COV") or one == "EXPUNGE_HOME"]:
        del environment[name]
    done = subprocess.run(
        ["bash", "-eu", "-c", "\n".join(BLOCKS)], cwd=work, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "verified  record demo-erasure.1" in done.stdout
    assert "1 already known" in done.stderr
    assert "my-first" in done.stdout
    assert "not searched" in done.stdout
    told = done.stdout.split("erasure request my-second")
    assert "stays: legal hold hold-" in told[1]
    assert "stays: legal hold hold-" not in told[2]
    assert "dpo decided on" in told[2]
    assert "record 2: " in told[2]
    assert {one.name for one in work.iterdir()} == {"tour", "my-home", "proof.jws", "copy.zip", "request.json"}


def test_every_command_shown_stands_in_a_block_that_runs_or_is_known() -> None:
    help_ = subprocess.run(
        [sys.executable, "-m", "orchestrator", "--help"], capture_output=True, text=True, check=True
    ).stdout
    shown = set(re.findall(r"\bexpunge ([a-z]+)\b", README))
    known = set(re.findall(r"^  ([a-z]+) {2,}", help_, re.MULTILINE))
    assert shown - {"carries", "says", "runs"} <= known
    for part in ("demo list show record verify package submit run init check retry", "hold decide policy deadline"):
        assert set(part.split()) <= shown


def test_the_two_commands_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in re.findall(r"^make ([a-z]+)", README, re.MULTILINE):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)


def test_the_result_shown_is_the_demo_s(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo"]) == 0
    out = capsys.readouterr().out
    (shown,) = re.findall(r"^```text\n(.*?)^```$", README, re.DOTALL | re.MULTILINE)
    dateless = re.compile(r"\d{4}-\d\d-\d\d")
    real = {re.sub(" +", " ", dateless.sub("DATE", line)).strip() for line in out.splitlines()}
    for line in shown.splitlines():
        if line and line != "...":
            assert re.sub(" +", " ", dateless.sub("DATE", line)).strip() in real, line
