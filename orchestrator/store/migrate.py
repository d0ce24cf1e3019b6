"""Brings a database to the newest schema (Alembic). Alembic is imported only when asked: it costs 100 ms."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from orchestrator.errors import UsageError
from orchestrator.store.database import HEAD, friendly


def migrate(engine: sa.Engine) -> None:
    """Create or upgrade the tables."""
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with friendly(str(engine.url.database)), engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def check(engine: sa.Engine) -> None:
    """Refuse a database of another version.

    Raises:
        UsageError: no tables, older, or newer than this program.
    """
    where = str(engine.url.database)
    fix = "run `expunge init` in the folder"
    with friendly(where), engine.connect().execution_options(expunge_read=True) as connection:
        found = connection.execute(sa.text("select version_num from alembic_version")).scalar()
    if found != HEAD:
        newer = found is not None and str(found) > HEAD
        raise UsageError(
            "the database was made by a newer version" if newer else "the database has older tables",
            where=where,
            fix="install the newer version" if newer else fix,
        )
