"""A report as Markdown and as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

from orchestrator.report.figures import Report
from orchestrator.report.sections import NOTES, glance, sections
from orchestrator.report.wording import day, minute

TITLE: Final = "Requests of data subjects"
EMPTY: Final = "Nothing was received and nothing was completed in this period."
_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|])")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def period_words(report: Report) -> str:
    """Say which period it is, and whether it is over."""
    days = f"{day(report.first)} to {day(report.last)}"
    return f"{days}; made on {minute(report.made_at)}" + ("" if report.over else ", so the last day is not over")


def markdown(report: Report) -> str:
    """Give the report in Markdown (CommonMark, with the tables of GitHub)."""
    return "\n".join(_markdown(report)) + "\n"


def _markdown(report: Report) -> Iterator[str]:
    yield from (f"# {TITLE}", "", f"{_safe(period_words(report))}.", "")
    if report.empty:
        yield from (f"**{EMPTY}**", "")
    yield from (f"- **{_safe(figure)}** {_safe(what)}" for figure, what in glance(report))
    for one in sections(report):
        yield from ("", f"## {_safe(one.title)}", "")
        if one.said:
            yield from (_safe(one.said), "")
        if one.rows:
            yield _row(one.columns)
            yield _row(["---:" if place >= one.numbers else "---" for place in range(len(one.columns))], safe=False)
            yield from map(_row, one.rows)
        else:
            yield "None."
        if one.after:
            yield from ("", _safe(one.after))
    yield from ("", "## How it was counted", "")
    yield from (f"- {_safe(note)}" for note in NOTES)


def _row(cells: Any, *, safe: bool = True) -> str:
    return f"| {' | '.join(_safe(one) if safe else one for one in cells)} |"


def _safe(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split(" ")).replace("\n", " "))


def csv_text(report: Report) -> str:
    """Give the report as CSV (RFC 4180): table, row, field, value; tables and fields are those of the JSON form."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n")
    write.writerow(("table", "row", "field", "value"))
    for name, value in msgspec.to_builtins(report).items():
        for row, field, cell in _cells(value):
            write.writerow((name, row, field, _cell(cell)))
    return out.getvalue()


def _cells(value: Any) -> Iterator[tuple[int, str, Any]]:
    """Give (row, field, value); a table has rows from 1 on, a single figure is row 0."""
    if not isinstance(value, list):
        for field, cell in _flat("", value):
            yield 0, field, cell
        return
    for number, row in enumerate(value, 1):
        for field, cell in _flat("", row):
            yield number, field, cell


def _flat(prefix: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, one in value.items():
            yield from _flat(f"{prefix}.{name}" if prefix else name, one)
    elif isinstance(value, list):
        for number, one in enumerate(value, 1):
            yield from _flat(f"{prefix}.{number}", one)
    else:
        yield prefix, value


def _cell(value: Any) -> Any:
    # A spreadsheet would run it (formula injection); numbers keep their sign.
    if isinstance(value, str) and value.startswith(_FORMULA):
        return f"'{value}"
    return str(value).lower() if isinstance(value, bool) else value
