"""``expunge hold place|release|list``: the registry of legal holds. Identifiers come from a file or stdin only (I4)."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
from rich.console import Console

from orchestrator.cli import words
from orchestrator.cli.desk import Desk
from orchestrator.cli.mapped import Mapped
from orchestrator.cli.screen import table
from orchestrator.engine import holds
from orchestrator.engine.holds import Order
from orchestrator.errors import UsageError
from orchestrator.ports import HoldRow
from orchestrator.runtime import policies
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.store.migrate import check as check_tables
from schemas.codec import decode_identifiers
from schemas.errors import SchemaError
from schemas.identifiers import Identifier
from schemas.requests import utc


def place(desk: Desk, order: Order, person_file: str | None) -> int:
    """Place a hold; prints its id.

    Raises:
        UsageError: something is missing or wrong; nothing is written then.
    """
    if person_file is not None:
        order = msgspec.structs.replace(order, identifiers=person(person_file))
    settings = desk.settings()
    with desk.store(settings) as store:
        check_tables(store.engine)
        register = policies.of(settings)
        own = None if register is None else {f"policy:{one.id}": one.months or 0 for one in register.document.retention}
        places = Mapped(settings).places()
        told = holds.place(store, SystemClock(), desk.own_keys(settings), chance, order, places, own)
    desk.screen.data(told, lambda out: out.print(told.hold_id))
    desk.screen.say(f"{_open(told.requests)} told, with the next turn of the orchestrator; new ones find it")
    return 0


def release(desk: Desk, hold_id: str, role: str) -> int:
    """Release a hold.

    Raises:
        UsageError: no such hold, or it was released before.
    """
    with desk.store() as store:
        check_tables(store.engine)
        told = holds.release(store, SystemClock(), hold_id, role)
    desk.screen.data(told, lambda out: out.print(f"{told.hold_id} is released"))
    desk.screen.say(f"{_open(told.requests)} decided afresh with the next turn of the orchestrator")
    return 0


def _open(requests: int) -> str:
    return "1 request is" if requests == 1 else f"{requests} requests are"


def show(desk: Desk) -> int:
    """List the holds; 1 if somebody has to look at one again."""
    today = utc(SystemClock().now())[:10]
    with desk.store() as store:
        check_tables(store.engine)
        with store.read() as tx:
            rows = tx.holds()
    data = [msgspec.structs.asdict(one) | {"review_due": holds.due(one, today)} for one in rows]
    desk.screen.data(data, lambda out: _print(out, rows, today))
    return int(any(holds.due(one, today) for one in rows))


def _print(out: Console, rows: list[HoldRow], today: str) -> None:
    if not rows:
        return
    made = table("hold", "about", "why", "owner", "placed", "look again by")
    for one in rows:
        standing = one.review_by + ("  REVIEW DUE" if holds.due(one, today) else "")
        if one.released_at is not None:
            standing = f"released {one.released_at[:10]} by {one.released_by}"
        why = f"{one.reason.replace('_', ' ')}, {words.text(one.text)}"
        made.add_row(one.hold_id, _about(one), why, one.owner, one.placed_at[:10], standing)
    out.print(made)


def _about(one: HoldRow) -> str:
    whom = "one person" if one.by_person else "everybody"
    what = f" in {one.scope}" if one.scope else ""
    when = f", {one.anchor_from or '...'} to {one.anchor_to or '...'}" if one.anchor_from or one.anchor_to else ""
    return f"{whom}{what}{when}"


def person(source: str) -> tuple[Identifier, ...]:
    """Read the identifiers of one person, as JSON, from a file or (``-``) from stdin.

    Raises:
        UsageError: it cannot be read, or holds none.
    """
    try:
        raw = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
    except OSError as error:
        raise UsageError("the file of identifiers cannot be read", where=source, why=error.strerror or "") from None
    try:
        return decode_identifiers(raw)
    except SchemaError as error:
        # Never what was read: it leads to somebody.
        fix = '[{"kind": "email", "value": "..."}]'
        raise UsageError("these are no identifiers", where=source, why=type(error).__name__, fix=fix) from None
