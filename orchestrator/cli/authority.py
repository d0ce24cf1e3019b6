"""``expunge bundle``: what an authority needs of some requests, or of a period, in one file that holds alone."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any, Final

from orchestrator.cli import case_files, claiming, queries
from orchestrator.cli.case_files import Case
from orchestrator.cli.desk import Desk
from orchestrator.errors import UsageError
from orchestrator.files import bundles
from orchestrator.runtime import exporting
from orchestrator.runtime.clock import SystemClock
from orchestrator.settings import Settings
from schemas.requests import utc

_MOST: Final = 65_000
"""Files; a zip without extensions has at most 65,535, and the second verifier reads no other."""


def bundle(
    desk: Desk, request_ids: list[str], target: Path, first: str | None, last: str | None, receipts: str | None = None
) -> int:
    """Write the bundle. ``receipts``: of the requests that a person's receipts open, and of no other.

    Raises:
        UsageError: no such request, nothing in the period, too much of it, or the target exists.
    """
    period = first is not None or last is not None
    since, until = _day(first, "--from"), _day(last, "--to")
    if since and until and since > until:
        raise UsageError("the period ends before it begins", where=f"{since} to {until}", fix="swap --from and --to")
    if target.exists():
        raise UsageError("there is something of this name already", where=str(target), fix="give another name")
    if receipts is not None:
        request_ids = claiming.claimed(desk, receipts)
    settings = desk.settings()
    keys = desk.own_keys(settings)
    with desk.store(settings) as store:
        begun = list(dict.fromkeys(request_ids))
        waiting: list[str] = []
        if period:
            begun, waiting = queries.received(store, since, until)
            if not begun:
                said = " to ".join((since or "the beginning", until or "today"))
                more = f"{len(waiting)} wait for their first `expunge run`" if waiting else ""
                raise UsageError(f"no request was received from {said}", why=more, fix="see `expunge list`")
        pages = [queries.page(store, one) for one in begun]
        with store.read() as tx:
            held = exporting.evidence(tx, begun, lenient=period)
            numbers = held.numbers()
            cases = [Case(page, numbers.get(page.state.request_id, ()), f"{at:05}") for at, page in enumerate(pages, 1)]
            about: dict[str, Any] = {
                "made_at": utc(SystemClock().now()),
                "period": period,
                "from": since,
                "to": until,
                "not_in_ledger": [one for one in begun if one not in numbers],
                "not_begun": waiting,
                "deleted": tx.retired_in(since, until) if period else [],
            }
            more_files = case_files.files(tx, cases, about, _policy(settings))
    files = exporting.bundled(held, keys, more_files)
    if len(files) > _MOST:
        fix = "take a shorter period"
        raise UsageError(f"too much for one bundle: {len(cases)} requests, {len(files)} files", fix=fix)
    bundles.write(target, files)
    data = {"bundle": str(target), "requests": len(cases), "files": len(files), **about}
    desk.screen.data(data, lambda out: out.print(f"{target}: {len(cases)} requests", soft_wrap=True))
    for what, names in (
        ("not in the ledger yet", about["not_in_ledger"]),
        ("not begun", waiting),
        ("deleted at the end of their retention", about["deleted"]),
    ):
        if names:
            desk.screen.say(f"{what}: {', '.join(names)}")
    return 0


def _day(text: str | None, option: str) -> str:
    if text is None:
        return ""
    try:
        return dt.date.fromisoformat(text).isoformat()
    except ValueError:
        raise UsageError(f"{text!r} is no date", where=option, fix=f"e.g. {option} 2026-01-31") from None


def _policy(settings: Settings) -> bytes | None:
    if not settings.policy.file:
        return None
    file = settings.home / settings.policy.file
    try:
        return file.read_bytes()
    except OSError as error:
        fix = "see `[policy] file` in expunge.toml"
        raise UsageError("the policy file cannot be read", where=str(file), why=error.strerror or "", fix=fix) from None
