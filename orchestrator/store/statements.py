"""The statements of the hot path, written once by SQLAlchemy Core; ``store`` runs their text on the driver."""

from __future__ import annotations

from typing import Any, Final

import sqlalchemy as sa

from connectors.sqltext import VALUES
from orchestrator.ports import INTAKE_SOURCE, TOO_EARLY, OutboxRow, Publication, Released
from orchestrator.store import tables as t
from orchestrator.store.rows import columns_of

_MANY: Final[sa.BindParameter[Any]] = sa.bindparam(VALUES, expanding=True)
_MOST: Final = sa.bindparam("most", type_=sa.Integer())
_NOW: Final = sa.bindparam("now", type_=sa.String())
_J: Final = t.journal.c
_R: Final = t.requests.c
_S: Final = t.subjects.c
_O: Final = t.outbox.c


def _drop(column: sa.Column[Any]) -> sa.Delete:
    return sa.delete(column.table).where(column.in_(_MANY))


KNOWN: Final = sa.select(_J.source, _J.event_id, _J.payload_hash).where(_J.event_id.in_(_MANY))
WAITING: Final = sa.select(*t.journal.columns).where(_J.wire.is_not(None)).order_by(_J.seq).limit(_MOST)
TAKE_WAITING: Final = _drop(_J.seq)

STATES: Final = sa.select(_R.request_id, _R.state).where(_R.request_id.in_(_MANY))
CLAIMED: Final = sa.select(_R.receipt_sha256, _R.request_id).where(_R.receipt_sha256.in_(_MANY))
DUE: Final = sa.select(_R.request_id).where(_R.next_timer <= _NOW).order_by(_R.next_timer).limit(_MOST)
NEXT_TIMER: Final = sa.select(sa.func.min(_R.next_timer))
NEXT_INCIDENT: Final = sa.select(sa.func.min(t.incidents.c.tell_at))
CAPSULES: Final = sa.select(t.capsules.c.request_id, t.capsules.c.sealed).where(t.capsules.c.request_id.in_(_MANY))

_LAST: Final = ("restriction", "erasure", "objection", "withdrawal_of_consent")
"""Rights of which something lasts after the request has closed."""
SAME_SUBJECT: Final = (
    sa.select(_S.subject_ref, _S.request_id, _S.right)
    .join(t.requests, _R.request_id == _S.request_id)
    .where(_S.subject_ref.in_(_MANY), sa.or_(_R.phase != "closed", _S.right.in_(_LAST)))
)
SUBJECT_REFS: Final = sa.select(_S.request_id, _S.subject_ref).where(_S.request_id.in_(_MANY))
COPIES: Final = (
    sa.select(_S.subject_ref, _S.request_id)
    .join(t.requests, _R.request_id == _S.request_id)
    .where(_S.subject_ref.in_(_MANY), _S.right == "access", _R.result.in_(("fulfilled", "partly_fulfilled")))
)
WAITS: Final = (
    sa.select(t.waits.c.other, t.waits.c.request_id, _R.right)
    .outerjoin(t.requests, _R.request_id == t.waits.c.request_id)
    .where(t.waits.c.other.in_(_MANY))
)
DROP_WAITS: Final = _drop(t.waits.c.other)

OUTBOX_REMOVE: Final = _drop(_O.task_id)
UNHEARD: Final = sa.select(t.journal.c.request_id).where(
    t.journal.c.request_id.in_(_MANY), t.journal.c.wire.is_not(None)
)
OUTBOX_NEXT: Final = (
    sa.select(_O.task_id, _O.request_id, _O.system, _O.due_on, _O.lease_minutes, _O.body)
    .where(_O.system == sa.bindparam("system"))
    .order_by(_O.due_on, _O.task_id)
    .limit(_MOST)
)
_BEFORE: Final = sa.bindparam("before", type_=sa.String())
_P: Final = t.publications.c
# SQLite, where nobody else writes meanwhile, leaves FOR UPDATE out.
OUTBOX_IN_FLIGHT: Final = sa.select(sa.func.count()).where(
    _O.system == sa.bindparam("system"), _O.released_at.is_not(None)
)
OUTBOX_WAITS: Final = (
    sa.select(_O.task_id).where(_O.system == sa.bindparam("system"), _O.released_at.is_(None)).limit(1)
)
ANSWERED: Final = sa.and_(
    t.parked.c.event_id == _O.task_id,
    t.parked.c.source == sa.literal_column("'/systems/'", sa.String()).concat(_O.system),
    t.parked.c.reason == sa.literal_column(f"'{TOO_EARLY}'"),
)
"""A parked event is the answer to a task of the outbox: the store is an older one than the answer (ADR 27)."""
OUTBOX_FREE: Final = (
    sa.select(*columns_of(OutboxRow, t.outbox))
    .where(_O.system == sa.bindparam("system"), _O.released_at.is_(None), _O.quarantined.is_(None))
    # In one look with the tasks: between two, the answer might be applied, and the task be gone.
    .where(~sa.exists().where(ANSWERED))
    .order_by(_O.due_on, _O.task_id)
    .limit(_MOST)
    .with_for_update(skip_locked=True)
)
OUTBOX_PUBLISHED: Final = sa.update(t.outbox).where(_O.task_id.in_(_MANY)).values(published_at=_NOW)
OUTBOX_UNPUBLISHED: Final = (
    sa.select(*columns_of(Released, t.outbox))
    .where(_O.released_at.is_not(None), _O.published_at.is_(None), _O.claimed_at < _BEFORE)
    .order_by(_O.due_on, _O.task_id)
    .limit(_MOST)
    .with_for_update(skip_locked=True)
)
OUTBOX_CLAIMED: Final = sa.update(t.outbox).where(_O.task_id.in_(_MANY)).values(claimed_at=_NOW)
PUBLICATIONS: Final = (
    sa.select(*columns_of(Publication, t.publications))
    .where(_P.claimed_at < _BEFORE)
    .order_by(_P.claimed_at, _P.publication_id)
    .limit(_MOST)
    .with_for_update(skip_locked=True)
)
PUBLICATIONS_CLAIMED: Final = sa.update(t.publications).where(_P.publication_id.in_(_MANY)).values(claimed_at=_NOW)
PUBLICATIONS_REMOVE: Final = _drop(_P.publication_id)
DROP_OBLIGATIONS: Final = _drop(t.obligations.c.request_id)
PLAN: Final = sa.select(t.plans.c.body).where(t.plans.c.digest == sa.bindparam("digest"))

FORGET: Final = (
    _drop(t.capsules.c.request_id),
    _drop(_S.request_id),
    _drop(t.parked.c.request_id),
    # What could not be applied may hold identifiers too, sealed twice; that it happened stays.
    sa.update(t.dead_letters).where(t.dead_letters.c.request_id.in_(_MANY)).values(sealed=b""),
    # The keyed digest of the form would let us tell for ever whether a guessed person made this request.
    sa.update(t.journal).where(_J.request_id.in_(_MANY), _J.source == INTAKE_SOURCE).values(payload_hash=b""),
)
