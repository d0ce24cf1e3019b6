"""What PostgreSQL's errors mean to us, by their SQLSTATE (its manual, appendix A); never a statement or a value."""

from __future__ import annotations

import re
from typing import Final

from orchestrator.errors import ConflictError, ContentionError, DependencyError, ExpungeError, UsageError

_RIGHTS: Final = "give the role SELECT, INSERT, UPDATE, DELETE on all tables and USAGE on all sequences of the schema"
_CODES: Final = {
    "42501": ("the database does not allow it", _RIGHTS),
    "25006": ("the database is read-only", "point [store] at the primary, or make it writable again"),
    "53100": ("the database's disk is full", "free some space on the server; nothing was lost"),
    "53200": ("the database is out of memory", "raise max_locks_per_transaction or the server's memory"),
    "53300": ("the database has no connection left", "raise max_connections, or run fewer processes"),
    "57014": ("the database took too long", "look for a query that blocks it, then start again"),
    "25P03": ("this process was away for too long, and the database let go of it", "start it again"),
    "3D000": ("there is no such database", "create it, then run `expunge store migrate`"),
}
_CLASSES: Final = {
    "08": (
        "the database cannot be reached",
        "see that the server runs, and that [store] names its host, port, user, password and a database that exists",
    ),
    "28": ("the database refused the login", "check user and password of the URL"),
    "57": ("the database stopped, or is starting", "wait until the server is up; nothing was lost"),
    "58": ("the database server has a fault of its own", "see the server's log"),
    "53": ("the database lacks a resource", "see the server's log"),
    "XX": ("the database is damaged", "see the server's log; restore it from a backup"),
}
_GREETINGS: Final = (
    (
        re.compile(r'password authentication failed|no password supplied|role "[^"]*" does not exist|no pg_hba\.conf'),
        "28000",
    ),
    (re.compile(r'database "[^"]*" does not exist'), "3D000"),
    (re.compile(r"too many clients|connection slots are reserved|too many connections"), "53300"),
    (re.compile(r"the database system is|not yet accepting connections"), "57P03"),
)
"""Who is refused at the door gets a text from libpq and no code; in another language it stays "cannot be reached"."""
_CONTENTION: Final = ("40001", "40P01", "55P03")
"""Serialisation failure, deadlock, a lock that did not become free."""
_ROWS: Final = ("22", "23", "54")
"""Data exception, integrity violation, a limit of the program: what one row is to blame for."""


def translate(error: BaseException, where: str) -> ExpungeError:
    """Give our error for one of psycopg."""
    code = str(getattr(error, "sqlstate", None) or "") or _greeted(str(error))
    kind = code[:2]
    why = " ".join(filter(None, (type(error).__name__, code)))
    if code in _CONTENTION:
        fix = "start it again; if it comes back, run fewer processes at this database"
        return ContentionError("other transactions were in the way", where=where, why=why, fix=fix)
    if kind in _ROWS:
        return ConflictError("the database refused a row", where=where, why=why)
    if kind == "42" and code not in _CODES:
        what = "the database has no tables, or older ones"
        return UsageError(what, where=where, why=code, fix="run `expunge store migrate`")
    if not code and type(error).__name__ in ("DataError", "UnicodeEncodeError"):
        return ConflictError("the database cannot keep a value", where=where, why=why)
    unreached = _CLASSES["08"]  # what never reached the server has no code
    what, fix = _CODES.get(code) or _CLASSES.get(kind) or (unreached if not code else ("the database refused", ""))
    return DependencyError(what, where=where, why=why, fix=fix)


def _greeted(text: str) -> str:
    return next((code for words, code in _GREETINGS if "FATAL" in text and words.search(text)), "")
