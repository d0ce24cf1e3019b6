"""Reads what a statutory log is made of, in one transaction: requests, their manner, answers and first records."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from orchestrator.errors import DependencyError
from orchestrator.report.california import California, ConsumerFact, compute
from orchestrator.report.period import Period
from orchestrator.store import tables as t
from orchestrator.store.reporting import answered, record_of, rows
from orchestrator.store.store import SqlStore, SqlTransaction
from schemas.completion import CompletionRecord
from schemas.outcomes import Kept

_R: Final = t.requests.c


class _State(msgspec.Struct):
    plan_sha256: str = ""
    controllers: tuple[str, ...] = ()
    retention: msgspec.Raw | None = None


class _Accepted(msgspec.Struct):
    channel: str = ""


class _Controller(msgspec.Struct):
    id: str
    calendar: str


class _Plan(msgspec.Struct):
    controllers_info: tuple[_Controller, ...] = ()


_STATE: Final = msgspec.msgpack.Decoder(_State)
_ACCEPTED: Final = msgspec.json.Decoder(_Accepted)
_PLAN: Final = msgspec.json.Decoder(_Plan)


def california(store: SqlStore, period: Period) -> California:
    """Give California's log and figures of the requests received in a period.

    Raises:
        DependencyError: the store cannot be read, or holds something that is no state or no record.
    """
    with store.read() as tx:
        deleted = len(tx.retired_in(period.first.isoformat(), period.last.isoformat()))
        return compute(period, list(_facts(tx, period)), deleted)


def _facts(tx: SqlTransaction, period: Period) -> Iterator[ConsumerFact]:
    channels = {name: _ACCEPTED.decode(body).channel for name, body in _received(tx, period)}
    firsts = {one.request_id: one for one in _firsts(tx, period)}
    plans = {digest: _PLAN.decode(body).controllers_info for digest, body in rows(tx, sa.select(t.plans))}
    told = answered(tx)
    query = sa.select(_R.request_id, _R.right, _R.received_at, _R.state).where(_of(period))
    for request_id, right, received_at, blob in rows(tx, query):
        state = _state(request_id, blob)
        if state.retention is not None:
            continue  # nobody asked
        places = {one.id: one.calendar for one in plans.get(state.plan_sha256, ())}
        asked = state.controllers or tuple(places)
        record = firsts.get(request_id)
        yield ConsumerFact(
            request_id,
            right,
            received_at,
            tuple(places[one] for one in asked) if places and {*asked} <= places.keys() else None,
            channels.get(request_id, ""),
            told.get(request_id, ""),
            record.result if record else "",
            (record.ground or "") if record else "",
            tuple(_kept(record)) if record else (),
            len(record.not_searched) if record else 0,
        )


def _of(period: Period) -> sa.ColumnElement[bool]:
    return sa.and_(_R.received_at >= period.begins, _R.received_at < period.ends)


def _received(tx: SqlTransaction, period: Period) -> Iterator[tuple[Any, ...]]:
    j = t.journal.c
    query = sa.select(j.request_id, j.body).join(t.requests, _R.request_id == j.request_id)
    return rows(tx, query.where(_of(period), j.type == "RequestAccepted", j.verdict == "applied", j.body.is_not(None)))


def _firsts(tx: SqlTransaction, period: Period) -> Iterator[CompletionRecord]:
    c = t.records.c
    query = sa.select(c.jws).join(t.requests, _R.request_id == c.request_id).where(_of(period), c.number == 1)
    for row in rows(tx, query):
        yield record_of(row[0], CompletionRecord)


def _kept(record: CompletionRecord) -> Iterator[tuple[str, str]]:
    for system in record.systems:
        for line in system.record_sets:
            if isinstance(line.outcome, Kept):
                yield line.outcome.why.value, line.outcome.text
    for other in record.recipients:
        if isinstance(other.outcome, Kept):
            yield other.outcome.why.value, other.outcome.text


def _state(request_id: str, blob: bytes) -> _State:
    try:
        return _STATE.decode(blob)
    except msgspec.MsgspecError:
        fix = "restore the database from a backup"
        raise DependencyError("a stored request cannot be read", where=f"request {request_id}", fix=fix) from None
