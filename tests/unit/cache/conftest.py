from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from redis import Redis

from connectors.testing.people import SUBJECT
from orchestrator.cache.suppression import SuppressionCache
from tests.support.rig import PLAIN, PostgresRig, Rig, Templates


@pytest.fixture(params=["sqlite", "postgres"])
def rig(request: pytest.FixtureRequest, tmp_path: Path, templates: Templates) -> Iterator[Rig]:
    """The store that suppressions lie in: whichever it is, the same is promised."""
    home = tmp_path / "home"
    made = (
        Rig(home, templates, PLAIN, suppression_days=30)
        if request.param == "sqlite"
        else PostgresRig(home, templates, request.getfixturevalue("postgres"), PLAIN, suppression_days=30)
    )
    made.seed(SUBJECT)
    yield made
    made.close()


@pytest.fixture
def redis(redis_url: str) -> Iterator[Redis]:
    client = Redis.from_url(redis_url)
    client.flushdb()
    yield client
    client.flushdb()
    client.close()


@pytest.fixture
def cache(redis: Redis) -> SuppressionCache:
    return SuppressionCache(redis)


class Line:
    """A TCP line to a server that can be cut and mended."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._target = (parts.hostname or "127.0.0.1", parts.port or 6379)
        self._up = True
        self._pairs: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"redis://127.0.0.1:{self._server.getsockname()[1]}{parts.path}"
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                one, _ = self._server.accept()
                if not self._up:
                    one.close()
                    continue
                other = socket.create_connection(self._target)
                self._pairs += [one, other]
                for source, sink in ((one, other), (other, one)):
                    threading.Thread(target=self._pump, args=(source, sink), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for one in (source, sink):
            with suppress(OSError):
                one.close()

    def cut(self) -> None:
        self._up = False
        for one in self._pairs:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        self._pairs.clear()

    def mend(self) -> None:
        self._up = True

    def close(self) -> None:
        self.cut()
        self._server.close()


@pytest.fixture
def line(redis_url: str, redis: Redis) -> Iterator[Line]:
    one = Line(redis_url)
    yield one
    one.close()
