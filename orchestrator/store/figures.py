"""The store's truth as figures, for Prometheus and for lists: counted by SQL when somebody scrapes."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from connectors.signals import Gauge
from orchestrator.ports import Clock
from orchestrator.store import tables as t
from orchestrator.store.store import SqlStore, SqlTransaction
from orchestrator.telemetry import Sample

GAUGES: Final[tuple[Gauge, ...]] = (
    "expunge_requests",
    "expunge_tasks_open",
    "expunge_oldest_open_seconds",
    "expunge_dead_letters",
    "expunge_deadlines",
    "expunge_attention",
    "expunge_outbox",
    "expunge_oldest_unpublished_seconds",
    "expunge_leaves_waiting",
    "expunge_oldest_leaf_seconds",
    "expunge_oldest_checkpoint_mail_seconds",
)
SOON: Final = dt.timedelta(days=7)
MOST: Final = 5000
"""States that are read for the reasons of attention; what is beyond is counted as ``other``."""

_R: Final = t.requests.c
_O: Final = t.outbox.c


class _Stopped(msgspec.Struct):
    """What is read of a state: the rest is skipped."""

    attention: tuple[_Why, ...] = ()


class _Why(msgspec.Struct):
    reason: str


_STATE: Final = msgspec.msgpack.Decoder(_Stopped)


class Figures:
    """Reads the gauges of a store."""

    def __init__(self, store: SqlStore, clock: Clock) -> None:
        self._store = store
        self._clock = clock

    def __call__(self) -> list[Sample]:
        """Read all of them in one transaction.

        Raises:
            DependencyError: the store cannot be read.
        """
        now = self._clock.now()
        with self._store.read() as tx:
            return [
                *_requests(tx),
                *_open(tx, now),
                *_outbox(tx, now),
                *_deadlines(tx, now.date()),
                *_attention(tx),
                *_ledger(tx, now),
                Sample("expunge_dead_letters", _scalar(tx, sa.select(sa.func.count()).select_from(t.dead_letters))),
            ]


def _requests(tx: SqlTransaction) -> Iterator[Sample]:
    query = sa.select(_R.right, _R.phase, _R.result, sa.func.count()).group_by(_R.right, _R.phase, _R.result)
    for right, phase, result, count in tx.connection.execute(query):
        yield Sample("expunge_requests", count, {"right": right, "phase": phase, "result": result or ""})


def _open(tx: SqlTransaction, now: dt.datetime) -> Iterator[Sample]:
    query = sa.select(_O.system, sa.func.count(), sa.func.min(_R.received_at)).join(
        t.requests, _R.request_id == _O.request_id
    )
    for system, count, oldest in tx.connection.execute(query.group_by(_O.system)):
        yield Sample("expunge_tasks_open", count, {"system": system})
        yield Sample("expunge_oldest_open_seconds", _age(oldest, now), {"system": system})


def _outbox(tx: SqlTransaction, now: dt.datetime) -> Iterator[Sample]:
    out = _O.released_at.is_not(None)
    quarantined = _O.quarantined.is_not(None)
    for state, where in (("quarantined", quarantined), ("released", out & ~quarantined), ("unreleased", ~out)):
        yield Sample("expunge_outbox", _scalar(tx, sa.select(sa.func.count()).where(where)), {"state": state})
    waiting = sa.select(sa.func.min(_O.released_at)).where(out, _O.published_at.is_(None), ~quarantined)
    oldest = tx.connection.execute(waiting).scalar()
    yield Sample("expunge_oldest_unpublished_seconds", _age(oldest, now) if oldest else 0.0)


def _ledger(tx: SqlTransaction, now: dt.datetime) -> Iterator[Sample]:
    oldest = next((one.at for one in tx.pending_leaves(1)), None)
    yield Sample("expunge_leaves_waiting", tx.pending_count())
    yield Sample("expunge_oldest_leaf_seconds", _age(oldest, now) if oldest else 0.0)
    unsent = [one.due_at for one in tx.checkpoint_mails() if one.sent_at is None]
    yield Sample("expunge_oldest_checkpoint_mail_seconds", max((_age(one, now) for one in unsent), default=0.0))


ANSWERED: Final = sa.exists().where(t.records.c.request_id == _R.request_id)
"""It has a record: the date of the law was kept or missed then, and is not that of what is looked at afresh."""


def _deadlines(tx: SqlTransaction, today: dt.date) -> Iterator[Sample]:
    still = sa.and_(_R.phase != "closed", ~ANSWERED)
    overdue = sa.select(sa.func.count()).where(still, _R.due_on < today.isoformat())
    near = sa.select(sa.func.count()).where(
        still, _R.due_on >= today.isoformat(), _R.due_on <= (today + SOON).isoformat()
    )
    yield Sample("expunge_deadlines", _scalar(tx, overdue), {"state": "overdue"})
    yield Sample("expunge_deadlines", _scalar(tx, near), {"state": "at_risk"})


def _attention(tx: SqlTransaction) -> Iterator[Sample]:
    stopped = sa.select(_R.state).where(_R.attention > 0, _R.phase != "closed")
    reasons: Counter[str] = Counter()
    seen = 0
    for state in tx.connection.execute(stopped.limit(MOST)).scalars():
        seen += 1
        reasons.update({one.reason for one in _STATE.decode(state).attention})
    for reason, count in sorted(reasons.items()):
        yield Sample("expunge_attention", count, {"reason": reason})
    if seen == MOST:
        total = _scalar(tx, sa.select(sa.func.count()).where(_R.attention > 0, _R.phase != "closed"))
        yield Sample("expunge_attention", total - seen, {"reason": "more"})


def _scalar(tx: SqlTransaction, query: sa.Select[Any]) -> int:
    return int(tx.connection.execute(query).scalar() or 0)


def _age(moment: str, now: dt.datetime) -> float:
    return max(0.0, (now - dt.datetime.fromisoformat(moment)).total_seconds())
