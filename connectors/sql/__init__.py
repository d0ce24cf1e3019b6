"""Reference connector for SQL databases: a CRM, an HR system. SQLite, and PostgreSQL through psycopg.

Where to look: ``datamap`` (what a team writes), ``checks`` and ``references`` (the map against the real schema),
``plan`` and ``building`` (the compiled map), ``finding``, ``fates``, ``erasing``, ``looking`` (the work).
May touch the database of its system and nothing else.
"""

from __future__ import annotations

from collections.abc import Callable

from connectors.contract import Connector
from connectors.settings import SystemSettings


def connector(settings: SystemSettings) -> Callable[[], Connector]:
    """Read settings and data map, and give the function that opens a connector on a fresh connection.

    Options: ``url`` (a SQLAlchemy URL; a relative SQLite path is relative to ``settings.base``) or ``url_env`` (the
    environment variable that holds it); ``lock_timeout`` in seconds, 5 by default.

    Raises:
        MisconfiguredError: wrong options or data map. The schema is checked by ``Connector.check``.
    """
    from connectors.sql.adapter import Opener, System
    from connectors.sql.datamap import read_map
    from connectors.sql.engine import make_engine, sqlite_file

    engine, timeout = make_engine(settings)
    system = System(engine, read_map(settings.map_file), timeout, sqlite_file(settings))
    return Opener(system)
