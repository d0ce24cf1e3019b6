"""What needs whom, now: one list, by role, the most urgent first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec

DPO: Final = "dpo"
OPERATOR: Final = "operator"
"""Who runs this program."""


class Item(msgspec.Struct, frozen=True):
    """One thing that waits for somebody.

    Attributes:
        who: A role.
        what: A stable code; ``todo`` says what to do.
        by: The last day for it (ISO 8601): of a request, the day its answer is due; empty: it has none.
        since: Since when it waits (RFC 3339, or a day).
        count: How many there are of it, where they are not listed one by one.
        late: ``by`` is over.
    """

    who: str
    what: str
    todo: str
    by: str = ""
    since: str = ""
    request_id: str = ""
    system: str = ""
    record_set: str = ""
    count: int = 1
    late: bool = False


class Today(msgspec.Struct, frozen=True):
    """The list, and how many requests are open."""

    made_at: str
    open: int
    items: list[Item]


def arrange(made_at: str, still_open: int, items: Iterable[Item]) -> Today:
    """Put the list in order: roles by their most urgent thing, and in each of them the earliest day first."""
    day = made_at[:10]
    found = [_judged(one, day) for one in items]
    first: dict[str, str] = {}
    for one in found:
        first[one.who] = min(first.get(one.who, _LAST), one.by or _LAST)
    found.sort(key=lambda one: (first[one.who], one.who, one.by or _LAST, one.since, one.request_id, one.what))
    return Today(made_at, still_open, found)


def _judged(one: Item, day: str) -> Item:
    late = bool(one.by) and one.by < day
    # Whoever was called when it was near is called still.
    what = "deadline_over" if late and one.what == "deadline_near" else one.what
    return msgspec.structs.replace(one, late=late, what=what)


_LAST: Final = "9999-12-31"
