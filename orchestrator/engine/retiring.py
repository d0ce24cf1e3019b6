"""Deletes the evidence of requests at the end of its own retention; the leaves stay, and history verifies (ADR 45).

All of a request goes in one transaction, journal and state together, so that none is left that its journal does not
lead to (I5). What stays: 32 bytes a leaf with the day, and that the id was taken.
"""

from __future__ import annotations

import datetime as dt
from typing import Final

from connectors.signals import SILENT, Signals
from orchestrator.core.recordkeeping import Standing, kept_by, last_day
from orchestrator.engine.stored import read_state
from orchestrator.errors import UsageError
from orchestrator.ports import Clock, Store, Transaction
from schemas.requests import utc

EVERY: Final = dt.timedelta(hours=1)
MOST: Final = 100
"""Requests a transaction."""
LOCK: Final = "retire"


class Retiring:
    """Deletes now and then, in whatever process works on the store. One at a time does."""

    def __init__(self, store: Store, clock: Clock, months: int, signals: Signals = SILENT) -> None:
        """Take what it works with. ``months``: how long evidence is kept after the last event; 0: for ever."""
        self._store = store
        self._clock = clock
        self._months = months
        self._signals = signals
        self._last: dt.datetime | None = None

    def turn(self) -> int:
        """Do it if it is time; costs nothing otherwise. Returns of how many requests the evidence was deleted.

        Raises:
            DependencyError: the store cannot be written, or holds something that is no state.
        """
        now = self._clock.now()
        # A clock that was set back must not make it wait for the time to come round again.
        if not self._months or (self._last is not None and dt.timedelta(0) <= now - self._last < EVERY):
            return 0
        until = last_day(now.date(), self._months)
        done, after = 0, ""
        while True:
            with self._store.read() as tx:
                found = tx.retirable(until, after, MOST)
            if not found:
                break
            after = found[-1]
            done += self._retire(found, until)
        self._last = now
        if done:
            self._signals.log("evidence.retired", count=done)
        return done

    def _retire(self, request_ids: list[str], until: str) -> int:
        with self._store.write() as tx:
            if not tx.alone(LOCK):
                return 0
            tx.among_people()  # a hold that is being placed counts: nothing is deleted under it
            over = self._over(tx, request_ids, until)
            tx.retire(over, utc(self._clock.now()))
        return len(over)

    def _over(self, tx: Transaction, request_ids: list[str], until: str) -> list[str]:
        holds = [Standing(one.hold_id, systems_of(one.scope)) for one in tx.standing_holds()]
        states = tx.states(request_ids)  # nobody else changes them from here on
        last, used = tx.last_noted(request_ids), tx.in_use(request_ids)
        over = []
        for request_id, blob in states.items():
            try:
                state = read_state(request_id, blob)
            except UsageError:
                continue  # of a newer version: that one knows what it still owes
            if request_id not in used and not kept_by(state, last[request_id], until, holds):
                over.append(request_id)
        return sorted(over)


def systems_of(scope: str) -> frozenset[str]:
    """Give the systems that a hold names (``HoldRow.scope``)."""
    return frozenset(one.partition("/")[0] for one in scope.split())
