"""Opens the database. SQLite: one writer, WAL, ``synchronous=FULL``, every write transaction ``BEGIN IMMEDIATE``.

SQLAlchemy's default (deferred BEGIN) loses updates or fails at once with "database is locked" on SQLite
(services.md), so the transaction is opened by hand: a reader says BEGIN, a writer BEGIN IMMEDIATE.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, PendingRollbackError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from orchestrator.errors import ConflictError, DependencyError, ExpungeError, UsageError
from orchestrator.store import pgerrors

HEAD: Final = "0014"
"""Newest migration; a test compares it with the scripts."""
BUSY_SECONDS: Final = 15.0
_PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "foreign_keys=ON",
    "secure_delete=ON",
    # 16 MB of pages in memory, and a checkpoint every 32 MB of log instead of 4: a burst spills and syncs less often.
    "cache_size=-16000",
    "wal_autocheckpoint=8000",
)


def open_sqlite(file: Path, *, busy_seconds: float = BUSY_SECONDS) -> sa.Engine:
    """Give an engine for a SQLite file; nothing is opened yet."""
    engine = sa.create_engine(
        sa.URL.create("sqlite", database=str(file)),
        hide_parameters=True,
        connect_args={"timeout": busy_seconds, "check_same_thread": False},
        poolclass=sa.pool.QueuePool,
        pool_size=2,
    )

    @sa.event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves
        for pragma in _PRAGMAS:
            connection.execute(f"PRAGMA {pragma}").close()

    @sa.event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        reading = connection.get_execution_options().get("expunge_read", False)
        # The driver itself, since Core's way to it costs as much as a small batch's statement.
        driver: Any = connection.connection.driver_connection
        driver.execute("BEGIN" if reading else "BEGIN IMMEDIATE").close()

    return engine


def driver_error(dialect: sa.Dialect) -> type[Exception]:
    """Give the base class of all errors of a dialect's driver."""
    driver: Any = dialect.loaded_dbapi
    error: type[Exception] = driver.Error
    return error


@contextlib.contextmanager
def friendly(where: str, driver: type[Exception] = DBAPIError) -> Iterator[None]:
    """Turn a database's errors into ours: what, where, fix; never a statement or a parameter.

    Args:
        where: How errors name the database.
        driver: Base class of the errors of its driver, whose cursor runs the hot statements.

    Raises:
        DependencyError: the database is locked, read-only, full, or cannot be opened.
        ConflictError: a row that may be there once is there already.
    """
    try:
        yield
    except PendingRollbackError:
        raise DependencyError("the connection to the database was lost", where=where, fix="start it again") from None
    except PoolTimeoutError:
        fix = "see whether the database answers; run fewer things at once in this process"
        raise DependencyError("no connection to the database became free", where=where, fix=fix) from None
    except DBAPIError as error:
        raise translate(error.orig or error, where) from None
    except driver as error:
        raise translate(error, where) from None


def translate(error: BaseException, where: str) -> ExpungeError:
    """Give our error for one of a driver."""
    if type(error).__module__.partition(".")[0] == "psycopg":
        return pgerrors.translate(error, where)
    if any(kind.__name__ == "IntegrityError" for kind in type(error).__mro__):
        return ConflictError("the database refused a row", where=where, why=type(error).__name__)
    text = str(error).lower()
    if "no such table" in text or "no such column" in text:
        return UsageError(
            "the database has no tables, or older ones", where=where, fix="run `expunge init` in the folder"
        )
    known = (
        ("locked", "the database is locked by another program", "close the other program, or wait, then try again"),
        ("readonly", "the database is read-only", "let this user write the file, its -wal and -shm, and the folder"),
        ("full", "the disk is full", "free some space; nothing was lost"),
        ("disk i/o", "the disk cannot be read or written", "see that it has space left and works; nothing was lost"),
        (
            "unable to open",
            "the database cannot be opened",
            "check the path under [store], its rights, and that its folder can be written",
        ),
        ("malformed", "the database is damaged", "restore it from a backup"),
        ("not a database", "the file is not a database", "check the path under [store]"),
    )
    for word, what, fix in known:
        if word in text:
            return DependencyError(what, where=where, fix=fix)
    return DependencyError("the database refused", where=where, why=type(error).__name__)
