"""``expunge task``: who has to be asked or told, and the text that goes to them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from rich.console import Console
from rich.text import Text

from orchestrator.cli import queries, task_text, words
from orchestrator.cli.desk import Desk
from orchestrator.cli.screen import table
from orchestrator.cli.writing import new_file
from orchestrator.core import recipients
from orchestrator.core.recipient_task import RecipientTask
from orchestrator.engine.capsule import Capsule, CapsuleBox
from orchestrator.engine.stored import StoredPlans, read_state
from orchestrator.errors import UsageError
from orchestrator.runtime.clock import SystemClock, chance
from orchestrator.store import tables as t
from orchestrator.store.store import SqlStore
from schemas.requests import utc


class TaskRow(msgspec.Struct):
    """One task. ``state``: to_send, sent, overdue, done, kept, told, not_told."""

    request_id: str
    recipient: str
    role: str
    does: str
    due: str
    state: str
    sent_on: str | None
    owner: str


def show_all(desk: Desk, *, everything: bool, limit: int) -> int:
    """Print the tasks of open requests, by day; 1 if one is overdue."""
    with desk.store() as store:
        found = rows(store, utc(SystemClock().now())[:10], limit)
    shown = [one for one in found if everything or one.state in {"to_send", "sent", "overdue"}]
    desk.screen.data(shown, lambda out: _print(out, shown))
    return 1 if any(one.state == "overdue" for one in shown) else 0


def rows(store: SqlStore, today: str, limit: int) -> list[TaskRow]:
    """Give the tasks of the open requests that are due first."""
    c = t.requests.c
    query = sa.select(c.request_id, c.state).where(c.phase.in_(("acting", "discovering", "deciding", "reviewing")))
    found: list[TaskRow] = []
    with store.read() as tx:
        plans = StoredPlans()
        for request_id, blob in tx.connection.execute(query.order_by(c.due_on, c.request_id).limit(limit)):
            state = read_state(request_id, blob)
            plan = plans.get(tx, state.plan_sha256)
            found += [
                TaskRow(
                    request_id,
                    name,
                    one.role,
                    one.does,
                    one.due,
                    stands(one, today),
                    one.sent_at or None,
                    recipients.owner(plan, name),
                )
                for name, one in sorted(state.recipients.items())
            ]
    return sorted(found, key=lambda one: (one.due, one.request_id, one.recipient))


def stands(one: RecipientTask, today: str) -> str:
    """Say in a word how far a task is."""
    if one.why_not:
        return "not_told"
    if one.outcome is not None:
        return {"attested": "done", "kept": "kept", "notified": "told"}[str(one.outcome.__struct_config__.tag)]
    if one.due < today:
        return "overdue"
    return "sent" if one.sent_at else "to_send"


def _print(out: Console, found: list[TaskRow]) -> None:
    if not found:
        return
    made = table("answer by", "request", "who", "what", "where it stands", "owner")
    for one in found:
        style = "bold red" if one.state == "overdue" else ""
        made.add_row(
            one.due, one.request_id, f"{one.recipient} ({one.role})", one.does,
            Text(one.state.replace("_", " "), style), one.owner,
        )  # fmt: skip
    out.print(made)


def show(desk: Desk, request_id: str, name: str, *, reveal: bool, file: Path | None) -> int:
    """Print one task and its text, or write the text into a new file.

    Raises:
        UsageError: no such request or task, the file exists, or nothing leads to the person any more.
    """
    settings = desk.settings()
    with desk.store(settings) as store:
        page = queries.page(store, request_id)
        with store.read() as tx:
            sealed = tx.capsules([request_id]).get(request_id)
    state = page.state
    task = state.recipients.get(name)
    if task is None:
        known = ", ".join(sorted(state.recipients)) or "none yet"
        fix = f"`expunge task list` shows them; here: {known}"
        raise UsageError(f"{name!r} has no task", where=f"request {request_id}", fix=fix)
    capsule = None
    if reveal:
        if sealed is None or not task.open:
            why = "nothing is to be sent any more" if not task.open else "nothing leads to the person any more"
            raise UsageError("its identifiers are not shown", where=f"request {request_id}", why=why)
        capsule = CapsuleBox(desk.own_keys(settings).store, chance).open(request_id, sealed)
    text = _text(page, name, task, capsule)
    if file is not None:
        with new_file(file, 0o600) as out:
            out.write(f"Subject: {text.subject}\n\n{text.body}".encode())
        note = "; it is personal data in clear: hand it over, then delete it" if reveal else ""
        desk.screen.say(f"written to {file}{note}")
        return 0
    today = utc(SystemClock().now())[:10]
    data = as_data(name, task, today) | {"subject": text.subject, "text": text.body}

    def show_it(out: Console) -> None:
        out.print(f"{line(name, task, today)}\n")
        out.print(f"Subject: {text.subject}\n\n{text.body}", markup=False, highlight=False, soft_wrap=True, end="")

    desk.screen.data(data, show_it)
    return 0


def _text(page: queries.Page, name: str, task: RecipientTask, capsule: Capsule | None) -> task_text.Text:
    if capsule is None:
        return task_text.written(page.plan, page.state, name, task, None, {})
    refs = tuple(ref for ref in task.refs if ref in capsule.identifiers)
    return task_text.written(page.plan, page.state, name, task, capsule.values(refs), capsule.corrections)


def as_data(name: str, one: RecipientTask, today: str) -> dict[str, Any]:
    """Give what ``-o json`` prints of a task. References of identifiers stay out."""
    return {
        "recipient": name,
        "role": one.role,
        "does": one.does,
        "record_sets": one.sets,
        "due": one.due,
        "state": stands(one, today),
        "sent_on": one.sent_at or None,
        "found": one.found,
        "outcome": msgspec.to_builtins(one.outcome),
        "why_not": one.why_not or None,
        "document_sha256": one.document_sha256 or None,
    }


def line(name: str, one: RecipientTask, today: str) -> str:
    """Say in one line what a processor or recipient is asked, and how far that is."""
    sent = f", written to on {one.sent_at}" if one.sent_at else ""
    found = f"; it found {one.found}" if one.found is not None else ""
    if one.outcome is not None:
        # Whoever keeps something, nobody has looked: it is a word.
        return f"{name} ({one.role}){sent}: {words.outcome(one.outcome)}{found}"
    if one.why_not:
        return f"{name} ({one.role}): {one.why_not}"
    state = {"overdue": "NO ANSWER", "sent": "waited for", "to_send": "NOT SENT YET"}[stands(one, today)]
    return f"{name} ({one.role}), {one.does}{sent}: {state}, answer wanted by {one.due}"
