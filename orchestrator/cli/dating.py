"""``expunge deadline``: by when a request has to be answered, and why; for anybody, without a home."""

from __future__ import annotations

import datetime as dt
from typing import Any, Final

from rich.console import Console
from rich.text import Text

from orchestrator.cli.screen import Screen, table
from orchestrator.law.calendars import WEEKDAYS, UndatableError
from orchestrator.law.deadlines import Deadline, Extension, answer_due, extension_on
from orchestrator.law.questions import Pause, Question, date_of_receipt
from orchestrator.law.regimes import REASONS
from orchestrator.law.texts import LIBRARY
from orchestrator.law.wording import date_words

_OPTIONS: Final = {
    "received": "--received",
    "calendars": "--calendar",
    "right": "--right",
    "pauses": "--pause",
    "extended_on": "--extended",
    "as_of": "--on",
}
"""Fields of a question, as they are called on the command line."""

_REGIMES: Final = {"eu": "EU GDPR", "uk": "UK GDPR", "california": "California"}


def deadline(
    screen: Screen,
    received: str,
    calendars: list[str],
    right: str,
    *,
    extended: bool,
    pauses: list[str],
    on: str | None,
) -> int:
    """Print a date with its trace.

    Raises:
        UndatableError: names the option that is wrong, and what to write instead.
    """
    try:
        day = date_of_receipt(received, tuple(calendars))
        question = Question(
            right=right,
            received=received,
            calendars=tuple(calendars),
            pauses=tuple(_pause(one) for one in pauses),
            extended_on=day if extended else None,
            as_of=_day(on, "as_of") if on else None,
        )
        found = answer_due(question)
        extension = extension_on(question, question.as_of) if question.as_of else None
    except UndatableError as error:
        where = _OPTIONS.get(error.field, error.field)
        raise UndatableError(where, error.what, why=error.why, fix=error.fix) from None
    screen.data(_data(found, extension), lambda out: _print(out, found, extension))
    return 0


def _pause(text: str) -> Pause:
    """Read ``FROM..TO`` or ``FROM..`` (still waiting), with ``,REASON`` after it if it is not about the identity."""
    days, comma, reason = text.partition(",")
    begun, dots, ended = days.partition("..")
    if not dots or not begun or (comma and not reason):
        raise UndatableError(
            "pauses",
            f"{text!r} is not a pause",
            fix=f"write 2026-02-03..2026-02-10, or 2026-02-03.. while it lasts; after it ,{'|'.join(REASONS)}",
        )
    return Pause(_day(begun, "pauses"), _day(ended, "pauses") if ended else None, reason or REASONS[0])


def _day(text: str, field: str) -> dt.date:
    """Read a date, or the UTC date of a moment."""
    try:
        return date_of_receipt(text, ())
    except UndatableError as error:
        raise UndatableError(field, error.what, why=error.why, fix=error.fix) from None


def _data(found: Deadline, extension: Extension | None) -> dict[str, Any]:
    data: dict[str, Any] = {
        "due": found.due,
        "weekday": WEEKDAYS[found.due.weekday()],
        "rule": found.rule,
        "calendar": found.calendar,
        "regime": found.regime,
        "received": found.received,
        "extended": found.extended,
        "waiting": found.waiting,
        "notice_by": found.notice_by,
        "confirm_by": found.confirm_by,
        "target_by": found.target_by,
        "trace": found.trace,
    }
    if extension is not None:
        data["extension"] = {"allowed": extension.allowed, "reason": extension.reason}
    return data


def _print(out: Console, found: Deadline, extension: Extension | None) -> None:
    lines = [("due", _long(found.due)), ("by", f"{_REGIMES[found.regime]}, calendar {found.calendar}")]
    if found.waiting:
        lines.append(("waiting", "a pause is open: the date moves when it ends"))
    if found.extended:
        lines.append(("extended", f"the person had to be told by {_long(found.notice_by or found.due)}"))
    elif found.notice_by is not None:
        lines.append(("extension", f"if there is one, the person has to be told by {_long(found.notice_by)}"))
    else:
        lines.append(("extension", "none"))
    if extension is not None and not found.extended:
        lines.append(("", extension.reason))
    if found.confirm_by is not None:
        lines.append(("confirm", f"receipt by {_long(found.confirm_by)}"))
    lines.append(("aim", f"{_long(found.target_by)}, without undue delay"))
    for name, said in lines:
        out.print(Text.assemble((f"{name:<11}", "dim"), (said, "bold" if name == "due" else "")), soft_wrap=True)
    out.print()
    shown = table("calendar", "date after it", "what happened", "text")
    for one in found.trace:
        shown.add_row(
            one.calendar, f"{WEEKDAYS[one.day.weekday()][:3]} {date_words(one.day)}", one.what, _name(one.text)
        )
    out.print(shown)


def _long(day: dt.date) -> str:
    return f"{WEEKDAYS[day.weekday()]} {date_words(day)}"


def _name(text: str) -> str:
    return LIBRARY[text].short if text else ""
