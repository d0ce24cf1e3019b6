"""Reads and writes of the engine: one transaction a batch (decision 2)."""

from __future__ import annotations

import contextlib
import itertools
import operator
import sqlite3
from collections.abc import Generator, Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec
import sqlalchemy as sa

from connectors.sqltext import chunks
from orchestrator.errors import DependencyError
from orchestrator.ports import JournalRow, OutboxRow
from orchestrator.store import statements as q
from orchestrator.store import tables as t
from orchestrator.store.database import driver_error, friendly
from orchestrator.store.holds import Holds
from orchestrator.store.incidents import Incidents
from orchestrator.store.ledger import Leaves
from orchestrator.store.links import Links
from orchestrator.store.mails import Mails
from orchestrator.store.parking import Parking
from orchestrator.store.positions import Positions
from orchestrator.store.retiring import Retired
from orchestrator.store.sending import Sending
from orchestrator.store.sweeps import Sweeps

_PAGE: Final = 500
"""Rows that are held in memory at a time where all are read."""


class SqlTransaction(Sending, Parking, Positions, Holds, Mails, Incidents, Leaves, Links, Sweeps, Retired):
    """Everything one batch may do. Lists of dicts match the columns of ``tables``."""

    def __init__(self, connection: sa.Connection, where: str = "") -> None:
        """Take a connection with an open transaction; ``where`` is how errors name the database."""
        super().__init__(connection)
        self._where = where
        self._driver_error = driver_error(connection.dialect)

    # -- many processes at one store --------------------------------------------------------------------------
    def together(self) -> contextlib.AbstractContextManager[None]:
        """Let what the body writes travel together: SQLite answers at once."""
        return contextlib.nullcontext()

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Let the body be undone alone."""
        with friendly(self._where, self._driver_error), self.connection.begin_nested():
            yield

    def alone(self, _name: str) -> bool:
        """Let only one transaction at a time do something: on SQLite every write transaction is alone."""
        return True

    def alone_of(self, names: Sequence[str]) -> list[str]:
        """As ``alone``, for several names at once."""
        return [one for one in names if self.alone(one)]

    def one_person(self, refs: Sequence[bytes]) -> None:
        """Keep others from deciding about these people: on SQLite nobody else writes meanwhile."""

    # -- journal ------------------------------------------------------------------------------------------
    def known(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """Give the payload hash of each (source, id) that was accepted before."""
        rows = self._among(q.KNOWN, [one[1] for one in keys])
        return {(source, event_id): bytes(payload_hash) for source, event_id, payload_hash in rows}

    def journal(self, rows: Sequence[JournalRow]) -> None:
        """Append events."""
        self._insert(t.journal, [_without(row, "seq") for row in rows])

    def waiting(self, limit: int) -> list[JournalRow]:
        """Give accepted events that were not applied yet, oldest first."""
        names = t.journal.columns.keys()
        return [JournalRow(**dict(zip(names, row, strict=True))) for row in self._all(q.WAITING, most=limit)]

    def take_waiting(self, rows: Sequence[JournalRow]) -> None:
        """Take waiting events out; they are journaled anew, in the order in which they are applied."""
        self._change(q.TAKE_WAITING, [row.seq for row in rows])

    def history(self, request_id: str) -> list[JournalRow]:
        """Give every event of one request in order."""
        query = sa.select(t.journal).where(t.journal.c.request_id == request_id).order_by(t.journal.c.seq)
        return [JournalRow(**row._mapping) for row in self.connection.execute(query)]  # noqa: SLF001 - public API of Row

    # -- requests -----------------------------------------------------------------------------------------
    def states(self, request_ids: Iterable[str]) -> dict[str, bytes]:
        """Give the stored state of each request that exists."""
        return dict(self._among(q.STATES, list(request_ids)))

    def claimed(self, commitments: Sequence[str]) -> list[tuple[str, str]]:
        """Give (commitment, request id) of the requests that were begun and whose receipts open these."""
        return [(digest, request_id) for digest, request_id in self._among(q.CLAIMED, commitments)]

    def all_states(self) -> Generator[tuple[str, bytes]]:
        """Give (request id, stored state) of every request, one after the other."""
        c = t.requests.c
        query = sa.select(c.request_id, c.state).order_by(c.request_id).execution_options(yield_per=_PAGE)
        with self.connection.execute(query) as rows:
            for row in rows:
                yield row[0], row[1]

    def histories(self) -> Generator[tuple[str, list[tuple[str, bytes]]]]:
        """Give (request id, [(verdict, event)]) of every request, its events in their order."""
        c = t.journal.c
        query = sa.select(c.request_id, c.verdict, c.body).where(c.body.is_not(None)).order_by(c.request_id, c.seq)
        with self.connection.execute(query.execution_options(yield_per=_PAGE)) as rows:
            for request_id, group in itertools.groupby(rows, key=operator.itemgetter(0)):
                yield request_id, [(row[1], bytes(row[2])) for row in group]

    def save_states(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert or replace request rows."""
        self._upsert(t.requests, rows, ("request_id",))

    def due(self, now: str, limit: int) -> list[str]:
        """Give requests whose timer is due, earliest first."""
        return [row[0] for row in self._all(q.DUE, now=now, most=limit)]

    def next_timer(self) -> str | None:
        """When the earliest timer of all is due, or somebody is to hear of an incident."""
        every = (self._all(one)[0][0] for one in (q.NEXT_TIMER, q.NEXT_INCIDENT))
        return min((one for one in every if one is not None), default=None)

    # -- capsules and subjects ----------------------------------------------------------------------------
    def capsules(self, request_ids: Iterable[str]) -> dict[str, bytes]:
        """Give the sealed capsule of each request that still has one."""
        return dict(self._among(q.CAPSULES, list(request_ids)))

    def save_capsules(self, sealed: dict[str, bytes]) -> None:
        """Insert or replace capsules."""
        rows = [{"request_id": one, "sealed": blob} for one, blob in sealed.items()]
        self._upsert(t.capsules, rows, ("request_id",))

    def forget(self, request_ids: Sequence[str]) -> None:
        """Destroy capsules and everything that recognises the person."""
        for statement in q.FORGET:
            self._change(statement, request_ids)

    def add_subjects(self, rows: Sequence[dict[str, Any]]) -> None:
        """Note which request is of which subject (by keyed digest)."""
        self._insert(t.subjects, rows)

    def same_subject(self, refs: Sequence[bytes]) -> list[tuple[bytes, str, str]]:
        """Give (subject_ref, request_id, right) of requests that share a subject: open ones, and what lasts."""
        return [(bytes(ref), request_id, right) for ref, request_id, right in self._among(q.SAME_SUBJECT, refs)]

    def subject_refs(self, request_ids: Sequence[str]) -> list[tuple[str, bytes]]:
        """Give (request_id, subject_ref) of these requests."""
        return [(request_id, bytes(ref)) for request_id, ref in self._among(q.SUBJECT_REFS, request_ids)]

    def copies(self, refs: Sequence[bytes]) -> list[tuple[bytes, str]]:
        """Give (subject_ref, request_id) of accesses of these subjects that were answered with a copy."""
        return [(bytes(ref), request_id) for ref, request_id in self._among(q.COPIES, refs)]

    def add_waits(self, rows: Sequence[dict[str, str]]) -> None:
        """Note who waits for whom."""
        self._insert(t.waits, rows)

    def take_waits(self, others: Sequence[str], but: str = "") -> list[tuple[str, str]]:
        """Give and remove (other, request_id) of those who waited for these; ``but``: requests of this right stay."""
        found = [(other, request_id) for other, request_id, right in self._among(q.WAITS, others) if right != but]
        if but:
            for other, request_id in found:
                c = t.waits.c
                self.connection.execute(sa.delete(t.waits).where(c.other == other, c.request_id == request_id))
        else:
            self._change(q.DROP_WAITS, others)
        return found

    # -- outbox -------------------------------------------------------------------------------------------
    def outbox_add(self, rows: Sequence[OutboxRow]) -> None:
        """Make tasks durable, before anything acts on them (I2)."""
        self._insert(t.outbox, [msgspec.structs.asdict(row) for row in rows])

    def outbox_remove(self, task_ids: Sequence[str]) -> None:
        """Drop tasks that are not awaited any more."""
        self._change(q.OUTBOX_REMOVE, task_ids)

    def outbox_recall(self, task_ids: Sequence[str]) -> set[str]:
        """Drop those of these tasks that were not released yet; gives them. One being released is waited for."""
        drop = sa.delete(t.outbox).where(t.outbox.c.task_id.in_(task_ids), t.outbox.c.released_at.is_(None))
        return set(self.connection.execute(drop.returning(t.outbox.c.task_id)).scalars())

    def packages(self) -> set[str]:
        """Give the names of all access packages that still live."""
        c = t.requests.c.package
        return set(self.connection.execute(sa.select(c).where(c.is_not(None))).scalars())

    def open_states(self, right: str) -> Iterator[tuple[str, bytes]]:
        """Give (request id, state) of every request of this right that is not closed, one after the other."""
        c = t.requests.c
        query = sa.select(c.request_id, c.state).where(c.right == right, c.phase != "closed")
        for row in self.connection.execute(query):
            yield row[0], row[1]

    def outbox_next(self, system: str, limit: int) -> list[OutboxRow]:
        """Give the next tasks of a system in order of deadline."""
        return [OutboxRow(*row) for row in self._all(q.OUTBOX_NEXT, system=system, most=limit)]

    # -- results ------------------------------------------------------------------------------------------
    def add_records(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store signed records."""
        self._insert(t.records, [{"outline": None} | row for row in rows])

    def add_notices(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store notices."""
        self._insert(t.notices, rows)

    def add_suppressions(self, rows: Sequence[dict[str, Any]]) -> None:
        """Note what a completed erasure suppresses."""
        self._insert(t.suppressions, rows)

    def drop_suppressions(self, request_ids: Sequence[str], today: str) -> None:
        """Remove what these requests suppress no longer."""
        c = t.suppressions.c
        for chunk in chunks(request_ids):
            self.connection.execute(sa.delete(t.suppressions).where(c.request_id.in_(chunk), c.until <= today))

    def replace_obligations(self, request_ids: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
        """Bring the list of obligations of these requests up to their states."""
        self._change(q.DROP_OBLIGATIONS, request_ids)
        self._insert(t.obligations, rows)

    def add_dead_letters(self, rows: Sequence[dict[str, Any]]) -> list[int]:
        """Keep what could not be applied; gives their numbers."""
        insert = sa.insert(t.dead_letters).returning(t.dead_letters.c.id)
        return [self.connection.execute(insert, row).scalar_one() for row in rows]

    def save_plan(self, digest: str, body: bytes) -> None:
        """Keep a plan under its digest."""
        self.connection.execute(self._insert_if_new(t.plans), {"digest": digest, "body": body})

    def plan(self, digest: str) -> bytes | None:
        """Give a plan."""
        found = self._all(q.PLAN, digest=digest)
        return bytes(found[0][0]) if found else None


class SqlStore:
    """The database of one orchestrator."""

    def __init__(self, engine: sa.Engine, where: str) -> None:
        """Take an engine (``database.open_sqlite``) and the name that errors give it."""
        self.engine = engine
        self.where = where
        self._driver_error = driver_error(engine.dialect)

    @contextlib.contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        """Open a write transaction; commits at the end, rolls back on any exception.

        Raises:
            DependencyError: the database is locked, read-only or full; nothing was written.
        """
        with friendly(self.where, self._driver_error), self.engine.begin() as connection:
            yield SqlTransaction(connection, self.where)

    @contextlib.contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """Open a read transaction; never blocks a writer."""
        with (
            friendly(self.where, self._driver_error),
            self.engine.connect().execution_options(expunge_read=True) as connection,
            connection.begin(),
        ):
            yield SqlTransaction(connection, self.where)

    def scrub(self) -> bool:
        """Wipe what was deleted from the write-ahead log too; False if a reader is in the way (try again later).

        ``secure_delete`` overwrites it in the database file, but older frames stay in the log until it is emptied.
        """
        if self.engine.dialect.name != "sqlite":
            return True
        with friendly(self.where), contextlib.closing(self.engine.raw_connection()) as connection:
            cursor = connection.cursor()
            try:
                busy = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            except sqlite3.Error as error:
                raise DependencyError(
                    "the database's log cannot be emptied", where=self.where, why=type(error).__name__
                ) from None
            finally:
                cursor.close()
        return not busy

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()


def _without(row: JournalRow, name: str) -> dict[str, Any]:
    return {key: value for key, value in msgspec.structs.asdict(row).items() if key != name}
