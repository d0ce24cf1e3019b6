"""``expunge link``: links by which a person fetches their copy (ADR 47). Token and code are told once, on stdout."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import msgspec
from rich.console import Console
from rich.text import Text

from orchestrator import telemetry
from orchestrator.cli import words
from orchestrator.cli.desk import Desk
from orchestrator.cli.guard import INTERRUPTED
from orchestrator.cli.screen import table
from orchestrator.engine.handing import Links
from orchestrator.errors import DependencyError, UsageError
from orchestrator.ports import LinkRow
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.settings import Settings
from orchestrator.store.migrate import check as check_tables


class Wanted(msgspec.Struct, frozen=True):
    """How a link is to be."""

    role: str
    days: int
    downloads: int
    verified_again: bool


@contextlib.contextmanager
def _links(desk: Desk, settings: Settings) -> Iterator[Links]:
    with desk.store(settings) as store:
        check_tables(store.engine)
        yield Links(store, desk.own_keys(settings), SystemClock(), chance)


def make(desk: Desk, request_id: str, wanted: Wanted) -> int:
    """Make a link.

    Raises:
        UsageError: no such request or copy, or it is not to be handed out.
    """
    settings = desk.settings()
    base = _base(settings)
    with _links(desk, settings) as links:
        made = links.make(
            request_id,
            wanted.role,
            days=wanted.days,
            downloads=wanted.downloads,
            verified_again=wanted.verified_again,
        )
    address = f"{base}/{made.token}"
    data = {"link": made.link_id, "url": address, "code": made.code} | {
        "expires_at": made.expires_at, "code_until": made.code_until, "downloads": made.downloads,
    }  # fmt: skip

    def show(out: Console) -> None:
        out.print(Text(address), soft_wrap=True)
        out.print(f"code: {made.code[:4]} {made.code[4:]}")
        out.print()
        out.print(f"link {made.link_id}, until {words.minute(made.expires_at)}, for {made.downloads} downloads")
        out.print(f"the code works until {words.minute(made.code_until)}; send it another way than the link")
        out.print("neither is told again: `expunge link code` makes another code")

    desk.screen.data(data, show)
    return 0


def listed(desk: Desk, request_id: str) -> int:
    """List the links of a request."""
    settings = desk.settings()
    with _links(desk, settings) as links:
        found = links.of(request_id)
    now = SystemClock().now().isoformat()

    def show(out: Console) -> None:
        made = table("link", "made", "works until", "downloads", "refused", "state")
        for one in found:
            used = f"{one.begun} of {one.begun + one.left}"
            until = words.minute(one.expires_at)
            made.add_row(one.link_id, words.minute(one.made_at), until, used, str(one.refused), _state(one, now))
        out.print(made if found else "no link")

    desk.screen.data([_plain(one, now) for one in found], show)
    return 0


def _plain(one: LinkRow, now: str) -> dict[str, Any]:
    shown = {name: value for name, value in msgspec.structs.asdict(one).items() if name not in ("token_sha256", "code")}
    return shown | {"state": _state(one, now)}


def _state(one: LinkRow, now: str) -> str:
    if one.revoked_at is not None:
        return "revoked"
    if now >= one.expires_at:
        return "expired"
    if one.left <= 0:
        return "used up"
    return "needs a new code" if one.tries <= 0 or now >= one.code_until else "open"


def code(desk: Desk, link_id: str) -> int:
    """Make a new code.

    Raises:
        UsageError: no such link, or it opens nothing more.
    """
    with _links(desk, desk.settings()) as links:
        made, row = links.new_code(link_id)

    def show(out: Console) -> None:
        out.print(f"code: {made[:4]} {made[4:]}")
        out.print(f"it works until {words.minute(row.code_until)}; send it another way than the link")

    desk.screen.data({"link": link_id, "code": made, "code_until": row.code_until}, show)
    return 0


def revoke(desk: Desk, link_id: str) -> int:
    """Let a link open nothing more.

    Raises:
        UsageError: no such link.
    """
    with _links(desk, desk.settings()) as links:
        links.revoke(link_id)
    desk.screen.say(f"link {link_id} opens nothing any more")
    return 0


def serve(desk: Desk) -> int:
    """Answer links until stopped.

    Raises:
        UsageError: [web] is missing, or the extra is not installed. DependencyError: the port is taken.
    """
    settings = desk.settings()
    _base(settings)
    try:
        import uvicorn

        from orchestrator.api.handing_over import application
    except ImportError:
        raise UsageError("the program serves no pages", fix="pip install 'expunge[web]'") from None
    with (
        _links(desk, settings) as links,
        telemetry.running(settings.telemetry, "link", needs=()) as signals,
    ):
        app = application(links, settings.exports, signals)
        # No access log: the token is in the path. Its own log says nothing below a warning.
        server = uvicorn.Server(
            uvicorn.Config(
                app,
                host=settings.web.host,
                port=settings.web.port,
                access_log=False,
                log_level="warning",
                server_header=False,
                lifespan="off",
            )
        )
        desk.screen.say(f"answering on {settings.web.host}:{settings.web.port}; Ctrl-C ends")
        try:
            server.run()
        except SystemExit:
            where = f"{settings.web.host}:{settings.web.port}"
            raise DependencyError("the pages cannot be served", where=where, fix="is the port taken?") from None
        except KeyboardInterrupt:
            return INTERRUPTED
    return 0


def _base(settings: Settings) -> str:
    if not settings.web.url:
        fix = 'url = "https://privacy.example.org/copy" under [web], as people reach it'
        raise UsageError("where links lead is not configured", where=str(settings.file), fix=fix)
    return settings.web.url.rstrip("/")
