"""Turns what a driver raises into the contract's errors, without any of its text (I4).

SQLite is told apart by its primary result code (https://sqlite.org/rescode.html), PostgreSQL by SQLSTATE
(https://www.postgresql.org/docs/current/errcodes-appendix.html). What is in neither table leaves as it is; then
``execute`` lets only the class name out.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from sqlalchemy.exc import DBAPIError

from connectors.errors import ConnectorError, PermanentError, TransientError

_SQLITE: Final[dict[int, ConnectorError]] = {
    sqlite3.SQLITE_BUSY: TransientError("locked"),
    sqlite3.SQLITE_LOCKED: TransientError("locked"),
    sqlite3.SQLITE_FULL: TransientError("disk_full"),
    sqlite3.SQLITE_IOERR: TransientError("io_error"),
    sqlite3.SQLITE_CANTOPEN: TransientError("unreachable"),
    sqlite3.SQLITE_READONLY: PermanentError("read_only"),
    sqlite3.SQLITE_PERM: PermanentError("permission"),
    sqlite3.SQLITE_AUTH: PermanentError("permission"),
    sqlite3.SQLITE_CONSTRAINT: PermanentError("constraint"),
    sqlite3.SQLITE_CORRUPT: PermanentError("corrupt"),
    sqlite3.SQLITE_NOTADB: PermanentError("corrupt"),
}
# Longest prefix wins.
_SQLSTATE: Final[dict[str, ConnectorError]] = {
    "08": TransientError("unreachable"),
    "57P": TransientError("unreachable"),
    "57014": TransientError("timeout"),
    "53": TransientError("overloaded"),
    "53100": TransientError("disk_full"),
    "55P03": TransientError("locked"),
    "40": TransientError("locked"),
    "23": PermanentError("constraint"),
    "25006": PermanentError("read_only"),
    "28": PermanentError("credentials"),
    "42501": PermanentError("permission"),
    "42P01": PermanentError("missing_table"),
    "42703": PermanentError("missing_column"),
    "3D000": PermanentError("missing_database"),
    "3F000": PermanentError("missing_table"),
}


def translate(error: DBAPIError) -> ConnectorError | None:
    """Give the contract's error for a driver's, or None if there is none."""
    cause = error.orig
    known: ConnectorError | None = None
    if isinstance(cause, sqlite3.Error):
        known = _sqlite(cause)
    else:
        state = getattr(cause, "sqlstate", None) or ""
        for length in (5, 3, 2):
            known = known or _SQLSTATE.get(state[:length])
        if known is None and (error.connection_invalidated or type(cause).__name__ == "OperationalError"):
            # A failed connect carries no SQLSTATE in psycopg.
            known = PermanentError("credentials") if "authentication" in str(cause) else TransientError("unreachable")
    return type(known)(known.code) if known is not None else None


def _sqlite(cause: sqlite3.Error) -> ConnectorError | None:
    code = getattr(cause, "sqlite_errorcode", None)
    if code is None:
        return None
    text = str(cause)
    if code == sqlite3.SQLITE_ERROR and text.startswith("no such table"):
        return PermanentError("missing_table")
    if code == sqlite3.SQLITE_ERROR and text.startswith(("no such column", "table ")):
        return PermanentError("missing_column")
    return _SQLITE.get(code & 0xFF)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the contract's error in place of a driver's; ``from None``, so that no trace quotes the original."""
    try:
        yield
    except DBAPIError as error:
        known = translate(error)
        if known is None:
            raise
        raise known from None
