"""``expunge list``."""

from __future__ import annotations

from typing import Literal

from rich.console import Console
from rich.text import Text

from orchestrator.cli import queries, words
from orchestrator.cli.desk import Desk
from orchestrator.cli.queries import DeadLetter, ObligationRow, ParkedEvent, RequestRow, Totals
from orchestrator.cli.screen import table

What = Literal["all", "open", "attention", "obligations", "dead", "parked"]


def what(chosen: list[str]) -> What:
    """Give the list that was asked for."""
    match chosen:
        case ["open"]:
            return "open"
        case ["attention"]:
            return "attention"
        case ["obligations"]:
            return "obligations"
        case ["dead"]:
            return "dead"
        case ["parked"]:
            return "parked"
        case _:
            return "all"


def show_list(desk: Desk, what: What, limit: int) -> int:
    """Print one list, at most ``limit`` rows of it."""
    with desk.store() as store:
        if what == "obligations":
            owed = queries.obligations(store, limit)
            desk.screen.data(owed, lambda out: _obligations(out, owed))
        elif what == "dead":
            dead = queries.dead_letters(store, limit)
            desk.screen.data(dead, lambda out: _dead(out, dead))
        elif what == "parked":
            parked = queries.parked(store, limit)
            desk.screen.data(parked, lambda out: _parked(out, parked))
        else:
            rows = queries.requests(store, what, limit)
            desk.screen.data(rows, lambda out: _requests(out, rows))
            if not desk.screen.json:
                _sum(desk, queries.totals(store), len(rows), limit)
    return 0


def _sum(desk: Desk, totals: Totals, shown: int, limit: int) -> None:
    more = f"; {shown} shown, --limit shows more" if shown == limit else ""
    mails = f", {totals.mails} mails need a person (`expunge intake mail --waiting`)" if totals.mails else ""
    mails += f", {totals.incidents} incidents are open (`expunge incident list`)" if totals.incidents else ""
    desk.screen.say(
        f"{totals.open} open ({totals.waiting} not begun), {totals.closed} closed, "
        f"{totals.attention} need attention{mails}{more}"
    )


def _requests(out: Console, rows: list[RequestRow]) -> None:
    if not rows:
        return
    made = table("request", "right", "where it stands", "own aim", "answer due", "received")
    for row in rows:
        made.add_row(
            row.request_id, row.right, _standing(row), row.target_on or "-", row.due_on or "-", row.received_at[:10]
        )
    out.print(made)


def _standing(row: RequestRow) -> Text:
    if row.attention:
        return Text(f"{row.phase}, NEEDS ATTENTION", "bold red")
    if row.phase == "closed":
        return Text(f"closed: {(row.result or '').replace('_', ' ')}", "green")
    return Text(row.phase, "yellow")


def _obligations(out: Console, rows: list[ObligationRow]) -> None:
    if not rows:
        return
    made = table("due", "request", "what", "record set", "on which text")
    for row in rows:
        place = "/".join(filter(None, (row.system, row.record_set)))
        made.add_row(
            row.due, row.request_id, words.obligation(row.kind), place, words.text(row.text) if row.text else ""
        )
    out.print(made)


def _dead(out: Console, rows: list[DeadLetter]) -> None:
    if not rows:
        return
    made = table("number", "when", "request", "from", "error")
    for row in rows:
        made.add_row(str(row.id), words.minute(row.observed_at), row.request_id, row.source, row.error)
    out.print(made)


def _parked(out: Console, rows: list[ParkedEvent]) -> None:
    if not rows:
        return
    made = table("since", "request", "why", "tried", "again", "given up")
    for row in rows:
        given_up = words.minute(row.until) if row.until else "never"
        why = _WHY_PARKED.get(row.reason, row.reason)
        again = words.minute(row.retry_at)
        made.add_row(words.minute(row.parked_at), row.request_id, why, str(row.tries), again, given_up)
    out.print(made)


_WHY_PARKED = {
    "unknown_key": "sealed to a key that is not held: restore it",
    "too_early": "what it belongs to is not known yet",
}
