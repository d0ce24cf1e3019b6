"""How long the bytes of dead letters stay where no request carries them away."""

from __future__ import annotations

import datetime as dt

import sqlalchemy as sa

from orchestrator.store import tables as t
from orchestrator.store.store import SqlStore
from schemas.requests import utc


def empty(store: SqlStore, before: dt.datetime) -> int:
    """Empty letters that belong to no request and were buried before a moment; their lines stay, as evidence.

    Those of a request go with its capsule (decision 9). Any number of processes may do it at once.

    Returns:
        How many.

    Raises:
        DependencyError: the store cannot be written.
    """
    of_none = t.dead_letters.c.request_id.not_in(sa.select(t.requests.c.request_id))
    due = (t.dead_letters.c.observed_at < utc(before), t.dead_letters.c.sealed != b"", of_none)
    with store.read() as tx:  # a look first: a write that changes nothing would wait for every other writer
        if tx.connection.execute(sa.select(t.dead_letters.c.id).where(*due).limit(1)).first() is None:
            return 0
    with store.write() as tx:
        return int(tx.connection.execute(sa.update(t.dead_letters).where(*due).values(sealed=b"")).rowcount)
