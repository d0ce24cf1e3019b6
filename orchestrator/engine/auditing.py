"""The journal against the states: what was applied, applied again, has to give the same bytes (I5)."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import msgspec

from orchestrator.core.events import Event
from orchestrator.core.replay import replay
from orchestrator.engine.batch import APPLIED
from orchestrator.engine.stored import Plans, read_state, state_bytes
from orchestrator.errors import IllegalTransitionError
from orchestrator.ports import Transaction

_EVENT = msgspec.json.Decoder(Event)


def audit(tx: Transaction, plans: Plans) -> Iterator[str]:
    """Give the id of every request whose journal does not lead to its stored state.

    Raises:
        UsageError: a state was written by a newer version: what its journal leads to only that one can tell.
    """
    with contextlib.closing(tx.all_states()) as every:
        for request_id, blob in every:
            if not _leads_to(tx, plans, request_id, blob):
                yield request_id


def _leads_to(tx: Transaction, plans: Plans, request_id: str, blob: bytes) -> bool:
    logic = read_state(request_id, blob).logic
    events = [_EVENT.decode(row.body) for row in tx.history(request_id) if row.verdict == APPLIED and row.body]
    try:
        state = replay(lambda digest: plans.get(tx, digest), events)
    except IllegalTransitionError:
        return False
    if state is None:
        return False
    state.logic = logic  # of whoever wrote it last; no event brings it
    return state_bytes(state) == blob
