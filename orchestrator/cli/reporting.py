"""``expunge report`` and ``expunge today``."""

from __future__ import annotations

import enum
from pathlib import Path
from typing import Final

import msgspec
from rich.console import Console

from orchestrator.cli import words
from orchestrator.cli.desk import Desk
from orchestrator.cli.screen import table
from orchestrator.cli.writing import new_file
from orchestrator.errors import UsageError
from orchestrator.report import california_paper, period, sections, writing
from orchestrator.report.california import California
from orchestrator.report.document import Document
from orchestrator.report.figures import Report
from orchestrator.report.today import Item, Today
from orchestrator.runtime.clock import SystemClock
from orchestrator.settings import Settings
from orchestrator.store import reporting, statutory, todays
from orchestrator.store.migrate import check as check_tables
from schemas.requests import utc

_PRIVATE: Final = 0o600
TODAY: Final = {
    "deadline_over": "the last day for the answer is over",
    "restriction_due": "look whether it has to stay restricted",
    "transfer_due": "hand the copy to the other controller",
    "incident_open": "an incident is open",
    "mail_waiting": "mails wait until a person says what they are",
    "unknown_key": "sealed to a key that is not held",
    "dead_letter": "events that could not be applied",
    "hold_review_due": "a legal hold has to be looked at again",
}
"""What needs somebody besides requests that stopped."""


class Form(enum.StrEnum):
    """``--format``."""

    HTML = "html"
    PDF = "pdf"
    MARKDOWN = "md"
    CSV = "csv"
    JSON = "json"


def report(desk: Desk, first: str, last: str, log: str | None, form: str | None, file: Path | None) -> int:
    """Write the report of a period, to a new file or to stdout. 0, whatever it says: a report finds no fault.

    Args:
        desk: Screen and settings.
        first: First day.
        last: Last day.
        log: Whose statutory log it is to be; None: the figures of the period.
        form: ``Form``; None: by the name of the file.
        file: A new file; None: stdout.

    Raises:
        UsageError: the period or the form makes no sense, the file exists, or a PDF cannot be made here.
        DependencyError: the store cannot be read.
    """
    chosen = form_of(desk, form, file)
    days = period.read(first, last, utc(SystemClock().now()))
    settings = desk.settings()
    with desk.store(settings) as store:
        check_tables(store.engine)
        if log is not None:
            consumers = statutory.california(store, days)
            paper = california_paper.document(consumers)
            raw = _log(consumers, paper, chosen)
        else:
            found = reporting.report(store, days, _owners(settings))
            paper = sections.document(found)
            raw = written(found, chosen)
    hand_over(desk, raw, file, paper)
    return 0


def hand_over(desk: Desk, raw: bytes, file: Path | None, paper: Document) -> None:
    """Write it to a new file, or to stdout; what has to be seen first is said beside it."""
    if file is None:
        desk.screen.write(raw)
    else:
        with new_file(file, _PRIVATE) as out:
            out.write(raw)
        desk.screen.say(f"wrote {file}: {paper.said}")
    if paper.warning:
        desk.screen.say(paper.warning)


def _log(found: California, paper: Document, form: Form) -> bytes:
    match form:
        case Form.CSV:
            return writing.csv_table(california_paper.COLUMNS, california_paper.log_rows(found)).encode()
        case Form.JSON:
            return as_json(found)
        case _:
            return on_paper(paper, form, found.made_at)


def as_json(found: msgspec.Struct) -> bytes:
    """Give figures as JSON, for programs and for eyes."""
    return msgspec.json.format(msgspec.json.encode(found), indent=2) + b"\n"


def written(found: Report, form: Form) -> bytes:
    """Give a report in one of its forms."""
    match form:
        case Form.CSV:
            return writing.csv_text(found).encode()
        case Form.JSON:
            return as_json(found)
        case _:
            return on_paper(sections.document(found), form, found.made_at)


def on_paper(document: Document, form: Form, made_at: str) -> bytes:
    """Give a document in one of the forms that people read."""
    if form is Form.MARKDOWN:
        return writing.markdown(document).encode()
    from orchestrator.files.reports import html

    if form is Form.HTML:
        return html(document).encode()
    from orchestrator.files.pdf import pdf

    return pdf(html(document), made_at)


def form_of(desk: Desk, form: str | None, file: Path | None) -> Form:
    """What was asked for, or what the name of the file says; without either: Markdown, to be read."""
    if form is not None:
        return Form(form)
    if file is None:
        return Form.JSON if desk.screen.json else Form.MARKDOWN
    suffix = file.suffix.lower().removeprefix(".")
    if suffix == "htm":
        return Form.HTML
    try:
        return Form(suffix)
    except ValueError:
        fix = f"name it .{', .'.join(Form)}, or give --format"
        raise UsageError("the form cannot be told from the file's name", where=str(file), fix=fix) from None


def _owners(settings: Settings) -> dict[str, str]:
    return {one.system: one.owner for one in settings.systems}


def today(desk: Desk) -> int:
    """Say what needs whom, now; 1 if anything does.

    Raises:
        DependencyError: the store cannot be read.
    """
    settings = desk.settings()
    with desk.store(settings) as store:
        check_tables(store.engine)
        found = todays.today(store, utc(SystemClock().now()), _owners(settings))
    desk.screen.data(found, lambda out: _print(out, found))
    if not desk.screen.json:
        desk.screen.say(_sum(found))
    return int(bool(found.items))


def _sum(found: Today) -> str:
    if not found.items:
        return f"nothing needs anybody now; {found.open} requests are open"
    late = sum(one.late for one in found.items)
    who = len({one.who for one in found.items})
    many = "1 thing needs" if len(found.items) == 1 else f"{len(found.items)} things need"
    return f"{many} somebody ({who} {'role' if who == 1 else 'roles'}), {late} late; {found.open} requests are open"


def _print(out: Console, found: Today) -> None:
    for who in dict.fromkeys(one.who for one in found.items):
        mine = [one for one in found.items if one.who == who]
        made = table("by", "request", "what", "what to do")
        for one in mine:
            made.add_row(_by(one), one.request_id or "-", _what(one), one.todo)
        out.print(f"{who} ({len(mine)})", style="bold")
        out.print(made)
        out.print()


def _by(one: Item) -> str:
    return f"{one.by or 'now'}{' LATE' if one.late else ''}"


def _what(one: Item) -> str:
    place = "/".join(filter(None, (one.system, one.record_set)))
    said = TODAY.get(one.what) or words.reason(one.what)
    return said + (f" ({place})" if place else "") + (f": {one.count}" if one.count > 1 else "")
