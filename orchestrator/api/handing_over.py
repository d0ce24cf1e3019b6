"""Links to copies over HTTP: GET shows a page and changes nothing, POST with the code downloads (ADR 47).

An ASGI application (Starlette), to be mounted under any path. It logs no path: the token is in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

from connectors.signals import SILENT, Signals
from orchestrator.api import pages
from orchestrator.engine.handing import Links, Looked, Verdict
from orchestrator.errors import DependencyError
from orchestrator.files.sealed import decrypted

MOST: Final = 1024
"""Bytes of what is posted: one field of a form."""
_STATUS: Final[dict[Verdict, int]] = {
    "good": 200, "no_code": 200, "wrong_code": 403, "code_dead": 403, "ended": 410, "unknown": 404,
}  # fmt: skip


def application(links: Links, folder: Path, signals: Signals = SILENT) -> Starlette:
    """Make the application; its one page is ``/{token}``.

    Args:
        links: What judges a link.
        folder: Where packages are.
        signals: Where it says what it did, without token and code.
    """
    handler = _Handler(links, folder, signals)
    routes = [
        Route("/{token:path}", handler.look, methods=["GET"]),
        Route("/{token:path}", handler.take, methods=["POST"]),
    ]
    return Starlette(routes=routes)


class _Handler:
    def __init__(self, links: Links, folder: Path, signals: Signals) -> None:
        self._links = links
        self._folder = folder
        self._signals = signals

    async def look(self, request: Request) -> Response:
        """Show what a link is worth. Mail scanners come here: nothing is counted or used up."""
        chosen = _language(request)
        try:
            looked = await run_in_threadpool(self._links.look, request.path_params["token"])
        except DependencyError as error:
            return self._away(error, chosen)
        return _page(pages.asked(looked, chosen), _STATUS[looked.verdict])

    async def take(self, request: Request) -> Response:
        """Begin a download, if the code is right."""
        chosen = _language(request)
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > MOST:
                return _page(pages.asked(Looked("unknown"), chosen), 413)
        try:
            looked = await run_in_threadpool(self._links.take, request.path_params["token"], _code(body))
            if looked.verdict == "good":
                try:
                    chunks = await run_in_threadpool(self._opened, looked)
                except DependencyError:
                    await run_in_threadpool(self._links.give_back, request.path_params["token"])
                    raise
                self._signals.log("link.download")
                headers = {**pages.HEADERS, "Content-Disposition": 'attachment; filename="copy.zip"'}
                return StreamingResponse(chunks, media_type="application/zip", headers=headers)
        except DependencyError as error:
            return self._away(error, chosen)
        self._signals.log("link.refused", reason=looked.verdict)
        status = 400 if looked.verdict == "no_code" else _STATUS[looked.verdict]
        return _page(pages.page(looked, chosen), status)

    def _opened(self, looked: Looked) -> Iterator[bytes]:
        """Open the package and decrypt its first chunk, so that what is damaged is told before anything was sent."""
        try:
            raw = (self._folder / looked.file).open("rb")
        except OSError as error:
            raise DependencyError("the access package cannot be read", why=error.strerror or "") from None
        chunks = decrypted(raw, looked.key)
        try:
            first = next(chunks, b"")
        except BaseException:
            raw.close()
            raise
        return _rest(first, chunks, raw.close)

    def _away(self, error: DependencyError, chosen: str) -> Response:
        self._signals.log("link.failed", error=error)
        return _page(pages.away(chosen), 503)


def _rest(first: bytes, chunks: Iterator[bytes], close: Callable[[], None]) -> Iterator[bytes]:
    # What is cut off or altered later breaks the answer off: an unfinished one is no whole file to any browser.
    try:
        yield first
        yield from chunks
    finally:
        close()


def _code(body: bytes) -> str:
    try:
        fields = parse_qs(body.decode("ascii"), max_num_fields=10)
    except ValueError:
        return ""
    return "".join(fields.get("code", [""])[0].split())


def _language(request: Request) -> str:
    return pages.language(request.headers.get("accept-language", ""))


def _page(body: bytes, status: int) -> Response:
    return Response(body, status, pages.HEADERS, media_type="text/html")
