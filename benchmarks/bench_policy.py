"""Speed of the linter: ``expunge policy lint`` of the worked example, and of a policy many times its size."""

from __future__ import annotations

import datetime as dt
import os
import re
import subprocess
import sys
import time
from pathlib import Path

from orchestrator.policy import read
from orchestrator.policy.lint import lint

ROOT = Path(__file__).parent.parent
ODIGO = ROOT / "deploy" / "policies" / "odigo.toml"
TIMES = 50


def command(repeat: int = 5) -> float:
    """Give the best time of the command, in seconds, start of Python included."""
    best = float("inf")
    program = "import sys; from orchestrator.cli import main; sys.exit(main(sys.argv[1:]))"
    for _ in range(repeat):
        begun = time.perf_counter()
        done = subprocess.run(
            [sys.executable, "-c", program, "policy", "lint", str(ODIGO), "--on", "2026-01-01"],
            capture_output=True, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False,
        )  # fmt: skip
        best = min(best, time.perf_counter() - begun)
        assert done.returncode == 1, done.stderr
    return best


def _renamed(part: str, number: int) -> str:
    """Give activities and retention rules with ids of their own."""
    part = re.sub(r'"policy:([\w.]+)"', rf'"policy:\1.{number}"', part)
    part = re.sub(r'^id = "(.*)"$', rf'id = "\1.{number}"', part, flags=re.MULTILINE)
    return re.sub(
        r"^activities = .*$", lambda line: re.sub(r'(\w)"', rf'\1.{number}"', line[0]), part, flags=re.MULTILINE
    )


def large(repeat: int = 3) -> tuple[int, float]:
    """Give the number of entries of a large policy, and the best time to read and lint it, in seconds."""
    text = ODIGO.read_text(encoding="utf-8")
    start = text.index("[[activity]]")
    end = text.index("[[exclusion]]")
    part = text[start:end]
    for number in range(TIMES - 1):
        text += "\n" + _renamed(part, number)
    best = float("inf")
    entries = 0
    for _ in range(repeat):
        begun = time.perf_counter()
        register = read(text, "large.toml")
        lint(register, dt.date(2026, 1, 1))
        best = min(best, time.perf_counter() - begun)
        entries = len(register.document.activity) + len(register.document.retention)
    return entries, best
