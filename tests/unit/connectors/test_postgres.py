"""A host that vanishes is noticed: the options are in force on the sockets of the store and of a SQL system alike."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from psycopg import pq
from psycopg.conninfo import make_conninfo

from connectors.settings import SystemSettings
from connectors.sql.engine import keeping, make_engine
from orchestrator.store.postgres import STATEMENT_SECONDS, open_postgres

pytestmark = pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="an option of Linux")

Opened = Callable[[str], sa.Engine]


class Seen(Exception):
    """What a connection would have been made with."""


def a_system(url: str) -> sa.Engine:
    return make_engine(SystemSettings("crm", Path("crm.toml"), Path(), {"url": url}))[0]


def a_system_that_holds(url: str) -> sa.Engine:
    return keeping(a_system(url))


def the_store(url: str) -> sa.Engine:
    return open_postgres(sa.make_url(url).set(drivername="postgresql+psycopg"))


@pytest.fixture
def port() -> Iterator[int]:
    """Of a server that takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def parameters(engine: sa.Engine) -> dict[str, Any]:
    def seen(dialect: Any, record: Any, positional: Any, named: dict[str, Any]) -> None:
        raise Seen(named)

    sa.event.listen(engine, "do_connect", seen)
    with pytest.raises(Seen) as caught:
        engine.connect()
    named: dict[str, Any] = caught.value.args[0]
    return named


def in_force(engine: sa.Engine) -> dict[str, int]:
    """Let libpq make the socket, and ask the system what is set on it."""
    of_libpq = {one.keyword.decode() for one in pq.Conninfo.get_defaults()}  # the others are psycopg's own
    named = {name: value for name, value in parameters(engine).items() if name in of_libpq}
    begun = pq.PGconn.connect_start(make_conninfo("", **named).encode())
    try:
        with socket.socket(fileno=socket.dup(begun.socket)) as one:
            return {
                "keepalive": one.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                "idle": one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE),
                "interval": one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL),
                "count": one.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPCNT),
                "unheard": one.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT),
            }
    finally:
        begun.finish()


@pytest.mark.parametrize(
    ("opened", "unheard", "count", "connect"),
    [(a_system, 30, 4, 10), (a_system_that_holds, 30, 4, 10), (the_store, STATEMENT_SECONDS + 10, 12, 5)],
)
def test_a_vanished_host_is_noticed(port: int, opened: Opened, unheard: int, count: int, connect: int) -> None:
    engine = opened(f"postgresql://nobody@127.0.0.1:{port}/none")
    assert in_force(engine) == {
        "keepalive": 1, "idle": 10, "interval": 5, "count": count, "unheard": unheard * 1000,
    }  # fmt: skip
    assert parameters(engine)["connect_timeout"] == connect


@pytest.mark.parametrize("opened", [a_system, a_system_that_holds, the_store])
def test_the_url_has_the_last_word(port: int, opened: Opened) -> None:
    url = f"postgresql://nobody@127.0.0.1:{port}/none?tcp_user_timeout=9000&keepalives_idle=7&connect_timeout=3"
    found = in_force(opened(url))
    assert (found["unheard"], found["idle"], found["interval"]) == (9000, 7, 5)
    assert int(parameters(opened(url))["connect_timeout"]) == 3
