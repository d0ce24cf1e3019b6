"""Which store an installation has, from its settings: a SQLite file, or a database of PostgreSQL."""

from __future__ import annotations

import os
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.exc import ArgumentError

from orchestrator.errors import UsageError
from orchestrator.settings import Settings
from orchestrator.store import database
from orchestrator.store.store import SqlStore


def is_shared(settings: Settings) -> bool:
    """Tell whether it is a database of PostgreSQL, which any number of processes may work on."""
    return bool(settings.store_url or settings.store_url_env)


def open_engine(settings: Settings, environ: Mapping[str, str] = os.environ) -> sa.Engine:
    """Give an engine for the store; nothing is opened yet.

    Raises:
        UsageError: the URL is wrong, holds a password and stands in the file, or its variable is not set.
    """
    if not is_shared(settings):
        return database.open_sqlite(settings.store)
    from orchestrator.store.postgres import open_postgres

    return open_postgres(store_url(settings, environ))


def open_store(settings: Settings, environ: Mapping[str, str] = os.environ) -> SqlStore:
    """Open the store; a missing file is an error, never an empty new one.

    Raises:
        UsageError: there is no database yet, or the URL is wrong.
    """
    if is_shared(settings):
        from orchestrator.store.postgres import PostgresStore

        engine = open_engine(settings, environ)
        return PostgresStore(engine, name_of(engine))
    file = settings.store
    if not file.exists():
        raise UsageError("there is no database yet", where=str(file), fix="run `expunge init` in the folder")
    return SqlStore(database.open_sqlite(file), str(file))


def name_of(engine: sa.Engine) -> str:
    """Give what errors call a database: its file, or its URL without the password."""
    url = engine.url
    return str(url.database) if url.drivername == "sqlite" else f"{url.host or 'localhost'}/{url.database or ''}"


def store_url(settings: Settings, environ: Mapping[str, str]) -> sa.URL:
    """Read the URL; psycopg is the driver, whatever it says."""
    name = settings.store_url_env
    where = f"{settings.file}, [store] {'url_env' if name else 'url'}"
    text = environ.get(name, "") if name else settings.store_url
    if not text:
        raise UsageError(f"the environment variable {name} is not set", where=where, fix="set it to the database's URL")
    try:
        url = sa.make_url(text)
    except ArgumentError:
        fix = "postgresql://user@host/database"
        raise UsageError("not the URL of a database", where=where, fix=fix) from None
    if url.get_backend_name() not in ("postgresql", "postgres"):
        raise UsageError("PostgreSQL is served, and SQLite by [store] path", where=where, fix="postgresql://host/name")
    if url.password is not None and not name:
        fix = 'write url_env = "EXPUNGE_STORE_URL" instead, and put the URL into that variable'
        raise UsageError("a password does not belong into a file", where=where, fix=fix)
    return url.set(drivername="postgresql+psycopg")
