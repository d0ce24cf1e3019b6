"""The journal against the states: what was applied, applied again, has to give the same bytes (I5)."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from orchestrator.core.events import Event
from orchestrator.core.replay import replay
from orchestrator.engine.batch import APPLIED
from orchestrator.engine.stored import Plans, state_bytes
from orchestrator.errors import IllegalTransitionError
from orchestrator.ports import Transaction

_EVENT = msgspec.json.Decoder(Event)


def audit(tx: Transaction, plans: Plans) -> Iterator[str]:
    """Give the id of every request whose journal does not lead to its stored state."""
    for request_id, blob in tx.all_states():
        events = [_EVENT.decode(row.body) for row in tx.history(request_id) if row.verdict == APPLIED and row.body]
        try:
            state = replay(lambda digest: plans.get(tx, digest), events)
        except IllegalTransitionError:
            state = None
        if state is None or state_bytes(state) != blob:
            yield request_id
