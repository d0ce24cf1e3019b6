"""The engine: applies what waits in the journal, confirmations and timers; gives out tasks. One transaction a batch.

Both runtimes call it; it knows no threads, no broker and no clock but the port. What one event may do wrong stops
with that event: it goes to the dead letters, its request to a person, its neighbours go on. What is wrong with the
store, a key or the version stops everything, and nothing is lost.
"""

from __future__ import annotations

from orchestrator.engine.auditing import audit
from orchestrator.engine.base import BATCH
from orchestrator.engine.packages import Packages
from orchestrator.engine.publishing import Publishing
from orchestrator.engine.receiving import Receiving
from orchestrator.engine.releasing import Releasing
from orchestrator.engine.stored import load_state
from orchestrator.engine.timers import Timers

__all__ = ["BATCH", "Engine", "load_state"]


class Engine(Receiving, Timers, Packages, Releasing, Publishing):
    """Load, dedupe, step, commit, emit."""

    def audit(self) -> list[str]:
        """Replay every request's journal; gives the ids of those whose stored state is another."""
        with self.store.read() as tx:
            return list(audit(tx, self._plans))
