"""Reads and writes of the engine: one transaction a batch (decision 2)."""

from __future__ import annotations

import contextlib
import functools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

import msgspec
import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from orchestrator.errors import DependencyError
from orchestrator.ports import INTAKE_SOURCE, JournalRow, OutboxRow
from orchestrator.store import tables as t
from orchestrator.store.database import friendly

_T = TypeVar("_T")


class SqlTransaction:
    """Everything one batch may do. Lists of dicts match the columns of ``tables``."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    # -- journal ------------------------------------------------------------------------------------------
    def known(self, keys: Sequence[tuple[str, str]]) -> dict[tuple[str, str], bytes]:
        """Give the payload hash of each (source, id) that was accepted before."""
        found: dict[tuple[str, str], bytes] = {}
        for chunk in _chunks([one[1] for one in keys]):
            query = sa.select(t.journal.c.source, t.journal.c.event_id, t.journal.c.payload_hash)
            for row in self.connection.execute(query.where(t.journal.c.event_id.in_(chunk))):
                found[row[0], row[1]] = row[2]
        return found

    def journal(self, rows: Sequence[JournalRow]) -> None:
        """Append events."""
        self._insert(t.journal, [_without(row, "seq") for row in rows])

    def waiting(self, limit: int) -> list[JournalRow]:
        """Give accepted events that were not applied yet, oldest first."""
        c = t.journal.c
        query = sa.select(t.journal).where(c.wire.is_not(None)).order_by(c.seq).limit(limit)
        return [JournalRow(**row._mapping) for row in self.connection.execute(query)]  # noqa: SLF001 - public API of Row

    def take_waiting(self, rows: Sequence[JournalRow]) -> None:
        """Take waiting events out; they are journaled anew, in the order in which they are applied."""
        for chunk in _chunks([row.seq for row in rows]):
            self.connection.execute(sa.delete(t.journal).where(t.journal.c.seq.in_(chunk)))

    def history(self, request_id: str) -> list[JournalRow]:
        """Give every event of one request in order."""
        query = sa.select(t.journal).where(t.journal.c.request_id == request_id).order_by(t.journal.c.seq)
        return [JournalRow(**row._mapping) for row in self.connection.execute(query)]  # noqa: SLF001 - public API of Row

    # -- requests -----------------------------------------------------------------------------------------
    def states(self, request_ids: Iterable[str]) -> dict[str, bytes]:
        """Give the stored state of each request that exists."""
        return self._by_id(t.requests.c.request_id, t.requests.c.state, request_ids)

    def all_states(self) -> Iterator[tuple[str, bytes]]:
        """Give (request id, stored state) of every request, one after the other."""
        c = t.requests.c
        for row in self.connection.execute(sa.select(c.request_id, c.state).order_by(c.request_id)):
            yield row[0], row[1]

    def save_states(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert or replace request rows."""
        self._upsert(t.requests, rows, ("request_id",))

    def due(self, now: str, limit: int) -> list[str]:
        """Give requests whose timer is due, earliest first."""
        c = t.requests.c
        query = sa.select(c.request_id).where(c.next_timer <= now).order_by(c.next_timer).limit(limit)
        return list(self.connection.execute(query).scalars())

    def next_timer(self) -> str | None:
        """When the earliest timer of all is due."""
        return self.connection.execute(sa.select(sa.func.min(t.requests.c.next_timer))).scalar()

    # -- capsules and subjects ----------------------------------------------------------------------------
    def capsules(self, request_ids: Iterable[str]) -> dict[str, bytes]:
        """Give the sealed capsule of each request that still has one."""
        return self._by_id(t.capsules.c.request_id, t.capsules.c.sealed, request_ids)

    def save_capsules(self, sealed: dict[str, bytes]) -> None:
        """Insert or replace capsules."""
        rows = [{"request_id": one, "sealed": blob} for one, blob in sealed.items()]
        self._upsert(t.capsules, rows, ("request_id",))

    def forget(self, request_ids: Sequence[str]) -> None:
        """Destroy capsules and everything that recognises the person."""
        for chunk in _chunks(request_ids):
            for table in (t.capsules, t.subjects):
                self.connection.execute(sa.delete(table).where(table.c.request_id.in_(chunk)))
            # What could not be applied may hold identifiers too, sealed twice; that it happened stays.
            dead = sa.update(t.dead_letters).where(t.dead_letters.c.request_id.in_(chunk))
            self.connection.execute(dead.values(sealed=b""))
            # The keyed digest of the form would let us tell for ever whether a guessed person made this request.
            form = sa.update(t.journal).where(t.journal.c.request_id.in_(chunk), t.journal.c.source == INTAKE_SOURCE)
            self.connection.execute(form.values(payload_hash=b""))

    def add_subjects(self, rows: Sequence[dict[str, Any]]) -> None:
        """Note which request is of which subject (by keyed digest)."""
        self._insert(t.subjects, rows)

    def same_subject(self, refs: Sequence[bytes]) -> list[tuple[bytes, str, str]]:
        """Give (subject_ref, request_id, right) of open requests that share a subject."""
        found: list[tuple[bytes, str, str]] = []
        s, r = t.subjects.c, t.requests.c
        for chunk in _chunks(refs):
            query = sa.select(s.subject_ref, s.request_id, s.right).join(t.requests, r.request_id == s.request_id)
            query = query.where(s.subject_ref.in_(chunk), r.phase != "closed")
            found += [(row[0], row[1], row[2]) for row in self.connection.execute(query)]
        return found

    def add_waits(self, rows: Sequence[dict[str, str]]) -> None:
        """Note who waits for whom."""
        self._insert(t.waits, rows)

    def take_waits(self, others: Sequence[str]) -> list[tuple[str, str]]:
        """Give and remove (other, request_id) of those who waited for these."""
        found: list[tuple[str, str]] = []
        for chunk in _chunks(others):
            query = sa.select(t.waits.c.other, t.waits.c.request_id).where(t.waits.c.other.in_(chunk))
            found += [(row[0], row[1]) for row in self.connection.execute(query)]
            self.connection.execute(sa.delete(t.waits).where(t.waits.c.other.in_(chunk)))
        return found

    # -- outbox -------------------------------------------------------------------------------------------
    def outbox_add(self, rows: Sequence[OutboxRow]) -> None:
        """Make tasks durable, before anything acts on them (I2)."""
        self._insert(t.outbox, [msgspec.structs.asdict(row) for row in rows])

    def outbox_remove(self, task_ids: Sequence[str]) -> None:
        """Drop tasks that are not awaited any more."""
        for chunk in _chunks(task_ids):
            self.connection.execute(sa.delete(t.outbox).where(t.outbox.c.task_id.in_(chunk)))

    def packages(self) -> set[str]:
        """Give the names of all access packages that still live."""
        c = t.requests.c.package
        return set(self.connection.execute(sa.select(c).where(c.is_not(None))).scalars())

    def open_states(self, right: str) -> Iterator[bytes]:
        """Give the state of every request of this right that is not closed, one after the other."""
        c = t.requests.c
        yield from self.connection.execute(sa.select(c.state).where(c.right == right, c.phase != "closed")).scalars()

    def outbox_next(self, system: str, limit: int) -> list[OutboxRow]:
        """Give the next tasks of a system in order of deadline."""
        c = t.outbox.c
        query = sa.select(t.outbox).where(c.system == system).order_by(c.due_on, c.task_id).limit(limit)
        return [OutboxRow(*row) for row in self.connection.execute(query)]

    # -- results ------------------------------------------------------------------------------------------
    def add_records(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store signed records."""
        self._insert(t.records, rows)

    def add_notices(self, rows: Sequence[dict[str, Any]]) -> None:
        """Store notices."""
        self._insert(t.notices, rows)

    def replace_obligations(self, request_ids: Sequence[str], rows: Sequence[dict[str, Any]]) -> None:
        """Bring the list of obligations of these requests up to their states."""
        for chunk in _chunks(request_ids):
            self.connection.execute(sa.delete(t.obligations).where(t.obligations.c.request_id.in_(chunk)))
        self._insert(t.obligations, rows)

    def add_dead_letters(self, rows: Sequence[dict[str, Any]]) -> None:
        """Keep what could not be applied."""
        self._insert(t.dead_letters, rows)

    def save_plan(self, digest: str, body: bytes) -> None:
        """Keep a plan under its digest."""
        if self.plan(digest) is None:
            self._insert(t.plans, [{"digest": digest, "body": body}])

    def plan(self, digest: str) -> bytes | None:
        """Give a plan."""
        return self.connection.execute(sa.select(t.plans.c.body).where(t.plans.c.digest == digest)).scalar()

    # -- helpers ------------------------------------------------------------------------------------------
    def _insert(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        if rows:
            self._many(_insert_text(table, self.connection.dialect), rows)

    def _upsert(self, table: sa.Table, rows: Sequence[dict[str, Any]], key: tuple[str, ...]) -> None:
        if rows:
            self._many(_upsert_text(table, key, self.connection.dialect), rows)

    def _many(self, statement: tuple[str, tuple[str, ...] | None], rows: Sequence[dict[str, Any]]) -> None:
        """Run a compiled statement for many rows, past Core's work per row (a tenth of the cost of a request)."""
        text, order = statement
        if order is None:
            self.connection.exec_driver_sql(text, list(rows))
        else:
            self.connection.exec_driver_sql(text, [tuple(row[name] for name in order) for row in rows])

    def _by_id(self, key: Any, value: Any, ids: Iterable[str]) -> dict[str, bytes]:
        found: dict[str, bytes] = {}
        for chunk in _chunks(list(ids)):
            found.update(
                (row[0], row[1]) for row in self.connection.execute(sa.select(key, value).where(key.in_(chunk)))
            )
        return found


class SqlStore:
    """The database of one orchestrator."""

    def __init__(self, engine: sa.Engine, where: str) -> None:
        """Take an engine (``database.open_sqlite``) and the name that errors give it."""
        self.engine = engine
        self.where = where

    @contextlib.contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        """Open a write transaction; commits at the end, rolls back on any exception.

        Raises:
            DependencyError: the database is locked, read-only or full; nothing was written.
        """
        with friendly(self.where), self.engine.begin() as connection:
            yield SqlTransaction(connection)

    @contextlib.contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """Open a read transaction; never blocks a writer."""
        with friendly(self.where), self.engine.connect().execution_options(expunge_read=True) as connection:
            yield SqlTransaction(connection)

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


_Compiled = tuple[str, tuple[str, ...] | None]


@functools.lru_cache(maxsize=64)
def _insert_text(table: sa.Table, dialect: sa.Dialect) -> _Compiled:
    return _compiled(sa.insert(table).values({c.name: sa.bindparam(c.name) for c in _given(table)}), dialect)


@functools.lru_cache(maxsize=64)
def _upsert_text(table: sa.Table, key: tuple[str, ...], dialect: sa.Dialect) -> _Compiled:
    # PostgreSQL's is imported only where it is served: it costs every command 30 ms.
    insert: Any = _postgresql_insert(table) if dialect.name == "postgresql" else sqlite.insert(table)
    others = {c.name: insert.excluded[c.name] for c in table.columns if c.name not in key}
    statement = insert.values({c.name: sa.bindparam(c.name) for c in _given(table)})
    return _compiled(statement.on_conflict_do_update(index_elements=list(key), set_=others), dialect)


def _postgresql_insert(table: sa.Table) -> Any:
    from sqlalchemy.dialects import postgresql

    return postgresql.insert(table)


def _given(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns we give a value; the database numbers the others."""
    return [c for c in table.columns if c is not table.autoincrement_column]


def _compiled(statement: sa.Insert, dialect: sa.Dialect) -> _Compiled:
    compiled = statement.compile(dialect=dialect)
    order = getattr(compiled, "positiontup", None)
    return str(compiled), tuple(order) if order is not None else None


def _without(row: JournalRow, name: str) -> dict[str, Any]:
    return {key: value for key, value in msgspec.structs.asdict(row).items() if key != name}


def _chunks(items: Sequence[_T], size: int = 500) -> Iterator[Sequence[_T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]
