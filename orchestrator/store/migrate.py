"""Brings a database to the newest schema (Alembic). Alembic is imported only when asked: it costs 100 ms."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from orchestrator.errors import UsageError
from orchestrator.store.database import HEAD, friendly
from orchestrator.store.opening import name_of


def migrate(engine: sa.Engine) -> None:
    """Create or upgrade the tables; two at once do it once.

    Raises:
        UsageError: the database is of a newer version.
        DependencyError: it cannot be reached or written.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with friendly(name_of(engine)), engine.begin() as connection:
        if connection.dialect.name == "postgresql":
            _wait_for_others(connection)
        found = version(connection)
        if found is not None and found > HEAD:
            raise _another(engine, found)
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def version(connection: sa.Connection) -> str | None:
    """Give the version of the tables; None where there are none."""
    if not sa.inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    return None if found is None else str(found)


def check(engine: sa.Engine) -> None:
    """Refuse a database of another version.

    Raises:
        UsageError: no tables, older, or newer than this program.
    """
    with friendly(name_of(engine)), engine.connect().execution_options(expunge_read=True) as connection:
        found = version(connection)
    if found is None or found != HEAD:
        raise _another(engine, found)


def _another(engine: sa.Engine, found: str | None) -> UsageError:
    where = name_of(engine)
    if found is not None and found > HEAD:
        what = "the database was made by a newer version"
        return UsageError(what, where=where, fix="install the newer version")
    shared = engine.dialect.name == "postgresql"
    fix = "run `expunge store migrate`" if shared else "run `expunge init` in the folder"
    what = "the database has no tables, or older ones" if found is None else "the database has older tables"
    return UsageError(what, where=where, fix=fix)


def _wait_for_others(connection: sa.Connection) -> None:
    from orchestrator.store.postgres import lock_key

    # A large table takes its time, and so may whoever migrates just now.
    connection.execute(sa.text("SET LOCAL statement_timeout = 0"))
    connection.execute(sa.text("SET LOCAL lock_timeout = 0"))
    connection.execute(sa.text("SET LOCAL idle_in_transaction_session_timeout = 0"))
    connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": lock_key("migrate")})
