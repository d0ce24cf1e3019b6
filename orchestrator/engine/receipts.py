"""The receipts of requests: given again while a request is open, and found by what they open (ADR 43)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from orchestrator.core.model import Phase, RequestState
from orchestrator.engine import wire
from orchestrator.engine.capsule import CapsuleBox
from orchestrator.engine.stored import read_state, refuse_retired
from orchestrator.errors import UsageError
from orchestrator.ports import Chance, JournalRow, Keyring, Store, Transaction
from schemas import envelope, receipts
from schemas.codec import decode_event
from schemas.errors import SchemaError

_ALL: Final = (1 << 31) - 1
"""Rows; PostgreSQL takes no larger number there."""


def given(store: Store, keys: Keyring, chance: Chance, request_id: str) -> str:
    """Give the receipt of an open request again, as it is shown to the person.

    Raises:
        UsageError: no such request; it has none; or it is not kept (any more): then nobody can give it again.
    """
    with store.read() as tx:
        found = kept(tx, keys, CapsuleBox(keys.store, chance), request_id)
        state = tx.states([request_id]).get(request_id)
        if found is None:
            refuse_retired(tx, request_id)
    if found is None:
        raise UsageError(f"no request {request_id}", fix="see `expunge list`")
    if found.shown:
        return found.shown
    if not found.commitment:
        raise UsageError(f"request {request_id} has no receipt", why="it began before there were any, or nobody asked")
    closed = state is not None and _has_closed(read_state(request_id, state))
    made = "whoever took the request in has made it, and kept it to the person"
    why = "it went when the request closed" if closed else made
    raise UsageError(f"the receipt of request {request_id} is not kept", why=why, fix="the person has it, or nobody")


def _has_closed(state: RequestState) -> bool:
    """Tell whether it has closed once; it may have been looked at again since."""
    return state.phase is Phase.CLOSED or state.records > 0


def kept(tx: Transaction, keys: Keyring, box: CapsuleBox, request_id: str) -> wire.Receipt | None:
    """Give the receipt of a request, as far as it is kept; None: there is no such request.

    Raises:
        DependencyError: the capsule cannot be opened with the store's key.
    """
    blob = tx.states([request_id]).get(request_id)
    if blob is None:
        waiting = (row for row in tx.history(request_id) if row.type == envelope.REQUEST_RECEIVED and row.wire)
        row = next(waiting, None)
        return None if row is None else _sealed(row, keys)
    sealed = tx.capsules([request_id]).get(request_id)
    shown = box.open(request_id, sealed).receipt if sealed is not None else ""
    return wire.Receipt(shown, read_state(request_id, blob).receipt_sha256)


def _sealed(row: JournalRow, keys: Keyring) -> wire.Receipt:
    """Open the receipt of a request that waits for its first turn; what cannot be opened has none that is known."""
    try:
        return wire.open_request(decode_event(row.wire or b""), row.request_id, keys).receipt
    except SchemaError:
        return wire.NO_RECEIPT


def opened(tx: Transaction, keys: Keyring, shown: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Give for each receipt the requests that it opens; those that wait for their first turn are opened for it.

    Raises:
        SchemaError: one is none, or mistyped.
    """
    wanted = {receipts.commitment(one): one for one in shown}
    found: dict[str, list[str]] = {one: [] for one in shown}
    for digest, request_id in sorted([*tx.claimed(list(wanted)), *_waiting(tx, keys)]):
        if digest in wanted:
            found[wanted[digest]].append(request_id)
    return {one: tuple(some) for one, some in found.items()}


def _waiting(tx: Transaction, keys: Keyring) -> Iterator[tuple[str, str]]:
    for row in tx.waiting(_ALL):
        if row.type == envelope.REQUEST_RECEIVED:
            yield _sealed(row, keys).commitment, row.request_id
