"""A process that works for weeks holds nothing that only a developer at a terminal looks at."""

from __future__ import annotations

import subprocess
import sys

PROGRAM = """
import sys
import orchestrator.cli.connecting, orchestrator.cli.orchestrating
print(sorted(one for one in sys.modules if one.split(".")[0] in {"pygments", "faust", "rich"}))
import rich.traceback
print(rich.traceback.Traceback.__name__)
"""


def test_workers_and_orchestrators_start_without_tracebacks_for_developers() -> None:
    done = subprocess.run([sys.executable, "-W", "ignore", "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "Traceback"], "what was left out can be had by whoever wants it"
