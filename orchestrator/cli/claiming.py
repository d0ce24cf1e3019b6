"""``expunge receipt`` and ``expunge claim``: give a receipt again, and find the requests that one opens (ADR 43)."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from orchestrator.cli import asking, queries, showing
from orchestrator.cli.desk import Desk
from orchestrator.engine import receipts
from orchestrator.errors import UsageError
from orchestrator.runtime.clock import chance
from orchestrator.store.store import SqlStore
from schemas.receipts import commitment


def receipt(desk: Desk, request_id: str) -> int:
    """Print the receipt of an open request, for whoever made it and for nobody else.

    Raises:
        UsageError: no such request, or its receipt is not kept.
    """
    settings = desk.settings()
    keys = desk.own_keys(settings)
    with desk.store(settings) as store:
        found = receipts.given(store, keys, chance, request_id)
    data = {"request_id": request_id, "receipt": found, "receipt_sha256": commitment(found)}
    desk.screen.data(data, lambda out: out.print(found))
    return 0


def claim(desk: Desk) -> int:
    """Show the requests that the given receipts open; 1 if one of these opens nothing.

    Raises:
        UsageError: no receipt is given, or one is mistyped.
    """
    shown = asking.shown()
    settings = desk.settings()
    keys = desk.own_keys(settings)
    with desk.store(settings) as store:
        with store.read() as tx:
            found = receipts.opened(tx, keys, shown)
        pages, waiting = _pages(store, [one for some in found.values() for one in some])
    nothing = [number for number, one in enumerate(shown, 1) if not found[one]]
    data: dict[str, Any] = {
        "requests": [showing.as_data(one) for one in pages],
        "not_begun": waiting,
        "opens_nothing": nothing,
    }

    def show(out: Console) -> None:
        for at, one in enumerate(pages):
            if at:
                out.print()
            showing.print_page(out, one)

    desk.screen.data(data, show)
    for one in waiting:
        desk.screen.say(f"request {one} was taken in and is not begun; `expunge run` works on it")
    for number in nothing:
        which = f"receipt {number} of {len(shown)}" if len(shown) > 1 else "the receipt"
        desk.screen.say(f"{which} is a right one, and opens no request here")
    return 1 if nothing else 0


def _pages(store: SqlStore, request_ids: list[str]) -> tuple[list[queries.Page], list[str]]:
    with store.read() as tx:
        begun = tx.states(request_ids)
    pages = [queries.page(store, one) for one in dict.fromkeys(request_ids) if one in begun]
    return pages, [one for one in dict.fromkeys(request_ids) if one not in begun]


def claimed(desk: Desk, given: str) -> list[str]:
    """Give the ids of the requests that the given receipts open; each has to open one.

    Raises:
        UsageError: none is given, one is mistyped, or one opens nothing.
    """
    shown = asking.shown(given)
    settings = desk.settings()
    keys = desk.own_keys(settings)
    with desk.store(settings) as store, store.read() as tx:
        found = receipts.opened(tx, keys, shown)
    for number, one in enumerate(shown, 1):
        if not found[one]:
            what = f"receipt {number} of {len(shown)} is a right one, and opens no request here"
            raise UsageError(
                what, where="--receipt", fix="ask the person which company it is of; `expunge claim` tries one"
            )
    return list(dict.fromkeys(one for some in found.values() for one in some))
