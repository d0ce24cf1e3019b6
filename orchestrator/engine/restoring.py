"""Takes in that a system was restored from a snapshot: every erasure since has to look again (I14, architecture 3).

All in one transaction, while nobody else takes a request in, as with holds: a request is either told, or has not yet
looked at the system. Whose identifiers are gone on purpose (decision 9) cannot be looked for: those are named.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection

import msgspec

from orchestrator.core.answers import ended_early
from orchestrator.core.commands_returning import Restored
from orchestrator.core.model import Phase, RequestState, Result
from orchestrator.engine import wire
from orchestrator.engine.base import a_role, again
from orchestrator.engine.commands import SOURCE
from orchestrator.engine.stored import read_state
from orchestrator.errors import UsageError
from orchestrator.ports import Clock, JournalRow, Store, Transaction
from schemas.codec import encode
from schemas.requests import utc

_TIME = "RFC 3339 with a zone, e.g. 2026-11-26T04:00:00Z"


class Told(msgspec.Struct, frozen=True):
    """What became of it.

    Attributes:
        system: The system that was restored.
        snapshot: RFC 3339 in UTC.
        requests: How many erasures look again.
        lost: Ids of erasures newer than the snapshot of which nothing finds the person any more: the snapshot is older
            than the backups were said to live. Only the owner of the system can look for them.
    """

    system: str
    snapshot: str
    requests: int
    lost: tuple[str, ...] = ()


def restored(store: Store, clock: Clock, system: str, snapshot: str, role: str, systems: Collection[str]) -> Told:
    """Journal it for every erasure that it may concern.

    Args:
        store: The authority; another process may be working on it.
        clock: Stamps it.
        system: The system that was restored.
        snapshot: When the snapshot was taken; text with a zone.
        role: Who says so: a role, never a name.
        systems: Those that are connected.

    Raises:
        UsageError: an unknown system, a time that is none or lies ahead, no role; nothing is written then.
    """
    a_role(role)
    now = utc(clock.now())
    if system not in systems:
        raise UsageError(f"there is no system {system}", fix=f"one of: {', '.join(sorted(systems)) or 'none'}")
    taken = _moment(snapshot)
    if taken > now:
        raise UsageError(
            f"the snapshot is of {taken}, which lies ahead", why=f"it is {now}", fix=f"--snapshot, {_TIME}"
        )

    def write() -> Told:
        with store.write() as tx:
            tx.everybody()
            lost, events = [], []
            for request_id, blob in tx.all_erasures():
                state = read_state(request_id, blob)
                if state.forgotten:
                    lost += [request_id] if _is_lost(tx, state, system, taken) else []
                elif _concerns(state, system, taken):
                    events.append(
                        Restored(request_id=request_id, observed_at=now, role=role, given_at=now, system=system,
                                 snapshot=taken)
                    )  # fmt: skip
            tx.journal([_noted(one) for one in events])
        return Told(system, taken, len(events), tuple(lost))

    return again(write)


def _moment(text: str) -> str:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(f"{text!r} is no time", fix=f"--snapshot, {_TIME}") from None
    if moment.tzinfo is None:
        raise UsageError(f"{text!r} has no zone", fix=f"--snapshot, {_TIME}")
    return utc(moment)


def _concerns(state: RequestState, system: str, snapshot: str) -> bool:
    """Tell whether a request erased something there since, or may have looked there since.

    What a sweep found is found by the next one; what was withdrawn or refused nobody asks for any more.
    """
    if state.retention is not None or ended_early(state) or system not in state.scope:
        return False
    if state.phase is not Phase.CLOSED:
        return True
    # A request that was closed before this was noted does not say when it erased: it looks again (fail closed).
    return state.erased.get(system, "9999") > snapshot


def _is_lost(tx: Transaction, state: RequestState, system: str, snapshot: str) -> bool:
    """Tell whether a request whose person nothing finds any more erased something there since."""
    if state.retention is not None or ended_early(state) or system not in state.scope:
        return False
    if state.erased or state.result not in {Result.FULFILLED, Result.PARTLY_FULFILLED}:
        return state.erased.get(system, "") > snapshot
    # It was closed before this was noted, and the journal says only that it lived on since (fail closed).
    return any(row.observed_at > snapshot for row in tx.history(state.request_id))


def _noted(event: Restored) -> JournalRow:
    body = encode(event)
    event_id = f"{event.request_id}.restored.{event.system}.{event.observed_at}"
    return JournalRow(
        SOURCE, event_id, event.request_id, "Restored", event.observed_at, wire.digest(body)[0], None, body, "waiting"
    )
