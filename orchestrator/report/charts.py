"""Charts as shapes in a grid of points: where a bar stands, and what is written at it. A template draws them as SVG.

They read in black and white: bars differ by their fill (full, hatched, empty), never by a colour, and every bar has its
number on it. The same numbers are in the table below each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from orchestrator.report.figures import MonthRow, Report
from orchestrator.report.wording import SPARE, code, month, number

Fill = Literal["full", "hatched", "alarm"]
WIDTH: Final = 720
_TOP, _BOTTOM, _TALL = 30, 40, 150
_LINE: Final = 34
_LEFT, _RIGHT = 150, 110
_GROUPS: Final = 24
"""Months that a chart can show; of a longer period it shows the last ones."""
_SIDE_BY_SIDE, _WIDEST = 8, 1_000
"""So many months, with numbers below that, have room beside each other."""


class Bar(msgspec.Struct, frozen=True):
    """A bar, and the number at ``(at_x, at_y)``; ``anchor`` is its text-anchor."""

    x: float
    y: float
    width: float
    height: float
    fill: Fill
    said: str
    at_x: float
    at_y: float
    anchor: str


class Label(msgspec.Struct, frozen=True):
    """A text beside an axis."""

    x: float
    y: float
    said: str
    anchor: str


class Chart(msgspec.Struct):
    """A chart. ``said``: what it shows, for who cannot see it; ``key``: what the fills mean."""

    name: str
    title: str
    said: str
    height: int
    bars: list[Bar]
    labels: list[Label]
    base: tuple[float, float, float, float]
    key: list[tuple[Fill, str]] = []


def charts(report: Report) -> dict[str, Chart]:
    """Give the charts by name; none of what has no figures."""
    found = []
    if report.received_total or report.completed_total:
        found.append(_months(report))
    if report.completed_total:
        found.append(_margins(report))
    return {one.name: one for one in found}


def _months(report: Report) -> Chart:
    """Columns side by side while their numbers have room, rows below each other where they have not."""
    shown = report.months[-_GROUPS:]
    most = max([1, *(max(one.received, one.completed) for one in shown)])
    upright = len(shown) <= _SIDE_BY_SIDE and most < _WIDEST
    bars, labels, height, base = _columns(shown, most) if upright else _rows(shown, most)
    cut = f", the last {len(shown)} months" if len(shown) < len(report.months) else ""
    return Chart(
        "months",
        f"Requests received and completed, by month{cut}",
        "; ".join(f"{month(one.month)}: {one.received} received, {one.completed} completed" for one in shown),
        height,
        bars,
        labels,
        base,
        [("full", "received"), ("hatched", "completed")],
    )


_Drawn = tuple[list[Bar], list[Label], int, tuple[float, float, float, float]]


def _columns(shown: Sequence[MonthRow], most: int) -> _Drawn:
    slot = WIDTH / len(shown)
    wide = min(34.0, slot * 0.38)
    floor = _TOP + _TALL
    bars: list[Bar] = []
    labels: list[Label] = []
    for place, one in enumerate(shown):
        middle = slot * (place + 0.5)
        pair: Sequence[tuple[int, Fill, float]] = (
            (one.received, "full", middle - wide - 1),
            (one.completed, "hatched", middle + 1),
        )
        for value, fill, x in pair:
            tall = round(_TALL * value / most, 1)
            bars.append(Bar(x, floor - tall, wide, tall, fill, number(value), x + wide / 2, floor - tall - 5, "middle"))
        labels.append(Label(middle, floor + 18, month(one.month), "middle"))
    return bars, labels, floor + _BOTTOM, (0, floor, WIDTH, floor)


def _rows(shown: Sequence[MonthRow], most: int) -> _Drawn:
    room = WIDTH - _LEFT - _RIGHT
    bars: list[Bar] = []
    labels: list[Label] = []
    for place, one in enumerate(shown):
        y = 6.0 + place * _LINE
        pair: Sequence[tuple[int, Fill, float]] = ((one.received, "full", y), (one.completed, "hatched", y + 14))
        for value, fill, top in pair:
            wide = round(room * value / most, 1)
            bars.append(Bar(_LEFT, top, wide, 12, fill, number(value), _LEFT + wide + 6, top + 11, "start"))
        labels.append(Label(_LEFT - 8, y + 18, month(one.month), "end"))
    height = int(12 + len(shown) * _LINE)
    return bars, labels, height, (_LEFT, 0, _LEFT, height - 6)


def _margins(report: Report) -> Chart:
    most = max(one.count for one in report.margins) or 1
    room = WIDTH - _LEFT - _RIGHT
    bars: list[Bar] = []
    labels: list[Label] = []
    for place, one in enumerate(report.margins):
        y = 6.0 + place * _LINE
        wide = round(room * one.count / most, 1)
        share = f"{number(one.count)} ({_percent(one.count, report.completed_total)})"
        fill: Fill = "alarm" if one.what == "late" else "full"
        bars.append(Bar(_LEFT, y, wide, _LINE - 12, fill, share, _LEFT + wide + 6, y + 16, "start"))
        name = code(one.what, SPARE)
        labels.append(Label(_LEFT - 8, y + 16, name if one.what == "late" else f"{name} days", "end"))
    height = int(12 + len(report.margins) * _LINE)
    return Chart(
        "margins",
        "Completed requests by days to spare",
        "; ".join(f"{code(one.what, SPARE)}: {one.count}" for one in report.margins),
        height,
        bars,
        labels,
        (_LEFT, 0, _LEFT, height - 6),
    )


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole if whole else 0.0
    return "< 1 %" if 0 < share < 1 else f"{share:.0f} %"
