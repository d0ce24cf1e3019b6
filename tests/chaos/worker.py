"""What is killed: one ``run --until-idle`` of a home folder, with the phase it is in written where the killer can look.

``python -m tests.chaos.worker`` is a nursery: it loads the product once, then forks a worker for each line on stdin
and tells on stdout which process it is and how it ended. A worker so needs no second for its imports, and 200 kills fit
into minutes. It is a process of its own all the same, and SIGKILL ends it at any instruction.
"""

from __future__ import annotations

import datetime as dt
import os
import select
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import Final

import msgspec
import pyarrow.parquet  # noqa: F401 - loaded before the fork

from connectors.contract import Connector
from connectors.files import lines, parquet
from connectors.files.connector import FileConnector
from connectors.sql.adapter import SqlConnector
from orchestrator.runtime.clock import ShiftedClock
from orchestrator.runtime.embedded import Embedded
from orchestrator.store.store import SqlStore
from tests.chaos import sabotage
from tests.chaos.marks import Marks

PHASES: Final = ("starting", "transaction", "locate", "erase", "second look", "export", "rewriting a file", "package")


class Job(msgspec.Struct):
    """One run.

    Attributes:
        home: The home folder.
        batch: Most events a transaction and tasks a call.
        shift: Seconds the clock is moved by.
        marks: File of ``len(PHASES)`` bytes: how many threads are in each phase.
        out: File that stdout and stderr are appended to.
        spoil: Name of a sabotage, or empty.
    """

    home: str
    batch: int
    shift: float
    marks: str
    out: str
    spoil: str = ""


class Ended(msgspec.Struct):
    """How a worker ended: exit code, or minus the signal."""

    pid: int
    code: int


def _mark_everything(marks: Marks) -> None:
    kinds: tuple[type[Connector], ...] = (SqlConnector, FileConnector)
    for kind in kinds:
        marks.method(kind, "locate", "locate")
        marks.method(kind, "erase", "erase")
        marks.method(kind, "present", "second look")
        marks.method(kind, "export", "export")
    for module in (lines, parquet):
        marks.method(module, "replacing", "rewriting a file")
    marks.method(SqlStore, "write", "transaction")
    marks.method(Embedded, "_assemble", "package")


def work(job: Job) -> int:
    """Run until idle, or until SIGTERM."""
    stop = threading.Event()

    def on_term(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    signal.signal(signal.SIGTERM, on_term)
    out = os.open(job.out, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    os.dup2(out, 1)
    os.dup2(out, 2)
    marks = Marks(Path(job.marks), PHASES)
    sabotage.apply(job.spoil)
    _mark_everything(marks)
    clock = ShiftedClock()
    clock.shift = dt.timedelta(seconds=job.shift)
    with marks.inside("starting"):
        home = Embedded.open(Path(job.home), clock=clock, batch=job.batch)
    with home:
        home.run(until_idle=True, stop=stop)
    return 0


def _child(job: Job) -> None:
    code = 70
    try:
        code = work(job)
    except BaseException as error:  # noqa: BLE001 - whatever it is must end this process, not the nursery
        sys.stderr.write(f"worker: {type(error).__name__}: {error}\n")
    finally:
        sys.stderr.flush()
        os._exit(code)


def _tell(message: object) -> None:
    sys.stdout.buffer.write(msgspec.json.encode(message) + b"\n")
    sys.stdout.buffer.flush()


def nursery() -> None:
    """Fork a worker for each line; one at a time."""
    for line in sys.stdin.buffer:
        job = msgspec.json.decode(line, type=Job)
        pid = os.fork()
        if pid == 0:
            with Path(os.devnull).open() as nothing:
                os.dup2(nothing.fileno(), 0)
            _child(job)
        _tell({"pid": pid})
        _, status = os.waitpid(pid, 0)
        _tell(Ended(pid, os.waitstatus_to_exitcode(status)))


def readable(descriptor: int, seconds: float) -> bool:
    """Wait until something can be read."""
    return bool(select.select([descriptor], [], [], max(0.0, seconds))[0])


if __name__ == "__main__":
    nursery()
