"""Small statistics in whole numbers, so that anybody who counts again gets the same."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping

from orchestrator.report.figures import CountRow, Spread


def spread(values: Iterable[int], *, least: bool = False) -> Spread:
    """Give count, median, 95th percentile and the worst of whole numbers.

    The median of an even count is the mean of the middle two, rounded down. The percentile is by nearest rank.
    ``least``: the small ones are the bad ones, so that 95 of 100 are no smaller than ``p95``.
    """
    found = sorted(values)
    count = len(found)
    if not count:
        return Spread()
    middle = (found[(count - 1) // 2] + found[count // 2]) // 2
    rank = -(-95 * count // 100)
    worst = found[0] if least else found[-1]
    return Spread(count, middle, found[count - rank] if least else found[rank - 1], worst)


def seconds(start: str, end: str) -> int:
    """Give the whole seconds from one time (RFC 3339) to a later one."""
    return int((dt.datetime.fromisoformat(end) - dt.datetime.fromisoformat(start)).total_seconds())


def days(start: str, end: str) -> int:
    """Give the days from the day of one time or date to that of another; negative if that is before."""
    return (dt.date.fromisoformat(end[:10]) - dt.date.fromisoformat(start[:10])).days


def counted(counts: Mapping[str, int]) -> list[CountRow]:
    """Give rows, the most first, and by name where there are as many."""
    return [CountRow(name, count) for name, count in sorted(counts.items(), key=lambda one: (-one[1], one[0]))]
