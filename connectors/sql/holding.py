"""What a system's opener may hold between connectors while there is work, so that a fresh connection costs little.

Each connector has a connection of its own. SQLite: the file stays in use (``Anchor``). PostgreSQL: two sessions stay
open, and each is emptied before it is given out again (``Sessions``). Nothing is held unless ``hold`` was called, and
nothing after ``rest``.
"""

from __future__ import annotations

import contextlib
from typing import Any, Final, Protocol

import sqlalchemy as sa
from sqlalchemy import event

from connectors.sql.engine import keeping

_HOLDS: Final = 200
"""Batches of a SQLite system that never rests after which it is put to rest once."""


class Holder(Protocol):
    """Gives the connections of a system."""

    def connect(self, *, fresh: bool = False) -> sa.Connection: ...

    def hold(self) -> None: ...

    def rest(self) -> None: ...


def holder(engine: sa.Engine) -> Holder:
    """Give what fits an engine that pools nothing."""
    return Sessions(engine) if engine.dialect.name == "postgresql" else Anchor(engine)


class Anchor:
    """Keeps a SQLite file in use between a system's connections. Nothing is ever read or written through it.

    Who closes the last connection to a database with a write-ahead log copies the log into the file, syncs both and
    deletes the log. With a connection for each look that was more than a quarter of a lone request's time. It must not
    be held for longer than there is work, and not for ever where work never ends: only that last close takes the erased
    bytes out of the log, and a file that is replaced (a backup restored) while a log lies beside it is damaged by it
    (https://sqlite.org/howtocorrupt.html, section 1.4).
    """

    def __init__(self, engine: sa.Engine) -> None:
        """Take the engine of a system; nothing is opened yet."""
        self._engine = engine
        self._held: sa.PoolProxiedConnection | None = None
        self._times = 0

    def connect(self, *, fresh: bool = False) -> sa.Connection:  # noqa: ARG002 - it is new in any case
        """Open a connection."""
        return self._engine.connect()

    def hold(self) -> None:
        """Hold from now on. What cannot be opened is not held: the connector will say why."""
        self._times += 1
        if self._times > _HOLDS:
            self.rest()
        if self._held is None:
            with contextlib.suppress(Exception):
                self._held = self._taken()

    def rest(self) -> None:
        """Let go."""
        held, self._held = self._held, None
        self._times = 0
        if held is not None:
            with contextlib.suppress(Exception):
                held.close()

    def _taken(self) -> sa.PoolProxiedConnection:
        held = self._engine.raw_connection()
        try:
            # Whoever has the file locked is waited for by the connector, once.
            held.cursor().execute("PRAGMA busy_timeout = 0").close()
            # Only a connection that has read takes part in the log.
            held.cursor().execute("SELECT 1 FROM sqlite_master LIMIT 1").fetchall()
        except BaseException:
            held.close()
            raise
        return held


class Sessions:
    """Keeps two sessions of PostgreSQL: a server process for each new connection costs more than the look itself.

    A session is given out again only after ``DISCARD ALL``: no role, setting, temporary table, lock or prepared
    statement of before is left. The second look of an erasure never gets one of them: it is on a new connection (I1).
    """

    def __init__(self, engine: sa.Engine) -> None:
        """Take the engine of a system; nothing is opened yet."""
        self._fresh = engine
        self._kept: sa.Engine | None = None

    def connect(self, *, fresh: bool = False) -> sa.Connection:
        """Open a connection, or give one that was emptied; ``fresh``: never that."""
        kept = None if fresh else self._kept
        return (self._fresh if kept is None else kept).connect()

    def hold(self) -> None:
        """Hold from now on. What cannot be opened is not held: the connector will say why."""
        if self._kept is not None:
            return
        kept = keeping(self._fresh)
        event.listen(kept, "reset", _emptied)
        try:
            with kept.connect(), kept.connect():
                pass
        except Exception:  # noqa: BLE001 - said by the connector, which connects for itself then
            kept.dispose()
        else:
            self._kept = kept

    def rest(self) -> None:
        """Let go."""
        kept, self._kept = self._kept, None
        if kept is not None:
            with contextlib.suppress(Exception):
                kept.dispose()


def _emptied(connection: Any, _record: object, _state: object) -> None:
    """End the transaction and everything of the session; where that fails the pool drops the connection."""
    connection.rollback()
    connection.autocommit = True
    connection.execute("DISCARD ALL", prepare=False)  # prepared, after some uses, it would discard itself
    connection.autocommit = False
