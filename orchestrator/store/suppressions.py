"""What a cache of the suppressions is filled from, and what is asked where there is none.

``fed`` is no sequence: a row may become visible after a later one. So a feed looks for rows that were in none yet, and
numbers them; a rebuild takes up at its end what was fed since it began.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, NamedTuple

import sqlalchemy as sa

from orchestrator.store import tables as t
from orchestrator.store.store import SqlTransaction

PAGE: Final = 2000
"""Digests at a time."""
_MINE: Final = t.feeds.c.name == "suppressions"
_P: Final = t.suppressions.c

Found = dict[bytes, list[bytes]]
"""Digest -> its entries, JSON."""


class Feed(NamedTuple):
    """The last time that the cache was fed."""

    number: int
    token: str


def of(tx: SqlTransaction, digests: Sequence[bytes]) -> Found:
    """Give every entry of these digests; one that has none is left out."""
    found: Found = {}
    for start in range(0, len(digests), PAGE):
        query = sa.select(_P.digest, _P.entry).where(_P.digest.in_(digests[start : start + PAGE]))
        for digest, entry in tx.connection.execute(query.order_by(_P.digest, _P.record_id)):
            found.setdefault(bytes(digest), []).append(bytes(entry))
    return found


def rewrite(tx: SqlTransaction, digests: Sequence[bytes], change: Callable[[bytes], bytes | None]) -> int:
    """Change the entries of whoever these digests lead to, and have the cache fed with them; gives how many changed.

    What one record suppresses is of one person: all of it changes, also under identifiers that are not given.

    ``change`` gets an entry (JSON) and gives the new one; None: it stays as it is.
    """
    query = sa.select(_P.digest, _P.record_id, _P.entry).where(
        _P.record_id.in_(sa.select(_P.record_id).where(_P.digest.in_(list(digests))))
    )
    changed = 0
    for digest, record_id, entry in tx.connection.execute(query).fetchall():
        new = change(bytes(entry))
        if new is not None:
            mine = (_P.digest == digest) & (_P.record_id == record_id)
            tx.connection.execute(sa.update(t.suppressions).where(mine).values(entry=new, fed=None))
            changed += 1
    return changed


def last_feed(tx: SqlTransaction, *, lock: bool = False) -> Feed:
    """Give the last feed; with ``lock`` nobody else feeds until this transaction ends."""
    query = sa.select(t.feeds.c.number, t.feeds.c.token).where(_MINE)
    row = tx.connection.execute(query.with_for_update() if lock else query).one()
    return Feed(*row)


def begin_feed(tx: SqlTransaction, token: str) -> Feed:
    """Begin the next feed: everything that was in none so far is in this one. Nobody else feeds meanwhile.

    First the rows are claimed and then they are read (``fed_after``): the other way round, a row that becomes visible
    in between would count as fed and would not be.
    """
    feed = Feed(last_feed(tx, lock=True).number + 1, token)
    tx.connection.execute(sa.update(t.suppressions).where(_P.fed.is_(None)).values(fed=feed.number))
    tx.connection.execute(sa.update(t.feeds).where(_MINE).values(number=feed.number, token=feed.token))
    return feed


def count(tx: SqlTransaction) -> int:
    """Count identifiers that are suppressed."""
    return int(tx.connection.execute(sa.select(sa.func.count(sa.distinct(_P.digest)))).scalar_one())


def unfed(tx: SqlTransaction) -> list[bytes]:
    """Give digests that were in no feed yet."""
    query = sa.select(_P.digest).where(_P.fed.is_(None)).distinct()
    return [bytes(one) for one in tx.connection.execute(query).scalars()]


def fed_after(tx: SqlTransaction, number: int) -> list[bytes]:
    """Give digests that were in a feed after this one."""
    fed = sa.select(_P.digest).where(_P.fed > number).distinct()
    return [bytes(one) for one in tx.connection.execute(fed).scalars()]


def pages(tx: SqlTransaction) -> Iterator[Found]:
    """Give everything, in pages of whole digests."""
    after = b""
    while True:
        query = sa.select(_P.digest).where(_P.digest > after).distinct().order_by(_P.digest).limit(PAGE)
        digests = [bytes(one) for one in tx.connection.execute(query).scalars()]
        if not digests:
            return
        yield of(tx, digests)
        after = digests[-1]
