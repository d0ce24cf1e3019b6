"""The small HTTP server of a process: ``/livez``, ``/readyz``, ``/metrics``, and what else the process serves.

Threads, since a probe must not wait for a scrape. Requests are not logged: a path is whatever somebody sent.
"""

from __future__ import annotations

import contextlib
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from typing import Final, NamedTuple

from orchestrator.errors import DependencyError

LARGEST: Final = 1 << 20
"""Bytes of a request's body."""
_SECONDS: Final = 10.0
"""For one client to send its request."""


class Asked(NamedTuple):
    """A request: header names in lower case."""

    headers: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What is sent back."""

    status: int
    body: bytes
    content_type: str = "application/json"


Route = Callable[[Asked], Answer]
"""Must not raise; what it raises is answered by 500 without a word."""
Routes = Mapping[tuple[str, str], Route]
"""(method, path) -> route."""


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], routes: Routes) -> None:
        self.routes = routes
        super().__init__(address, _Handler)

    def handle_error(self, request: object, client_address: object) -> None:
        """Say nothing: a client went away."""


class _Handler(BaseHTTPRequestHandler):
    timeout = _SECONDS
    server: _Server
    server_version = "expunge"
    sys_version = ""
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer("GET")

    def do_HEAD(self) -> None:
        self._answer("GET", send_body=False)

    def do_POST(self) -> None:
        self._answer("POST")

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def _answer(self, method: str, *, send_body: bool = True) -> None:
        path = self.path.partition("?")[0]
        answer = self._called(method, path)
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.body)))
        self.send_header("Cache-Control", "no-store")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if send_body:
            self.wfile.write(answer.body)

    def _called(self, method: str, path: str) -> Answer:
        body = b""
        length = self.headers.get("Content-Length", "0")
        if "Transfer-Encoding" in self.headers or not length.isdecimal():
            self.close_connection = True
            return refused(HTTPStatus.LENGTH_REQUIRED, "send a Content-Length")
        if int(length) > LARGEST:
            self.close_connection = True
            return refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {LARGEST} bytes")
        if int(length):
            body = self.rfile.read(int(length))
        route = self.server.routes.get((method, path))
        if route is None:
            known = any(one == path for _, one in self.server.routes)
            status = HTTPStatus.METHOD_NOT_ALLOWED if known else HTTPStatus.NOT_FOUND
            return refused(status, "another method" if known else "nothing here")
        try:
            return route(Asked({name.lower(): value for name, value in self.headers.items()}, body))
        except Exception:  # noqa: BLE001 - a message could quote what was asked
            return refused(HTTPStatus.INTERNAL_SERVER_ERROR, "a mistake of ours")


def refused(status: HTTPStatus, why: str) -> Answer:
    """Give an answer that says no; ``why`` never quotes what was sent."""
    return Answer(status, f'{{"error": "{why}"}}'.encode())


@contextlib.contextmanager
def serving(host: str, port: int, routes: Routes) -> Iterator[int]:
    """Serve while the block runs; gives the port (one that was free, where ``port`` is 0).

    Raises:
        DependencyError: the address is taken or not ours.
    """
    try:
        server = _Server((host, port), routes)
    except OSError as error:
        raise DependencyError(
            "the health server cannot listen",
            where=f"[telemetry] {host}:{port}",
            why=error.strerror or type(error).__name__,
            fix="choose another port, or 0 for none",
        ) from None
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.2}, name="health", daemon=True)
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=5)
