"""Looks at the store from outside while everything runs, and asks the suppression API what a producer would ask."""

from __future__ import annotations

import contextlib
import threading
import time
from types import TracebackType
from typing import Final, Self

import msgspec
import psycopg

from connectors.suppression import SuppressionClient
from orchestrator.core.work import INFORMS
from orchestrator.engine.stored import read_state
from schemas.suppression import Asked
from tests.chaos.distributed.installation import TOKEN, Installation
from tests.support.company import made_up

LOOK: Final = 0.5
FRESH: Final = 8.0
"""Seconds after which an erasure has to be known: a miss in the cache may be 5 s old."""
_ASKED: Final = 50


class Seen(msgspec.Struct):
    """What stood in the store at one look."""

    known: set[str] = set()
    closed: set[str] = set()
    attention: set[str] = set()
    left: dict[str, int] = {}

    def settled(self, requests: int) -> bool:
        """Tell whether nothing goes on any more: every request is closed, or waits for a person."""
        return len(self.known) == requests == len(self.closed | self.attention) and not any(self.left.values())


_LEFT: Final = {
    "events not applied": "SELECT count(*) FROM journal WHERE wire IS NOT NULL",
    "events parked": "SELECT count(*) FROM parked",
    "tasks out": "SELECT count(*) FROM outbox o JOIN requests r USING (request_id) WHERE r.attention = 0",
    "publications": "SELECT count(*) FROM publications",
}


class Watch:
    """A thread that looks and asks. Use ``with``."""

    def __init__(self, one: Installation, erasures: dict[str, int]) -> None:
        """``erasures``: who is erased by which request; only those who stand in some store."""
        self._one = one
        self._erasures = erasures
        self.seen = Seen()
        self.asked = self.unknown = 0
        self.wrong: list[str] = []
        self._closed_at: dict[str, float] = {}
        self._next = 0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="watch")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        client = SuppressionClient(self._one.page("suppression"), TOKEN, timeout=1.0)
        while not self._over.wait(LOOK):
            with contextlib.suppress(psycopg.Error):
                self.seen = look(self._one.store_url)
                now = time.monotonic()
                for one in self.seen.closed:
                    self._closed_at.setdefault(one, now)
            self._ask(client)
        client.close()

    def _ask(self, client: SuppressionClient) -> None:
        now = time.monotonic()
        erased = sorted(one for one, at in self._closed_at.items() if one in self._erasures and now - at > FRESH)
        if not erased:
            return
        some = [erased[(self._next + n) % len(erased)] for n in range(min(_ASKED, len(erased)))]
        self._next += len(some)
        answers = client.ask([Asked("email", made_up(self._erasures[one]).email) for one in some])
        self.asked += len(answers)
        self.unknown += answers.count("unknown")
        self.wrong += [one for one, answer in zip(some, answers, strict=True) if answer == "not_erased"]


def look(url: str) -> Seen:
    """Look once."""
    with psycopg.connect(url, connect_timeout=3) as store:
        rows = store.execute("SELECT request_id, phase, attention FROM requests").fetchall()
        stuck = store.execute(
            "SELECT request_id, state FROM requests WHERE attention > 0 AND phase <> 'closed'"
        ).fetchall()
        left = {what: _count(store, query) for what, query in _LEFT.items()}
    called = {
        request_id
        for request_id, state in stuck
        if any(one.reason not in INFORMS for one in read_state(request_id, state).attention)
    }
    return Seen({row[0] for row in rows}, {row[0] for row in rows if row[1] == "closed"}, called, left)


def _count(store: psycopg.Connection, query: str) -> int:
    row = store.execute(query.encode()).fetchone()
    return int(row[0]) if row else 0
