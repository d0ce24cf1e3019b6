"""Reads what a report is computed from, and has it computed, in one transaction: all of it is of one moment (ADR 41).

States and events are read in part only: a report of two years goes through some hundred thousand of them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any, Final, TypeVar

import msgspec
import sqlalchemy as sa

from orchestrator.core.returning import TIMER as RECHECK
from orchestrator.engine.causing import PACKAGE_SYSTEM
from orchestrator.errors import DependencyError
from orchestrator.report.computing import compute
from orchestrator.report.facts import Backlog, Caught, Facts, First, Owed, RequestFact
from orchestrator.report.figures import Report
from orchestrator.report.period import Period
from orchestrator.store import tables as t
from orchestrator.store.store import SqlStore, SqlTransaction
from schemas.codec import decode
from schemas.completion import CompletionRecord
from schemas.errors import SchemaError
from schemas.sealing import unb64u

OWN_WORK: Final = "the orchestrator"
"""Who owns packages that wait to be put together."""
UNBELIEVED: Final = ("survived", "unverifiable")
INCIDENTS: Final = ("contradictory_answer", "unusable_answer")
_Wanted = TypeVar("_Wanted")
_PAGE: Final = 1_000
_SYSTEM: Final = "/systems/"
_J: Final = t.journal.c
_R: Final = t.requests.c
_O: Final = t.outbox.c


class _Extension(msgspec.Struct):
    reason: str
    told_at: str


class _Obligation(msgspec.Struct):
    kind: str
    due: str
    text: str = ""
    last: str | None = None


class _State(msgspec.Struct):
    controllers: tuple[str, ...] = ()
    extension: _Extension | None = None
    retention: msgspec.Raw | None = None
    obligations: tuple[_Obligation, ...] = ()


class _First(msgspec.Struct):
    request_id: str
    completed_at: str
    result: str


class _Tag(msgspec.Struct):
    outcome: str


class _Event(msgspec.Struct):
    name: str = ""
    system: str = ""
    reason: str = ""
    outcomes: dict[str, _Tag] = {}


_STATE: Final = msgspec.msgpack.Decoder(_State)
_EVENT: Final = msgspec.json.Decoder(_Event)


def report(store: SqlStore, period: Period, owners: Mapping[str, str]) -> Report:
    """Give the figures of a period.

    Args:
        store: The store.
        period: The period.
        owners: Owner of each connected system.

    Raises:
        DependencyError: the store cannot be read, or holds something that is no state or no record.
    """
    with store.read() as tx:
        backlog = {name: Backlog(count, oldest) for name, count, oldest in tx.connection.execute(_BACKLOG)}
        own = {PACKAGE_SYSTEM: OWN_WORK} if PACKAGE_SYSTEM in backlog else {}
        facts = Facts(
            requests=_requests(tx, period),
            firsts={one[0]: First(*one[1:]) for one in _firsts(tx)},
            records=_records(tx, period),
            answered=answered(tx),
            caught=_caught(tx, period),
            unread=_unread(tx, period),
            owners={**owners, **own},
            backlog=backlog,
            heard={source.removeprefix(_SYSTEM): at for source, at in tx.connection.execute(_HEARD)},
            owed=_owed(tx),
            looks=_looks(tx, period),
            deleted=len(tx.retired_in(period.first.isoformat(), period.last.isoformat())),
        )
        return compute(period, facts)


_BACKLOG: Final = (
    sa.select(_O.system, sa.func.count(), sa.func.min(_R.received_at))
    .join(t.requests, _R.request_id == _O.request_id)
    .group_by(_O.system)
)
_HEARD: Final = (
    sa.select(_J.source, sa.func.max(_J.observed_at))
    .where(_J.type == "Confirmed", _J.source.startswith(_SYSTEM))
    .group_by(_J.source)
)


def rows(tx: SqlTransaction, query: Any) -> Iterator[tuple[Any, ...]]:
    """Give the rows of a query, page by page."""
    with tx.connection.execute(query.execution_options(yield_per=_PAGE)) as found:
        for row in found:
            yield tuple(row)


def _in(column: sa.Column[Any], period: Period) -> sa.ColumnElement[bool]:
    return sa.and_(column >= period.begins, column < period.ends)


def _requests(tx: SqlTransaction, period: Period) -> Iterator[RequestFact]:
    query = sa.select(_R.request_id, _R.right, _R.received_at, _R.due_on, _R.phase, _R.state)
    for request_id, right, received_at, due_on, phase, blob in rows(tx, query.where(_R.received_at < period.ends)):
        state = _state(request_id, blob)
        extension = state.extension or _Extension("", "")
        yield RequestFact(
            request_id,
            right,
            state.controllers,
            received_at,
            due_on,
            phase == "closed",
            state.retention is None,
            extension.reason,
            extension.told_at,
        )


def _state(request_id: str, blob: bytes) -> _State:
    try:
        return _STATE.decode(blob)
    except msgspec.MsgspecError:
        fix = "restore the database from a backup"
        raise DependencyError("a stored request cannot be read", where=f"request {request_id}", fix=fix) from None


def _firsts(tx: SqlTransaction) -> Iterator[tuple[str, str, str]]:
    for row in rows(tx, sa.select(t.records.c.jws).where(t.records.c.number == 1)):
        record = record_of(row[0], _First)
        yield record.request_id, record.completed_at, record.result


def _records(tx: SqlTransaction, period: Period) -> Iterator[CompletionRecord]:
    c = t.records.c
    query = sa.select(c.jws).where(_in(c.completed_at, period)).order_by(c.request_id, c.number)
    for row in rows(tx, query):
        yield record_of(row[0], CompletionRecord)


def record_of(jws: bytes, wanted: type[_Wanted]) -> _Wanted:
    """Read what a record says. That it is signed is for `expunge verify`."""
    try:
        return decode(unb64u(bytes(jws).split(b".")[1].decode("ascii")), wanted)
    except (SchemaError, IndexError, UnicodeDecodeError):
        fix = "see `expunge ledger check`; restore the database from a backup"
        raise DependencyError("a stored record cannot be read", fix=fix) from None


def answered(tx: SqlTransaction) -> dict[str, str]:
    """Give when each request was first answered."""
    query = sa.select(t.leaves.c.request_id, t.leaves.c.at).where(t.leaves.c.fact == "answered.1")
    return {row[0]: row[1] for row in rows(tx, query)}


def _caught(tx: SqlTransaction, period: Period) -> Iterator[Caught]:
    query = sa.select(_J.request_id, _J.type, _J.body).where(
        _in(_J.observed_at, period),
        _J.type.in_(("Confirmed", "Incident")),
        _J.verdict == "applied",
        _J.body.is_not(None),
    )
    for request_id, kind, body in rows(tx, query):
        event = _EVENT.decode(body)
        if kind == "Incident":
            found = {event.reason} & {*INCIDENTS}
        else:
            found = {one.outcome for one in event.outcomes.values()} & {*UNBELIEVED}
        for name in sorted(found):
            yield Caught(event.system, name, request_id)


def _looks(tx: SqlTransaction, period: Period) -> dict[str, int]:
    query = sa.select(_J.type, _J.body).where(
        _in(_J.observed_at, period), _J.type.in_(("TimerFired", "Restored")), _J.verdict == "applied"
    )
    found: Counter[str] = Counter()
    for kind, body in rows(tx, query.where(_J.body.is_not(None))):
        if kind == "Restored":
            found["restored"] += 1
        elif _EVENT.decode(body).name == RECHECK:
            found["recheck"] += 1
    return dict(found)


def _unread(tx: SqlTransaction, period: Period) -> dict[str, int]:
    c = t.dead_letters.c
    query = sa.select(c.error, sa.func.count()).where(_in(c.observed_at, period)).group_by(c.error)
    return {row[0]: row[1] for row in tx.connection.execute(query)}


def _owed(tx: SqlTransaction) -> Iterator[Owed]:
    owing = sa.select(t.obligations.c.request_id)
    for request_id, blob in rows(tx, sa.select(_R.request_id, _R.state).where(_R.request_id.in_(owing))):
        for one in _state(request_id, blob).obligations:
            yield Owed(one.kind, one.text, one.due, one.last)
