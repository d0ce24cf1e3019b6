"""Opens the store: URL, drivers, SQLite's pragmas and functions. Engines here never log values."""

from __future__ import annotations

import os
import sqlite3
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool, QueuePool

from connectors.errors import MisconfiguredError
from connectors.postgres import options
from connectors.settings import SystemSettings
from connectors.sql.checks import near
from connectors.sql.values import digits_form, lower_form

WRITE: Final = "expunge_write"
"""Execution option of a connection whose transactions change rows."""

LONGEST_SECONDS: Final = 60
"""How long a session is kept where work never ends: its name may lead to another server by then, after a failover."""
_OPTIONS: Final = ("url", "url_env", "lock_timeout")


def sqlite_file(settings: SystemSettings) -> Path | None:
    """Give the file of a SQLite system, or None."""
    url = _url(settings)
    return settings.base / (url.database or "") if url.get_backend_name() == "sqlite" else None


def make_engine(settings: SystemSettings) -> tuple[sa.Engine, float]:
    """Make the engine of a system, without connecting; and the seconds a write waits for a lock (default 5).

    Raises:
        MisconfiguredError: no or wrong URL, unknown option, driver not installed. The URL is never quoted.
    """
    url = _url(settings)
    timeout = settings.options.get("lock_timeout", 5)
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 <= timeout <= 3600:  # noqa: PLR2004
        raise _wrong(settings, "lock_timeout", "must be seconds, 0 to 3600")
    if url.get_backend_name() == "sqlite":
        return _sqlite_engine(_sqlite_opener(settings, url, timeout)), timeout
    if url.get_backend_name() == "postgresql":
        return _postgres_engine(settings, url), timeout
    raise _wrong(settings, "url", "no such kind of database is served", fix="sqlite:///file or postgresql://host/name")


def _wrong(settings: SystemSettings, option: str, message: str, fix: str = "") -> MisconfiguredError:
    text = f"[systems.{settings.system}] {option}: {message}"
    return MisconfiguredError("url" if option.startswith("url") else "option", text, file=settings.source, fix=fix)


def _url(settings: SystemSettings) -> sa.URL:
    for name in settings.options:
        if name not in _OPTIONS:
            raise _wrong(settings, name, "unknown option", fix=near(name, _OPTIONS))
    text = settings.options.get("url")
    variable = settings.options.get("url_env")
    if (text is None) == (variable is None):
        raise _wrong(settings, "url", "give either url or url_env")
    if variable is not None:
        text = os.environ.get(str(variable))
        if not text:
            raise _wrong(settings, "url_env", f"the environment variable {variable} is not set")
    try:
        return sa.make_url(str(text))
    except (sa.exc.ArgumentError, ValueError):
        raise _wrong(settings, "url", "not a database URL", fix="sqlite:///file or postgresql://host/name") from None


def _sqlite_opener(settings: SystemSettings, url: sa.URL, timeout: float) -> Callable[[], sqlite3.Connection]:
    name = url.database or ""
    if name in {"", ":memory:"} or name.startswith("file:"):
        raise _wrong(settings, "url", "needs a file, as a plain path", fix="sqlite:///data/crm.sqlite")
    file = (settings.base / name).absolute()
    mode = str(url.query.get("mode", "rw"))
    if mode not in {"rw", "ro"}:
        raise _wrong(settings, "url", "mode is rw or ro")
    # mode=rw: a misspelt path must not leave an empty database behind and then "hold nothing".
    uri = f"file:{urllib.parse.quote(str(file))}?mode={mode}"

    def opened() -> sqlite3.Connection:
        # A connector is used by one thread at a time, but not always by the thread that opened it.
        return sqlite3.connect(uri, uri=True, timeout=timeout, isolation_level=None, check_same_thread=False)

    return opened


def _sqlite_engine(opened: Callable[[], sqlite3.Connection]) -> sa.Engine:
    engine = sa.create_engine("sqlite://", creator=opened, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _prepare(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
        raw: Any = connection
        # One text of invalid UTF-8 must not hide all others. It reads as a text that matches nothing, and that no
        # statement takes: where it would be a key or a link, the work stops.
        raw.text_factory = _read_text
        raw.execute("PRAGMA foreign_keys = ON")
        # Without it the bytes of an erased row stay in the file until the page is used again.
        raw.execute("PRAGMA secure_delete = ON")
        raw.create_function("expunge_lower", 1, lambda value: lower_form(_text(value)), deterministic=True)
        raw.create_function("expunge_digits", 1, lambda value: digits_form(_text(value)) or None, deterministic=True)

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        # An upgrade from read to write lock can fail at any statement; taking it first waits once, in one place.
        write = connection.get_execution_options().get(WRITE, False)
        driver: Any = connection.connection.driver_connection
        try:
            driver.execute("BEGIN IMMEDIATE" if write else "BEGIN").close()
        except sqlite3.Error as error:
            raise sa.exc.DBAPIError(None, None, error) from None

    return engine


def _read_text(raw: bytes) -> str:
    return str(raw, "utf-8", "surrogateescape")


def _text(value: Any) -> str:
    """Read a text that SQL hands over as bytes: one row of invalid UTF-8 must not stop the search for all."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else text_or_empty(value)


def text_or_empty(value: Any) -> str:
    """Give a text for any value of a SQL function's argument."""
    return "" if value is None else str(value)


def _postgres_engine(settings: SystemSettings, url: sa.URL) -> sa.Engine:
    if url.drivername not in {"postgresql", "postgresql+psycopg"}:
        raise _wrong(settings, "url", "PostgreSQL is reached by psycopg", fix="postgresql://host/name")
    try:
        return _postgres(url.set(drivername="postgresql+psycopg"), poolclass=NullPool)
    except ImportError:
        fix = "pip install 'expunge[postgres]'"
        raise _wrong(settings, "url", "the driver psycopg is not installed", fix=fix) from None


def keeping(engine: sa.Engine) -> sa.Engine:
    """Give an engine for the same PostgreSQL that keeps up to two sessions open, for a ``reset`` listener to empty."""
    return _postgres(
        engine.url,
        poolclass=QueuePool,
        pool_size=2,
        max_overflow=8,
        pool_reset_on_return=None,
        pool_pre_ping=True,
        pool_recycle=LONGEST_SECONDS,
    )


def _postgres(url: sa.URL, **pool: Any) -> sa.Engine:
    # Nothing is prepared: no session is used for long enough without being emptied.
    return sa.create_engine(url, hide_parameters=True, connect_args=options(url, prepare_threshold=None), **pool)
