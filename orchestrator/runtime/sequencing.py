"""The sequencer in a process: made from its settings, and, beside others, on a thread of its own."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

from connectors.signals import SILENT, Signals
from orchestrator.engine.sequencing import LedgerKeys, Sequencer
from orchestrator.files.anchors import AnchorFolder
from orchestrator.keys import KeyFolder
from orchestrator.keys.notes import LedgerVerifier
from orchestrator.ports import Clock, Store
from orchestrator.settings import Settings

POLL_SECONDS: Final = 1.0


def sequencer(settings: Settings, store: Store, keys: KeyFolder, clock: Clock, signals: Signals = SILENT) -> Sequencer:
    """Make the sequencer of an installation."""

    def own(origin: str) -> LedgerKeys:
        signers = keys.ledger(origin)
        return LedgerKeys(signers[0].name, signers, [LedgerVerifier.of(one.vkey) for one in signers])

    anchors = AnchorFolder(settings.home / settings.ledger.anchor) if settings.ledger.anchor else None
    return Sequencer(store, own, clock, origin=settings.ledger.origin, anchors=anchors, signals=signals)


class Sequencing:
    """Turns a sequencer until it is stopped."""

    def __init__(self, sequencer: Sequencer) -> None:
        """Take the sequencer."""
        self._sequencer = sequencer
        self._wake = threading.Event()
        self.failure: BaseException | None = None

    def wake(self) -> None:
        """Let it look now."""
        self._wake.set()

    def run(self, stop: threading.Event, failed: Callable[[], None]) -> None:
        """Work until stopped, and once more then. ``failed`` is called when it cannot go on."""
        try:
            while not stop.is_set():
                self._sequencer.turn()
                self._wake.wait(POLL_SECONDS)
                self._wake.clear()
            self._sequencer.turn()
        except BaseException as error:  # noqa: BLE001 - the process ends with it
            self.failure = error
            failed()
