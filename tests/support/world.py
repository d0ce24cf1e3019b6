"""A small company with one erasure waiting, on the real runtime, for tests of what the world around it does."""

from __future__ import annotations

import contextlib
import datetime as dt
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path

from orchestrator.core.model import Phase, RequestState
from orchestrator.engine.engine import load_state
from orchestrator.runtime.clock import ShiftedClock
from orchestrator.runtime.embedded import Embedded
from schemas.identifiers import Identifier
from schemas.requests import RequestForm, Right
from tests.support.company import Company, Snapshot, bystanders_differ, made_up

WHO = 1001
REQUEST = "erase-one"


class World:
    """A company with one erasure waiting, and what must be left of it."""

    def __init__(self, root: Path) -> None:
        self.company = Company.build(root, 6, dt.datetime.now(dt.UTC).date())
        self.logs = self.company.stores / "logs"
        self.events = self.company.stores / "events"

    def submit(self, request_id: str = REQUEST, number: int = WHO) -> None:
        who = made_up(number)
        found = (Identifier("email", who.email), Identifier("ip", who.ip))
        with Embedded.open(self.company.home) as home:
            home.intake.submit([RequestForm(Right.ERASURE, found, request_id=request_id)])

    def run(self, clock: ShiftedClock | None = None) -> None:
        with Embedded.open(self.company.home, clock=clock) as home:
            home.run(until_idle=True)

    def state(self, request_id: str = REQUEST) -> RequestState:
        with Embedded.open(self.company.home) as home, home.store.read() as tx:
            return load_state(tx, request_id)

    def resume(self, request_id: str = REQUEST) -> None:
        with Embedded.open(self.company.home) as home:
            home.engine.resume(request_id, "operator")

    def records(self) -> int:
        with contextlib.closing(sqlite3.connect(self.company.home / "expunge.db")) as database:
            return int(database.execute("SELECT count(*) FROM records").fetchone()[0])

    def needs_attention(self, system: str, detail: str) -> None:
        """The request stopped, names this cause, and nothing was completed."""
        state = self.state()
        assert state.phase is not Phase.CLOSED
        assert {(one.system, one.detail) for one in state.attention} == {(system, detail)}
        assert all(one.owner and one.todo for one in state.attention)
        assert self.records() == 0

    def is_done(self, before: Snapshot) -> None:
        """The request is closed, no trace is left, the others are untouched."""
        state = self.state()
        assert state.phase is Phase.CLOSED, state.attention
        assert self.records() == 1
        assert self.company.traces_of(WHO) == []
        assert bystanders_differ(before, self.company.contents(), [WHO]) == []


def replace_in(file: Path, old: str, new: str) -> None:
    text = file.read_text()
    assert old in text
    file.write_text(text.replace(old, new))


def until(true: Callable[[], bool], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to pass"
        time.sleep(0.05)


def run_until(home: Embedded, true: Callable[[], object]) -> None:
    stop = threading.Event()
    home.run(until_idle=False, stop=stop, progress=lambda: stop.set() if true() else None)
