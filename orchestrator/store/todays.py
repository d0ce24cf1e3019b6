"""Reads what needs somebody now: whatever any list of this program would show as waiting for a person (I6)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from orchestrator.errors import DependencyError
from orchestrator.report.today import DPO, OPERATOR, Item, Today, arrange
from orchestrator.store import tables as t
from orchestrator.store.figures import ANSWERED, SOON
from orchestrator.store.store import SqlStore, SqlTransaction
from schemas.codec import decode
from schemas.errors import SchemaError
from schemas.incidents import Incident

INTAKE: Final = "intake"
"""Who reads mails."""
SYSTEM_OWNER: Final = "system_owner"
"""Stands where a system is not known (``core.work``)."""
_R: Final = t.requests.c
_OPEN: Final = _R.phase != "closed"
_LOOK: Final = "see `expunge show {}`"


class _Attention(msgspec.Struct):
    reason: str
    owner: str
    todo: str
    since: str
    system: str = ""
    record_set: str = ""


class _State(msgspec.Struct):
    attention: tuple[_Attention, ...] = ()


_STATE: Final = msgspec.msgpack.Decoder(_State)


def today(store: SqlStore, now: str, owners: Mapping[str, str]) -> Today:
    """Give the list.

    Args:
        store: The store.
        now: RFC 3339 in UTC.
        owners: Owner of each connected system.

    Raises:
        DependencyError: the store cannot be read, or holds a state that is none.
    """
    with store.read() as tx:
        still_open = tx.connection.execute(sa.select(sa.func.count()).where(_OPEN)).scalar_one()
        waiting = sa.and_(t.journal.c.wire.is_not(None), t.journal.c.type.like("%request-received%"))
        begun = tx.connection.execute(sa.select(sa.func.count()).where(waiting)).scalar_one()
        found = [
            *_attention(tx, owners),
            *_deadlines(tx, now[:10]),
            *_reviews(tx, now[:10]),
            *_incidents(tx),
            *_counts(tx),
        ]
    return arrange(now, still_open + begun, found)


def _attention(tx: SqlTransaction, owners: Mapping[str, str]) -> Iterator[Item]:
    query = sa.select(_R.request_id, _R.due_on, ANSWERED, _R.state).where(_R.attention > 0)
    for request_id, due_on, answered, blob in tx.connection.execute(query):
        for one in _stopped(request_id, blob):
            who = owners.get(one.system, one.owner) if one.owner == SYSTEM_OWNER else one.owner
            by = "" if answered else due_on
            yield Item(who, one.reason, one.todo, by, one.since, request_id, one.system, one.record_set)


def _stopped(request_id: str, blob: bytes) -> tuple[_Attention, ...]:
    try:
        return _STATE.decode(blob).attention
    except msgspec.MsgspecError:
        fix = "restore the database from a backup"
        raise DependencyError("a stored request cannot be read", where=f"request {request_id}", fix=fix) from None


def _deadlines(tx: SqlTransaction, day: str) -> Iterator[Item]:
    """What is due soon, or over, and that nobody was called for: it waits for a system, or for the person."""
    soon = (dt.date.fromisoformat(day) + SOON).isoformat()
    query = sa.select(_R.request_id, _R.due_on, _R.received_at).where(_OPEN, _R.due_on <= soon, _R.attention == 0)
    for request_id, due_on, received_at in tx.connection.execute(query.where(~ANSWERED)):
        what = "deadline_over" if due_on < day else "deadline_near"
        yield Item(DPO, what, _LOOK.format(request_id), due_on, received_at, request_id)


def _reviews(tx: SqlTransaction, day: str) -> Iterator[Item]:
    """Holds whose day of review has come; and what a person has to do of what is owed."""
    hold = t.holds.c
    query = sa.select(hold.hold_id, hold.owner, hold.review_by, hold.placed_at)
    for hold_id, owner, review_by, placed_at in tx.connection.execute(
        query.where(hold.released_at.is_(None), hold.review_by <= day)
    ):
        todo = f"look at hold {hold_id} again: `expunge hold release {hold_id}`, or place it anew"
        yield Item(owner, "hold_review_due", todo, review_by, placed_at)
    owed = t.obligations.c
    due = sa.select(owed.request_id, owed.kind, owed.due, owed.system, owed.record_set)
    for request_id, kind, on, system, record_set in tx.connection.execute(
        due.where(owed.kind.in_(("restriction", "transfer")), owed.due <= day)
    ):
        yield Item(DPO, f"{kind}_due", _LOOK.format(request_id), on, on, request_id, system, record_set)


def _incidents(tx: SqlTransaction) -> Iterator[Item]:
    for row in tx.incidents():
        if row.closed_at is not None:
            continue
        try:
            one = decode(row.body, Incident)
        except SchemaError:
            raise DependencyError("a stored incident cannot be read", where=f"incident {row.incident_id}") from None
        todo = f"see `expunge incident show {row.incident_id}`"
        yield Item(one.owner, "incident_open", todo, one.notify_by()[:10], row.detected_at)


def _counts(tx: SqlTransaction) -> Iterator[Item]:
    """What is looked through as a list."""
    m, p, d, o = t.mails.c, t.parked.c, t.dead_letters.c, t.outbox.c
    every: tuple[tuple[str, str, str, Any], ...] = (
        (
            INTAKE,
            "mail_waiting",
            "say what they are: `expunge intake mail --waiting`",
            sa.select(sa.func.count(), sa.func.min(m.arrived_at)).where(m.standing == "waiting"),
        ),
        (
            OPERATOR,
            "unknown_key",
            "restore the key: `expunge list --parked`",
            sa.select(sa.func.count(), sa.func.min(p.parked_at)).where(p.reason == "unknown_key"),
        ),
        (
            OPERATOR,
            "dead_letter",
            "see why: `expunge list --dead`",
            sa.select(sa.func.count(), sa.func.min(d.observed_at)),
        ),
        (
            OPERATOR,
            "unpublishable",
            "see `expunge list --attention`",
            sa.select(sa.func.count(), sa.func.min(o.released_at)).where(o.quarantined.is_not(None)),
        ),
    )
    for who, what, todo, query in every:
        count, since = tx.connection.execute(query).one()
        if count:
            yield Item(who, what, todo, since=since or "", count=count)
