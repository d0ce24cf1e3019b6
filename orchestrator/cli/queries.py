"""Reads for lists and pages. Never an identifier: they are sealed, and this module holds no key.

Lists are made from the columns of ``requests``, so that they stay quick with 100,000 rows; of the rows that are shown
the state is opened as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec
import sqlalchemy as sa

from orchestrator.core import clock, events, troubles
from orchestrator.core.model import RequestState
from orchestrator.core.plan import Plan
from orchestrator.engine.engine import load_state
from orchestrator.engine.stored import StoredPlans, read_state, refuse_retired
from orchestrator.errors import DependencyError, UsageError
from orchestrator.ports import JournalRow, Transaction
from orchestrator.store import tables as t
from orchestrator.store.store import SqlStore
from schemas import envelope
from schemas.codec import decode, decode_event
from schemas.outcomes import Failed
from schemas.published import Notice
from schemas.requests import RequestReceived

Which = Literal["all", "open", "attention"]
_SAMPLE: Final = 100
"""Requests looked into for what holds them up; a system that is down holds up the first of them too."""


class RequestRow(msgspec.Struct):
    """One request as a list shows it; ``phase`` is ``received`` while it waits for the next `expunge run`.

    ``target_on``: the controller's own aim, besides the legal date (S56).
    """

    request_id: str
    right: str
    phase: str
    result: str | None
    attention: int
    received_at: str
    due_on: str | None
    target_on: str | None = None


class ObligationRow(msgspec.Struct):
    """Something still owed."""

    request_id: str
    kind: str
    due: str
    system: str
    record_set: str
    text: str


class DeadLetter(msgspec.Struct):
    """An event that could not be applied."""

    id: int
    request_id: str
    source: str
    observed_at: str
    error: str


class ParkedEvent(msgspec.Struct):
    """An event that cannot be applied yet. ``until``: when it is given up; None: never."""

    request_id: str
    reason: str
    parked_at: str
    tries: int
    retry_at: str
    until: str | None


class HeldUp(msgspec.Struct, frozen=True, order=True):
    """A system that could not answer, and by its own account may later: ``code`` says why, ``again`` when."""

    system: str
    code: str
    again: str


class Totals(msgspec.Struct):
    """How many requests stand where. ``waiting``: taken in, not yet begun; they count as open too.

    ``mails``: came by mail, and wait until a person says what they are. ``incidents``: open ones.
    """

    open: int = 0
    closed: int = 0
    attention: int = 0
    waiting: int = 0
    held_up: tuple[HeldUp, ...] = ()
    mails: int = 0
    incidents: int = 0


class Page(msgspec.Struct):
    """Everything about one request that may be shown."""

    state: RequestState
    plan: Plan
    history: list[JournalRow]
    records: list[StoredRecord]


class StoredRecord(msgspec.Struct):
    """One signed record."""

    number: int
    completed_at: str
    jws: bytes
    outline: bytes | None = None


_COLUMNS = (
    t.requests.c.request_id,
    t.requests.c.right,
    t.requests.c.phase,
    t.requests.c.result,
    t.requests.c.attention,
    t.requests.c.received_at,
    t.requests.c.due_on,
)
_WAITING = sa.and_(t.journal.c.wire.is_not(None), t.journal.c.type == envelope.REQUEST_RECEIVED)


def totals(store: SqlStore) -> Totals:
    """Count."""
    c = t.requests.c
    closed, attention = c.phase == "closed", c.attention > 0
    query = sa.select(closed, attention, sa.func.count()).group_by(closed, attention)
    found = Totals()
    with store.read() as tx:
        found.waiting = tx.connection.execute(sa.select(sa.func.count()).where(_WAITING)).scalar_one()
        mails = sa.select(sa.func.count()).where(t.mails.c.standing == "waiting")
        found.mails = tx.connection.execute(mails).scalar_one()
        incidents = sa.select(sa.func.count()).where(t.incidents.c.closed_at.is_(None))
        found.incidents = tx.connection.execute(incidents).scalar_one()
        for is_closed, needs, count in tx.connection.execute(query):
            found.closed += count if is_closed else 0
            found.open += 0 if is_closed else count
            found.attention += count if needs else 0
    found.open += found.waiting
    return found


def held_up(store: SqlStore) -> tuple[HeldUp, ...]:
    """Give the systems that some request waits for: unreachable, locked, full; from the requests tried again next."""
    c = t.requests.c
    waiting = sa.and_(c.phase != "closed", c.next_timer.is_not(None))
    query = sa.select(c.request_id, c.state).where(waiting).order_by(c.next_timer).limit(_SAMPLE)
    found: dict[tuple[str, str], str] = {}
    with store.read() as tx:
        states = [read_state(*row) for row in tx.connection.execute(query)]
    for state in states:
        for name, system in state.systems.items():
            timer = state.timers.get(f"retry:{name}")
            if timer is None:
                continue
            for one in (*system.located.values(), *system.outcomes.values()):
                if isinstance(one, Failed) and troubles.is_transient(one):
                    found[name, one.code] = min(timer.due, found.get((name, one.code), timer.due))
    return tuple(sorted(HeldUp(*key, again) for key, again in found.items()))


def requests(store: SqlStore, which: Which, limit: int) -> list[RequestRow]:
    """Give requests: open ones by deadline, what waits for its first run, then closed ones, latest deadline first."""
    c = t.requests.c
    # Only what is shown is opened: the aim is worked out, as everything that a newer policy may not move.
    base = sa.select(*_COLUMNS, c.state)
    with store.read() as tx:
        plans = StoredPlans()

        def rows(query: sa.Select[Any]) -> list[RequestRow]:
            found = []
            for *columns, blob in tx.connection.execute(query):
                row = RequestRow(*columns)
                row.target_on = _target(tx, plans, row.request_id, blob)
                found.append(row)
            return found

        if which == "attention":
            return rows(base.where(c.attention > 0).order_by(c.due_on, c.request_id).limit(limit))
        found = rows(base.where(c.phase != "closed").order_by(c.due_on, c.request_id).limit(limit))
        waiting = sa.select(t.journal.c.request_id, t.journal.c.wire).where(_WAITING).order_by(t.journal.c.seq)
        found += [_waiting(*row) for row in tx.connection.execute(waiting.limit(limit - len(found)))]
        if which == "all" and len(found) < limit:
            closed = base.where(c.phase == "closed").order_by(c.due_on.desc(), c.request_id)
            found += rows(closed.limit(limit - len(found)))
    return found


def received(store: SqlStore, since: str, until: str) -> tuple[list[str], list[str]]:
    """Give the requests that were received on a day of a period, both days (ISO 8601, UTC) in it; empty: no bound.

    Returns:
        Those that were begun, by receipt; and those that wait for their first `expunge run`.
    """
    c = t.requests.c
    query = sa.select(c.request_id, c.received_at).order_by(c.received_at, c.request_id)
    waiting = sa.select(t.journal.c.request_id, t.journal.c.wire).where(_WAITING).order_by(t.journal.c.seq)

    def within(moment: str) -> bool:
        return (not since or since <= moment[:10]) and (not until or moment[:10] <= until)

    with store.read() as tx:
        begun = [one for one, moment in tx.connection.execute(query) if within(moment)]
        rows = [_waiting(*row) for row in tx.connection.execute(waiting)]
    return begun, [one.request_id for one in rows if within(one.received_at)]


def _target(tx: Transaction, plans: StoredPlans, request_id: str, blob: bytes) -> str | None:
    try:
        state = read_state(request_id, blob)
        return clock.target(plans.get(tx, state.plan_sha256), state)
    except (UsageError, DependencyError):
        return None  # of a newer version, or damaged: `expunge show` says so, and the list stays whole


def _waiting(request_id: str, wire: bytes) -> RequestRow:
    message = decode(bytes(decode_event(wire).data), RequestReceived)
    return RequestRow(request_id, message.right.value, "received", None, 0, message.received_at, None)


def obligations(store: SqlStore, limit: int) -> list[ObligationRow]:
    """Give what is owed, earliest first."""
    c = t.obligations.c
    query = sa.select(c.request_id, c.kind, c.due, c.system, c.record_set, c.text).order_by(c.due, c.request_id)
    with store.read() as tx:
        return [ObligationRow(*row) for row in tx.connection.execute(query.limit(limit))]


def dead_letters(store: SqlStore, limit: int) -> list[DeadLetter]:
    """Give what could not be applied, newest first."""
    c = t.dead_letters.c
    query = sa.select(c.id, c.request_id, c.source, c.observed_at, c.error).order_by(c.id.desc()).limit(limit)
    with store.read() as tx:
        return [DeadLetter(*row) for row in tx.connection.execute(query)]


def parked(store: SqlStore, limit: int) -> list[ParkedEvent]:
    """Give what cannot be applied yet, oldest first. Neither source nor id: those are of whoever sent it."""
    c = t.parked.c
    query = sa.select(c.request_id, c.reason, c.parked_at, c.tries, c.retry_at, c.until)
    with store.read() as tx:
        found = tx.connection.execute(query.order_by(c.parked_at, c.request_id).limit(limit))
        return [ParkedEvent(*row) for row in found]


def page(store: SqlStore, request_id: str) -> Page:
    """Give one request.

    Raises:
        UsageError: no such request, or it waits for its first `expunge run`.
    """
    with store.read() as tx:
        history = tx.history(request_id)
        if history and not tx.states([request_id]):
            refuse_retired(tx, request_id)
            raise _not_begun(history, request_id)
        state = load_state(tx, request_id)
        body = tx.plan(state.plan_sha256)
    if body is None:
        raise UsageError("the plan of the request is missing from the store", fix="restore the database from a backup")
    return Page(state, decode(body, Plan), history, _records(store, request_id))


def _not_begun(history: Sequence[JournalRow], request_id: str) -> UsageError:
    if any(row.verdict == "dead" for row in history):
        return UsageError(f"request {request_id} could not be read", fix="see `expunge list --dead`")
    return UsageError(f"request {request_id} was taken in and is not begun", fix="`expunge run` works on it")


def _records(store: SqlStore, request_id: str) -> list[StoredRecord]:
    c = t.records.c
    query = sa.select(c.number, c.completed_at, c.jws, c.outline).where(c.request_id == request_id).order_by(c.number)
    with store.read() as tx:
        return [StoredRecord(*row) for row in tx.connection.execute(query)]


def record(store: SqlStore, request_id: str, number: int | None) -> StoredRecord:
    """Give one signed record; the newest without a number.

    Raises:
        UsageError: no such request, or no such record yet.
    """
    found = _records(store, request_id)
    if not found:
        with store.read() as tx:
            load_state(tx, request_id)
        raise UsageError(f"request {request_id} has no record yet", fix=f"see `expunge show {request_id}`")
    for one in found:
        if number is None or one.number == number:
            return found[-1] if number is None else one
    numbers = ", ".join(str(one.number) for one in found)
    raise UsageError(f"request {request_id} has no record {number}", fix=f"there are: {numbers}")


def notices(store: SqlStore, request_id: str) -> list[Notice]:
    """Give everything that a person or somebody in charge had to be told about a request, in order."""
    query = sa.select(t.notices.c.body).where(t.notices.c.request_id == request_id)
    with store.read() as tx:
        found = [decode(bytes(decode_event(body).data), Notice) for (body,) in tx.connection.execute(query)]
    # Their numbers count up with what happened; as text they would not sort.
    return sorted(found, key=lambda one: int(one.notice_id.rpartition(".")[2]))


def event_of(row: JournalRow) -> events.Event | None:
    """Give the event of a journal row; None while it waits, or if it could not be read."""
    if row.body is None:
        return None
    try:
        event: events.Event = _EVENT.decode(row.body)
    except msgspec.MsgspecError:
        return None
    return event


_EVENT: Any = msgspec.json.Decoder(events.Event)
