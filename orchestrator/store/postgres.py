"""The store on PostgreSQL 15 and newer: the same statements, and the locks that many processes at one store need.

SQLite lets one transaction write at a time, so what one has read stays true. Here (READ COMMITTED) it is held by locks:

* the rows of requests that a batch will change, in the order of their ids (``states``);
* what waits and what is due, leaving out what another process has (``SKIP LOCKED``);
* a person, by the digests of the identifiers, while it is decided who waits for whom (``one_person``);
* what only one process should do at a time (``alone``).

A new request has no row to lock: unique keys decide who was first, and the other one tries again and sees it. Waiting
for each other in a circle is possible and harmless: the server undoes one, and ``engine.base.again`` repeats it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import sqlalchemy as sa

from connectors.postgres import options
from orchestrator.ports import TOO_EARLY, JournalRow, LeafRow, OutboxRow
from orchestrator.store import arrays
from orchestrator.store import statements as q
from orchestrator.store import tables as t
from orchestrator.store.database import friendly
from orchestrator.store.rows import given
from orchestrator.store.store import SqlStore, SqlTransaction

CONNECT_SECONDS: Final = 5
STATEMENT_SECONDS: Final = 60
LOCK_SECONDS: Final = 20
UNHEARD_SECONDS: Final = STATEMENT_SECONDS + 10
"""A batch is sent in one go; the server may work on its first statement before it reads on."""
IDLE_SECONDS: Final = 30
"""A process that is stopped in the middle of a transaction keeps its locks for so long, then the server ends it."""
PEOPLE: Final = 400
"""Most people that are locked one by one; the server's table of locks has a few thousand places for all."""

_STATES: Final = q.STATES.order_by(t.requests.c.request_id).with_for_update()
_WAITING: Final = q.WAITING.with_for_update(skip_locked=True)
_DUE: Final = q.DUE.with_for_update(skip_locked=True)

_RELEASED: Final = """
UPDATE outbox SET released_at = %(now)s, claimed_at = %(now)s, body = given.body
FROM unnest(%(ids)b::text[], %(bodies)b::bytea[]) AS given (id, body) WHERE task_id = given.id
"""

_NUMBERED: Final = """
UPDATE ledger_leaves AS leaf SET number = given.number
FROM unnest(%(ids)s::text[], %(facts)s::text[], %(numbers)s::bigint[]) AS given (request_id, fact, number)
WHERE leaf.request_id = given.request_id AND leaf.fact = given.fact
"""
_ALONE: Final = """
SELECT pg_try_advisory_xact_lock(one) FROM unnest(%(keys)s::bigint[]) WITH ORDINALITY AS given (one, place)
ORDER BY place
"""
_IN_FLIGHT: Final = """
SELECT asked.system, (SELECT count(*) FROM outbox WHERE outbox.system = asked.system AND outbox.released_at IS NOT NULL)
FROM unnest(%(systems)s::text[]) AS asked (system)
WHERE EXISTS (SELECT 1 FROM outbox WHERE outbox.system = asked.system AND outbox.released_at IS NULL)
"""
# One system after the other, each as ``q.OUTBOX_FREE`` asks for it.
_FREE: Final = f"""
SELECT task.* FROM unnest(%(systems)s::text[], %(most)s::bigint[]) WITH ORDINALITY AS asked (system, most, place)
CROSS JOIN LATERAL (
  SELECT {", ".join(f"outbox.{name}" for name in OutboxRow.__struct_fields__)} FROM outbox
  WHERE outbox.system = asked.system AND outbox.released_at IS NULL AND outbox.quarantined IS NULL
  AND NOT EXISTS (
    SELECT 1 FROM parked WHERE parked.event_id = outbox.task_id
    AND parked.source = '/systems/' || outbox.system AND parked.reason = '{TOO_EARLY}'
  )
  ORDER BY outbox.due_on, outbox.task_id LIMIT asked.most FOR UPDATE SKIP LOCKED
) AS task ORDER BY asked.place, task.due_on, task.task_id
"""


def open_postgres(url: sa.URL) -> sa.Engine:
    """Give an engine for a database; nothing is opened yet."""
    limits = {
        "statement_timeout": STATEMENT_SECONDS,
        "lock_timeout": LOCK_SECONDS,
        "idle_in_transaction_session_timeout": IDLE_SECONDS,
    }
    settings = " ".join(f"-c {name}={seconds * 1000}" for name, seconds in limits.items())
    # A bitmap scan never marks what is dead in an index: each look at a queue would visit again all that ever was in
    # it, until a vacuum comes. We look for single rows, or for the first few; there an index scan costs the same.
    settings += " -c enable_bitmapscan=off"
    given = url.query.get("options", "")
    own = options(url, unheard=UNHEARD_SECONDS, connect_timeout=CONNECT_SECONDS, application_name="expunge")
    return sa.create_engine(
        url.difference_update_query(["options"]),
        hide_parameters=True,
        pool_pre_ping=True,
        pool_size=4,
        max_overflow=4,
        pool_timeout=30,
        connect_args={**own, "options": f"{settings} {given if isinstance(given, str) else ' '.join(given)}".strip()},
    )


def lock_key(name: str) -> int:
    """Give the number under which an advisory lock goes by this name."""
    return int.from_bytes(hashlib.sha256(b"expunge\0" + name.encode()).digest()[:8], "big", signed=True)


class PostgresTransaction(SqlTransaction):
    """A transaction of one process among many."""

    def __init__(self, connection: sa.Connection, where: str = "", *, writing: bool = True) -> None:
        """Take a connection with an open transaction; one that only reads takes no locks."""
        super().__init__(connection, where)
        self._writing = writing
        self._seen: set[str] = set()
        self._savepoints = 0

    @contextlib.contextmanager
    def savepoint(self) -> Iterator[None]:
        """Let the body be undone alone."""
        self._savepoints += 1
        try:
            with super().savepoint():
                yield
        finally:
            self._savepoints -= 1

    @contextlib.contextmanager
    def together(self) -> Iterator[None]:
        """Let the server work on one statement while the next one is made ready (pipeline mode)."""
        if self._savepoints:
            # After a failure in a pipeline psycopg (3.3.9) takes for prepared what the server never came to. It forgets
            # that with the whole transaction, and not with a savepoint.
            yield
            return
        driver: Any = self.connection.connection.driver_connection
        with driver.pipeline():
            yield

    def alone(self, name: str) -> bool:
        """Let only one transaction at a time do something; False if another one is at it."""
        return self._one("SELECT pg_try_advisory_xact_lock(%(key)s)", key=lock_key(name)) is True

    def alone_of(self, names: Sequence[str]) -> list[str]:
        """As ``alone``, for several names in one question."""
        keys = [lock_key(one) for one in names]
        self._cursor.execute(_ALONE, {"keys": keys})
        return [name for name, row in zip(names, self._cursor.fetchall(), strict=True) if row[0]]

    def one_person(self, refs: Sequence[bytes]) -> None:
        """Wait until no other transaction decides about these people."""
        if not refs:
            return
        everybody = lock_key("people")
        if len(refs) > PEOPLE:
            self._one("SELECT pg_advisory_xact_lock(%(key)s)", key=everybody)
            return
        self._one("SELECT pg_advisory_xact_lock_shared(%(key)s)", key=everybody)
        # The digests are keyed and uniform: their first eight bytes are as good as any.
        keys = sorted({int.from_bytes(ref[:8], "big", signed=True) for ref in refs})
        self._one("SELECT count(pg_advisory_xact_lock(one)) FROM unnest(%(keys)s::bigint[]) AS one", keys=keys)

    def among_people(self) -> None:
        """Wait until nobody places or releases a hold."""
        self._one("SELECT pg_advisory_xact_lock_shared(%(key)s)", key=lock_key("people"))

    def everybody(self) -> None:
        """Wait until nobody decides about any person."""
        self._one("SELECT pg_advisory_xact_lock(%(key)s)", key=lock_key("people"))

    def waiting(self, limit: int) -> list[JournalRow]:
        """Give accepted events that were not applied yet; none that another transaction works on."""
        names = t.journal.columns.keys()
        found = self._all(_WAITING if self._writing else q.WAITING, most=limit)
        return [JournalRow(**dict(zip(names, row, strict=True))) for row in found]

    def due(self, now: str, limit: int) -> list[str]:
        """Give requests whose timer is due; none that another transaction works on."""
        return [row[0] for row in self._all(_DUE if self._writing else q.DUE, now=now, most=limit)]

    def _free(self, query: sa.Select[Any]) -> sa.Select[Any]:
        return super()._free(query) if self._writing else query

    def _mine(self, query: sa.Select[Any]) -> sa.Select[Any]:
        return query.with_for_update() if self._writing else query

    def states(self, request_ids: Iterable[str]) -> dict[str, bytes]:
        """Give the stored state of each request that exists, and keep others from changing it."""
        found = dict(self._among(_STATES if self._writing else q.STATES, sorted(request_ids)))
        self._seen.update(found)
        return found

    def save_states(self, rows: Sequence[dict[str, Any]]) -> None:
        """Insert request rows, or replace those that this transaction has read or written before."""
        new = [row for row in rows if row["request_id"] not in self._seen]
        old = [row for row in rows if row["request_id"] in self._seen]
        self._insert(t.requests, sorted(new, key=_request_id))
        self._upsert(t.requests, sorted(old, key=_request_id), ("request_id",))
        self._seen.update(row["request_id"] for row in new)

    def outbox_in_flight(self, systems: Sequence[str]) -> dict[str, int]:
        """Count what is out of each of these systems that have more to be released."""
        self._cursor.execute(_IN_FLIGHT, {"systems": list(systems)})
        return dict(self._cursor.fetchall())

    def outbox_free(self, most: Mapping[str, int]) -> dict[str, list[OutboxRow]]:
        """Give the next tasks of each of these systems, and keep others off them; see ``ports.Transaction``."""
        found: dict[str, list[OutboxRow]] = {one: [] for one in most}
        self._cursor.execute(_FREE, {"systems": list(most), "most": list(most.values())})
        for row in self._cursor.fetchall():
            task = OutboxRow(*row)
            found[task.system].append(task)
        return found

    def outbox_released(self, now: str, bodies: dict[str, bytes]) -> None:
        """Note that tasks were given to the relay, and their final bytes."""
        if bodies:
            given_now = {"now": now, "ids": list(bodies), "bodies": list(bodies.values())}
            self._cursor.execute(_RELEASED, given_now)

    def number_leaves(self, rows: Sequence[LeafRow]) -> None:
        """Write the numbers of leaves."""
        facts = {"ids": [one.request_id for one in rows], "facts": [one.fact for one in rows]}
        self._cursor.execute(_NUMBERED, {**facts, "numbers": [one.number for one in rows]})

    # -- many rows in one statement -----------------------------------------------------------------------
    def _insert(self, table: sa.Table, rows: Sequence[dict[str, Any]]) -> None:
        self._at_once(table, rows, ())

    def _upsert(self, table: sa.Table, rows: Sequence[dict[str, Any]], key: tuple[str, ...]) -> None:
        self._at_once(table, rows, key)

    def _at_once(self, table: sa.Table, rows: Sequence[dict[str, Any]], key: tuple[str, ...]) -> None:
        if rows:
            names = tuple(c.name for c in given(table))
            self._cursor.execute(arrays.insert_text(table, names, key), arrays.columns_of(names, rows))

    def _among(self, statement: sa.Select[Any], values: Sequence[Any]) -> list[Any]:
        if not values:
            return []
        text, fixed = arrays.any_text(statement, self._dialect, type(values[0]).__name__)
        self._cursor.execute(text, {**fixed, "values": list(values)})
        return list(self._cursor.fetchall())

    def _change(self, statement: sa.Update | sa.Delete, values: Sequence[Any], **others: Any) -> None:
        if values:
            text, fixed = arrays.any_text(statement, self._dialect, type(values[0]).__name__)
            self._cursor.execute(text, {**fixed, **others, "values": list(values)})

    def _one(self, statement: str, **values: Any) -> Any:
        self._cursor.execute(statement, values)
        row = self._cursor.fetchone()
        return row[0] if row else None


class PostgresStore(SqlStore):
    """The database of any number of orchestrators."""

    @contextlib.contextmanager
    def write(self) -> Iterator[SqlTransaction]:
        """Open a write transaction; commits at the end, rolls back on any exception.

        Raises:
            DependencyError: the database cannot be reached, is read-only or full; nothing was written, unless it was
                lost while it said so: what is done again counts once.
            ContentionError: other transactions were in the way.
            ConflictError: a row is there already: another transaction was first.
        """
        with friendly(self.where, self._driver_error), self.engine.begin() as connection:
            yield PostgresTransaction(connection, self.where)

    @contextlib.contextmanager
    def read(self) -> Iterator[SqlTransaction]:
        """Open a read transaction: one look at one moment, without a lock."""
        with (
            friendly(self.where, self._driver_error),
            self.engine.connect().execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            ) as connection,
            connection.begin(),
        ):
            yield PostgresTransaction(connection, self.where, writing=False)


def _request_id(row: dict[str, Any]) -> str:
    request_id: str = row["request_id"]
    return request_id
