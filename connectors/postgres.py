"""How a connection to PostgreSQL notices that nobody is at the other end any more.

A host that vanishes (a failover, a lost route) sends no reset. Without these options libpq leaves it to the system,
which waits for about a quarter of an hour where something was sent, and two hours where only an answer is awaited; a
pre-ping hangs as long.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import sqlalchemy as sa

CONNECT_SECONDS: Final = 10
"""Of each address that the host's name leads to."""
UNHEARD_SECONDS: Final = 30
"""Nothing came back for so long, neither to what was sent nor to a probe: the connection is lost."""
_IDLE: Final = 10
_INTERVAL: Final = 5


def options(url: sa.URL, *, unheard: int = UNHEARD_SECONDS, **own: Any) -> Mapping[str, Any]:
    """Give what to connect with; what the URL says itself (``?connect_timeout=3``) has the last word.

    Args:
        url: Of the database.
        unheard: Seconds. Where much is sent before the answer is read (pipeline mode), more than a statement may take:
            a server that is busy and reads nothing meanwhile counts as unheard too (Linux, tcp(7), TCP_USER_TIMEOUT).
        own: More parameters of libpq or psycopg, or others than here.
    """
    given = {
        "connect_timeout": CONNECT_SECONDS,
        "keepalives": 1,
        "keepalives_idle": _IDLE,
        "keepalives_interval": _INTERVAL,
        # Counts only where there is no tcp_user_timeout (it is Linux's; elsewhere libpq passes over it).
        "keepalives_count": max(1, (unheard - _IDLE) // _INTERVAL),
        "tcp_user_timeout": unheard * 1000,
    }
    return {name: value for name, value in (given | own).items() if name not in url.query}
