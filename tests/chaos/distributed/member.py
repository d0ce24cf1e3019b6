"""What is killed: ``expunge`` itself, with the phase it is in written where the killer can look.

    python -m tests.chaos.distributed.member MARKS WRITERS SABOTAGE orchestrate --home ...

MARKS is a file of ``len(PHASES)`` bytes. WRITERS is a file that gets a line whenever a file of the company begins or
ends to be rewritten, by which two writers at once would be seen. SABOTAGE is the name of a fault, or ``-``.
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from tests.chaos.distributed import sabotage
from tests.chaos.marks import Marks

PHASES: Final = (
    "transaction", "publishing", "package", "locate", "erase", "second look", "export", "rewriting a file", "answering",
)  # fmt: skip


def _mark_orchestrator(marks: Marks) -> None:
    from orchestrator.runtime import packing
    from orchestrator.runtime.relay import Relay
    from orchestrator.store.postgres import PostgresStore

    marks.method(PostgresStore, "write", "transaction")
    marks.method(Relay, "_publish", "publishing")
    marks.method(packing, "attempt", "package")


def _mark_worker(marks: Marks, writers: Path) -> None:
    from connectors.files import lines, parquet
    from connectors.files.connector import FileConnector
    from connectors.kafka.consuming import TaskLoop
    from connectors.sql.adapter import SqlConnector

    kinds: tuple[type[Any], ...] = (SqlConnector, FileConnector)
    for kind in kinds:
        marks.method(kind, "locate", "locate")
        marks.method(kind, "erase", "erase")
        marks.method(kind, "present", "second look")
        marks.method(kind, "export", "export")
    marks.method(TaskLoop, "_send", "answering")
    out = os.open(writers, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    for module in (lines, parquet):
        marks.method(module, "replacing", "rewriting a file")
        _note_writers(module, out)


def _note_writers(module: Any, out: int) -> None:
    original = module.replacing

    @contextlib.contextmanager
    def noted(*args: Any, **kwargs: Any) -> Iterator[Any]:
        _say(out, "begin")
        try:
            with original(*args, **kwargs) as value:
                yield value
        finally:
            _say(out, "end")

    module.replacing = noted


def _say(out: int, what: str) -> None:
    # One short write to a file opened for appending is one line, whoever else writes.
    os.write(out, f"{what} {os.getpid()} {time.monotonic_ns()}\n".encode())


def main() -> int:
    """Run the command line as it is, but for the marks and the fault."""
    marks_file, writers, spoil, *arguments = sys.argv[1:]
    marks = Marks(Path(marks_file), PHASES)
    if arguments[0] == "orchestrate":
        _mark_orchestrator(marks)
    elif arguments[0] == "connect":
        _mark_worker(marks, Path(writers))
    sabotage.apply("" if spoil == "-" else spoil, arguments[0])
    from orchestrator.cli import main as expunge

    sys.argv = ["expunge", *arguments]
    return int(expunge() or 0)


if __name__ == "__main__":
    sys.exit(main())
