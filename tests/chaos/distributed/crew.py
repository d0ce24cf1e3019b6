"""The processes, and who starts them again: a supervisor as any installation has one."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import msgspec

from tests.chaos.distributed.installation import TOKEN, Installation
from tests.chaos.distributed.member import PHASES
from tests.chaos.marks import phases_in
from tests.support.bus import ROOT
from tests.support.company import SYSTEMS

PAUSE: Final = 1.0
"""Seconds before a process that ended is started again."""
HUNG: Final = 60.0
"""Seconds after a SIGTERM within which a process has to end."""
SCRAPE: Final = 5.0


class Ended(msgspec.Struct):
    """How one process ended. ``asked``: the signal it was sent before, or 0. Times: seconds since the epoch."""

    name: str
    code: int
    asked: int
    started: float
    at: float


class Landed(msgspec.Struct):
    """Where a signal landed: what the threads of the process were doing."""

    name: str
    signal: int
    at: float
    phases: tuple[str, ...]


class Member:
    """One process that has to be there."""

    def __init__(self, name: str, arguments: list[str], system: str = "") -> None:
        self.name = name
        self.arguments = arguments
        self.system = system
        self.process: subprocess.Popen[bytes] | None = None
        self.marks = Path()
        self.started = 0.0
        self.due = 0.0
        self.asked = 0
        self.asked_at = 0.0
        self.held = False
        """It is down, or frozen, on purpose: nobody starts it, and no other signal hits it."""

    @property
    def runs(self) -> bool:
        """Tell whether it runs."""
        return self.process is not None and self.process.poll() is None


class Crew:
    """Two orchestrators, two workers for each system, and the suppression API. Use ``with``."""

    def __init__(self, installation: Installation, spoil: str, bus: str) -> None:
        self._one = installation
        self._spoil = spoil or "-"
        self.out = installation.root / "out"
        self.out.mkdir()
        self.members = [Member(f"orchestrator-{n}", ["orchestrate", "--bus", bus]) for n in (1, 2)]
        self.members += [Member(f"{name}-{n}", ["connect", name], name) for name in SYSTEMS for n in (1, 2)]
        self.members.append(Member("suppression", ["suppression", "serve"]))
        self._homes = {one.name: installation.home(one.name) for one in self.members}
        self.ended: list[Ended] = []
        self.landed: list[Landed] = []
        self.starts = 0
        self.gone: dict[int, int] = {}
        """Process id -> when it was seen to have ended, monotonic nanoseconds."""
        self._scraped = 0.0
        self._lock = threading.RLock()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._supervise, name="supervisor")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        for one in self.members:
            if one.process is not None and one.runs:
                one.process.kill()
                one.process.wait()

    # -- the supervisor -----------------------------------------------------------------------------------
    def _supervise(self) -> None:
        while not self._over.wait(0.05):
            with self._lock:
                for one in self.members:
                    self._look(one)
            if time.monotonic() - self._scraped > SCRAPE:
                self._scraped = time.monotonic()
                self._scrape()

    def _look(self, one: Member) -> None:
        now = time.time()
        if one.process is not None and one.process.poll() is not None:
            ended = Ended(one.name, one.process.returncode, one.asked, one.started, now)
            self.ended.append(ended)
            self.gone[one.process.pid] = time.monotonic_ns()
            one.process = None
            one.asked = 0
            one.due = now + PAUSE
        if one.process is None and not one.held and now >= one.due:
            self._start(one)
        if one.process is not None and one.asked == signal.SIGTERM and now - one.asked_at > HUNG:
            one.process.kill()

    def _start(self, one: Member) -> None:
        self.starts += 1
        one.marks = self.out / f"marks-{one.name}-{self.starts}"
        one.marks.write_bytes(bytes(len(PHASES)))
        writers = self.out / f"writers-{one.system or 'none'}"
        # Measuring the coverage of processes that are killed gives nothing and costs half of the time.
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COVERAGE_")}
        environment |= {"PYTHONPATH": str(ROOT), "EXPUNGE_SUPPRESSION_TOKEN": TOKEN}
        module = "tests.chaos.distributed.member"
        command = [sys.executable, "-W", "ignore", "-m", module, str(one.marks), str(writers), self._spoil]
        with (self.out / f"{one.name}.log").open("ab") as out:
            one.process = subprocess.Popen(
                [*command, *one.arguments, "--home", str(self._homes[one.name])],
                cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
            )  # fmt: skip
        one.started = time.time()

    def _scrape(self) -> None:
        """Keep what the pages for operators show; it is searched afterwards."""
        for one in self.members:
            for page in ("metrics", "readyz", "livez"):
                address = f"{self._one.page(one.name)}/{page}"
                with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(address, timeout=0.3) as answer:
                    body = answer.read()
                    with (self.out / f"{page}-{one.name}.txt").open("ab") as out:
                        out.write(body)

    # -- signals ------------------------------------------------------------------------------------------
    def send(self, one: Member, number: signal.Signals) -> bool:
        """Send a signal; False if there is no process that it could hit."""
        with self._lock:
            if one.process is None or one.process.poll() is not None or one.asked:
                return False
            self.landed.append(Landed(one.name, number, time.time(), phases_in(one.marks, PHASES)))
            if number in {signal.SIGKILL, signal.SIGTERM}:
                one.asked, one.asked_at = number, time.time()
            one.process.send_signal(number)
            return True

    def hold(self, one: Member) -> None:
        """Leave it alone: it is not started again, and not hit."""
        with self._lock:
            one.held = True

    def release(self, one: Member) -> None:
        """Look after it again."""
        with self._lock:
            one.held = False

    def victims(self) -> list[Member]:
        """Give who can be hit now."""
        with self._lock:
            return [one for one in self.members if one.runs and not one.held and not one.asked]

    def doing(self, one: Member) -> tuple[str, ...]:
        """Give the phases a process is in."""
        return phases_in(one.marks, PHASES) if one.runs else ()

    def took_over(self, one: Member, start: float, end: float) -> bool:
        """Tell whether it was given partitions between two times (seconds since the epoch), by what it logged."""
        for line in (self.out / f"{one.name}.log").read_text().splitlines():
            if '"bus.assigned"' in line:
                at = dt.datetime.fromisoformat(json.loads(line)["at"]).timestamp()
                if start < at < end:
                    return True
        return False

    def stop(self) -> None:
        """End everything as an operator does, and nothing comes back."""
        with self._lock:
            for one in self.members:
                one.held = True
        for one in self.members:
            self.send(one, signal.SIGTERM)
        until = time.monotonic() + HUNG + 10
        while any(one.runs for one in self.members) and time.monotonic() < until:
            time.sleep(0.1)
        time.sleep(0.2)
