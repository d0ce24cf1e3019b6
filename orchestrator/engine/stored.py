"""A request's state and its plan as the store keeps them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from orchestrator.core.model import LOGIC, Phase, RequestState
from orchestrator.core.plan import Plan
from orchestrator.errors import DependencyError, UsageError
from orchestrator.ports import Transaction
from schemas.outcomes import Exported


class _Logic(msgspec.Struct):
    """As much of a state as every version has."""

    logic: int


state_bytes: Final = msgspec.msgpack.Encoder().encode
_STATE_DECODE: Final = msgspec.msgpack.Decoder(RequestState).decode
_LOGIC_DECODE: Final = msgspec.msgpack.Decoder(_Logic).decode


def read_state(request_id: str, blob: bytes) -> RequestState:
    """Read a stored state.

    Raises:
        UsageError: it was written by a newer version: nothing may be done with it, the worker stops (decision 12).
    """
    newer = UsageError(
        "a request was last worked on by a newer version",
        where=f"request {request_id}",
        fix="install the newer version; nothing was changed",
    )
    try:
        state = _STATE_DECODE(blob)
    except msgspec.ValidationError:
        # A newer version may write what this one cannot even read; the number is in every version.
        if _LOGIC_DECODE(blob).logic > LOGIC:
            raise newer from None
        raise
    if state.logic > LOGIC:
        raise newer
    return state


def load_state(tx: Transaction, request_id: str) -> RequestState:
    """Read one request's state.

    Raises:
        UsageError: no such request, or written by a newer version.
    """
    blob = tx.states([request_id]).get(request_id)
    if blob is None:
        raise UsageError(f"no request {request_id}", fix="see `expunge list`")
    return read_state(request_id, blob)


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
        """
        if digest not in self._known:
            body = tx.plan(digest)
            if body is None:
                fix = "restore the database from a backup"
                raise DependencyError("a plan that a request goes by is missing", fix=fix)
            self._known[digest] = msgspec.json.decode(body, type=Plan)
        return self._known[digest]


class StoredPlans(Plans):
    """Plans of the store alone, for those who only look and have no plan of their own."""

    def __init__(self) -> None:
        self._known = {}


def parts_of(blob: bytes) -> list[str]:
    """Give the names of the exported parts that a stored state still needs for its package."""
    state = _STATE_DECODE(blob)
    if state.package_sha256:
        return []
    outcomes = (outcome for system in state.systems.values() for outcome in system.outcomes.values())
    return [one.file for one in outcomes if isinstance(one, Exported)]
