"""Starts workers and ends them: to the end, by SIGKILL or SIGTERM after some seconds, or cold through the CLI."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import msgspec

from tests.chaos.worker import PHASES, Ended, Job, readable
from tests.support.company import Company

LONGEST: Final = 600.0
"""Seconds after which a run that should have ended counts as hung."""


class Landed(msgspec.Struct):
    """Where one signal landed.

    Attributes:
        signal: Its number; 0 if the run had ended by itself before.
        after: Seconds since the start.
        phases: What the threads of the worker were doing.
        closed: Requests closed so far.
        events: Events in the journal so far.
        temporary: A half-written file was left in the stores.
    """

    signal: int
    after: float
    phases: tuple[str, ...]
    closed: int = 0
    events: int = 0
    temporary: bool = False
    code: int = 0


class Runner:
    """Runs workers of one company, one at a time. Use ``with``."""

    def __init__(self, company: Company, batch: int, shift: float, spoil: str = "") -> None:
        self._company = company
        self.out = company.root / "out"
        self.out.mkdir(exist_ok=True)
        marks = self.out / "marks"
        marks.write_bytes(bytes(len(PHASES)))
        self._marks = marks
        self.output = self.out / "output.txt"
        self._job = Job(str(company.home), batch, shift, str(marks), str(self.output), spoil)
        self._nursery: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        # Measuring the coverage of processes that are killed gives nothing and costs half of the time.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        with (self.out / "nursery.txt").open("ab") as errors:
            self._nursery = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                bufsize=0,
                env=environment,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._nursery is not None:
            assert self._nursery.stdin
            self._nursery.stdin.close()
            self._nursery.wait(LONGEST)
            assert self._nursery.stdout
            self._nursery.stdout.close()

    def _pipe(self) -> tuple[IO[bytes], IO[bytes]]:
        assert self._nursery is not None
        assert self._nursery.stdin
        assert self._nursery.stdout
        return self._nursery.stdin, self._nursery.stdout

    def start(self) -> int:
        """Start a worker; gives its process id."""
        self._marks.write_bytes(bytes(len(PHASES)))
        into, out = self._pipe()
        into.write(msgspec.json.encode(self._job) + b"\n")
        return int(msgspec.json.decode(out.readline())["pid"])

    def end(self) -> Ended:
        """Wait until the worker has ended."""
        _, out = self._pipe()
        if not readable(out.fileno(), LONGEST):
            raise TimeoutError("a worker hangs")
        return msgspec.json.decode(out.readline(), type=Ended)

    def whole(self) -> tuple[float, int]:
        """Run until idle; gives seconds and exit code."""
        begun = time.monotonic()
        self.start()
        ended = self.end()
        return time.monotonic() - begun, ended.code

    def cut(self, pid: int, begun: float, after: float, which: signal.Signals) -> Landed:
        """Send a signal when ``after`` seconds have passed since ``begun``, unless the worker ends before."""
        _, out = self._pipe()
        if readable(out.fileno(), begun + after - time.monotonic()):
            return Landed(0, time.monotonic() - begun, (), code=self.end().code)
        os.kill(pid, which)
        landed = Landed(which, time.monotonic() - begun, self._phases())
        landed.code = self.end().code
        if which == signal.SIGKILL and landed.code == 0:
            landed.signal = 0  # it had ended by itself when the signal came: nothing was killed
        return landed

    def cold(self, after: float) -> Landed:
        """Start ``expunge run`` in a new interpreter and kill it."""
        program = "from orchestrator.cli import main; main()"
        command = [sys.executable, "-c", program, "run", "--until-idle", "--home", str(self._company.home)]
        begun = time.monotonic()
        with self.output.open("ab") as out:
            process = subprocess.Popen(command, stdout=out, stderr=out, stdin=subprocess.DEVNULL)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(after)
            return Landed(0, time.monotonic() - begun, (), code=process.returncode)
        process.kill()
        process.wait()
        if process.returncode == 0:  # it had ended by itself when the signal came
            return Landed(0, time.monotonic() - begun, (), code=0)
        return Landed(signal.SIGKILL, time.monotonic() - begun, ("command line",), code=process.returncode)

    def _phases(self) -> tuple[str, ...]:
        counts = self._marks.read_bytes()
        return tuple(name for name, count in zip(PHASES, counts, strict=True) if count)


def look(company: Company, scratch: Path, landed: Landed) -> None:
    """Note how far the work was, on a copy: the next worker has to recover the database itself."""
    for file in company.home.glob("expunge.db*"):
        shutil.copyfile(file, scratch / file.name)
    with contextlib.closing(sqlite3.connect(scratch / "expunge.db")) as database:
        landed.closed, landed.events = progress(database)
    for file in scratch.glob("expunge.db*"):
        file.unlink()
    landed.temporary = any(True for _ in company.stores.rglob(".expunge-*.tmp"))


def progress(database: Any) -> tuple[int, int]:
    """Give requests closed and events applied."""
    closed = database.execute("SELECT count(*) FROM requests WHERE phase = 'closed'").fetchone()[0]
    return closed, database.execute("SELECT count(*) FROM journal WHERE wire IS NULL").fetchone()[0]
