"""A worker says that it is there, and in which state: a silent system has to be visible (I12)."""

from __future__ import annotations

import contextlib
import time

from connectors.errors import ConnectorError, MisconfiguredError
from connectors.kafka.client import friendly
from connectors.kafka.sending import Sender
from connectors.signals import Signals
from connectors.worker import State, Worker
from schemas.heartbeats import EVERY_SECONDS
from schemas.topics import HEARTBEATS


class Heart:
    """Beats as often as is owed, and whenever the state changes. For one thread."""

    def __init__(self, worker: Worker, sender: Sender, signals: Signals) -> None:
        """Take what it speaks for, and through."""
        self._worker = worker
        self._sender = sender
        self._signals = signals
        self._state: State = "ready"
        self._beaten = 0.0

    def beat(self, state: State) -> None:
        """Say the state, if it is time or another one; a heartbeat may be lost."""
        self._signals.alive()
        now = time.monotonic()
        changed = state != self._state and {state, self._state} != {"ready", "working"}
        if not changed and now - self._beaten < EVERY_SECONDS and self._beaten:
            return
        self._state, self._beaten = state, now
        with contextlib.suppress(MisconfiguredError):  # half a file: somebody is copying it
            self._worker.keys.reload()  # so that a new key is reported before it is used
        try:
            with friendly(f"topic {HEARTBEATS.name}"):
                self._sender.put(HEARTBEATS.name, self._worker.heartbeat(state))
        except ConnectorError as error:
            self._signals.log("bus.disconnected", error=error)
