"""A document as Markdown, and figures as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

from orchestrator.report.document import Document
from orchestrator.report.figures import Report

_MARKUP: Final = re.compile(r"([\\`*_{}\[\]<>#|])")
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n")


def markdown(document: Document) -> str:
    """Give a document in Markdown (CommonMark, with the tables of GitHub)."""
    return "\n".join(_markdown(document)) + "\n"


def _markdown(document: Document) -> Iterator[str]:
    yield from (f"# {_safe(document.title)}", "", f"{_safe(document.said)}.", "")
    if document.warning:
        yield from (f"**{_safe(document.warning)}**", "")
    yield from (f"- **{_safe(figure)}** {_safe(what)}" for figure, what in document.glance)
    for one in document.sections:
        yield from ("", f"## {_safe(one.title)}", "")
        if one.said:
            yield from (_safe(one.said), "")
        if one.rows:
            yield _row(one.columns)
            yield _row(["---:" if place >= one.numbers else "---" for place in range(len(one.columns))], safe=False)
            yield from map(_row, one.rows)
        elif one.none:
            yield _safe(one.none)
        if one.after:
            yield from ("", _safe(one.after))
    yield from ("", f"## {_safe(document.about_title)}", "")
    yield from (f"- {_safe(note)}" for note in document.about)


def _row(cells: Any, *, safe: bool = True) -> str:
    return f"| {' | '.join(_safe(one) if safe else one for one in cells)} |"


def _safe(text: str) -> str:
    return _MARKUP.sub(r"\\\1", " ".join(text.split(" ")).replace("\n", " "))


def csv_text(report: Report) -> str:
    """Give the report as CSV (RFC 4180): table, row, field, value; tables and fields are those of the JSON form."""
    rows = (
        (name, row, field, cell)
        for name, value in msgspec.to_builtins(report).items()
        for row, field, cell in _cells(value)
    )
    return csv_table(("table", "row", "field", "value"), rows)


def csv_table(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    """Give a table as CSV (RFC 4180); no cell of it is a formula to a spreadsheet."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\r\n")
    write.writerow(columns)
    write.writerows([_cell(cell) for cell in row] for row in rows)
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
