"""Hints are noted by one thread and asked for by another."""

from __future__ import annotations

import threading

from orchestrator.engine.hints import Hints


def test_what_is_forgotten_while_a_batch_is_noted_stays_forgotten() -> None:
    hints = Hints()
    hints.earliest = "2026-02-01"
    relay = threading.Thread(target=hints.ask_for_timers)

    class Moment(str):
        __slots__ = ()

        def __lt__(self, other: str) -> bool:
            relay.start()
            relay.join(0.2)  # it must wait for us, and so we in vain for it
            return str(self) < str(other)

    hints.note((), Moment("2026-01-01"))
    relay.join()
    assert hints.earliest is None, "ask the store"
