"""A request's state and its plan as the store keeps them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from orchestrator.core.model import LOGIC, Phase, RequestState
from orchestrator.core.plan import Plan
from orchestrator.errors import DependencyError, UsageError
from orchestrator.ports import Transaction
from schemas.codec import forbid_unknown
from schemas.errors import SchemaError
from schemas.outcomes import Exported

state_bytes: Final = msgspec.msgpack.Encoder().encode
_STATE_DECODE: Final = msgspec.msgpack.Decoder(RequestState).decode


def read_state(request_id: str, blob: bytes) -> RequestState:
    """Read a stored state.

    Raises:
        UsageError: it was written by a newer version: nothing may be done with it, the worker stops (decision 12).
        DependencyError: it is no state at all.
    """
    try:
        state = _STATE_DECODE(blob)
    except msgspec.ValidationError:
        # A field or a value that this version does not have: whatever its number says, writing it again would lose it.
        raise _newer(request_id) from None
    except msgspec.DecodeError:
        fix = "restore the database from a backup"
        raise DependencyError("a stored request cannot be read", where=f"request {request_id}", fix=fix) from None
    if state.logic > LOGIC:
        raise _newer(request_id)
    return state


def _newer(request_id: str) -> UsageError:
    return UsageError(
        "a request was last worked on by a newer version",
        where=f"request {request_id}",
        fix="install the newer version; nothing was changed",
    )


def load_state(tx: Transaction, request_id: str) -> RequestState:
    """Read one request's state.

    Raises:
        UsageError: no such request, or written by a newer version.
    """
    blob = tx.states([request_id]).get(request_id)
    if blob is None:
        refuse_retired(tx, request_id)
        raise UsageError(f"no request {request_id}", fix="see `expunge list`")
    return read_state(request_id, blob)


def refuse_retired(tx: Transaction, request_id: str) -> None:
    """Say of a request whose evidence was deleted that it was there.

    Raises:
        UsageError: it was.
    """
    if at := tx.retired([request_id]).get(request_id):
        raise UsageError(
            f"what is known of request {request_id} was deleted on {at[:10]}, at the end of its retention",
            why="its leaves stay in the ledger, and show where it stood",
            fix="whoever was handed a record or a proof of it can still have it checked with `expunge verify`",
        )


def row(state: RequestState, next_timer: str | None) -> dict[str, Any]:
    """Give the row of the table of requests."""
    return {
        "request_id": state.request_id,
        "right": state.right.value,
        "phase": state.phase.value,
        "result": state.result.value if state.result else None,
        "attention": len(state.attention),
        "received_at": state.received_at,
        "due_on": state.due_on,
        "next_timer": next_timer,
        "package": _live_package(state),
        "logic": state.logic,
        "state": state_bytes(state),
        "receipt_sha256": state.receipt_sha256 or None,
    }


def _live_package(state: RequestState) -> str | None:
    """Give the name of the access package while it may be fetched; any other package file is swept."""
    if not state.package_sha256:
        return None
    expires = any(one.kind == "package_expiry" for one in state.obligations)
    return state.package if expires or state.phase is not Phase.CLOSED else None


class Plans:
    """Plans by digest, from the store, kept in memory once read."""

    def __init__(self, current: Plan) -> None:
        self.current = current
        self.digest = current.digest()
        self._known = {self.digest: current}

    def get(self, tx: Transaction, digest: str) -> Plan:
        """Give a plan that a request goes by, or that an event brought.

        Raises:
            DependencyError: it is missing: the database is not whole.
            UsageError: it was written by a newer version.
        """
        if digest not in self._known:
            body = tx.plan(digest)
            if body is None:
                fix = "restore the database from a backup"
                raise DependencyError("a plan that a request goes by is missing", fix=fix)
            self._known[digest] = _plan(body)
        return self._known[digest]


def _plan(body: bytes) -> Plan:
    """Read a plan whole: a rule that this version does not know must not be left out when it decides."""
    try:
        plan = msgspec.json.decode(body, type=Plan)
        forbid_unknown(body, plan)
    except (msgspec.MsgspecError, SchemaError):
        fix = "install the newer version; nothing was changed"
        raise UsageError("a request goes by a plan of a newer version", fix=fix) from None
    return plan


class StoredPlans(Plans):
    """Plans of the store alone, for those who only look and have no plan of their own."""

    def __init__(self) -> None:
        self._known = {}


def parts_of(request_id: str, blob: bytes) -> list[str]:
    """Give the names of the exported parts that a stored state still needs for its package.

    Raises:
        UsageError: written by a newer version: what it needs cannot be told, so nothing may be swept.
    """
    state = read_state(request_id, blob)
    if state.package_sha256:
        return []
    outcomes = (outcome for system in state.systems.values() for outcome in system.outcomes.values())
    return [one.file for one in outcomes if isinstance(one, Exported)]
