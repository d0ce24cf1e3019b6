"""Looks through the free text of a copy before it is made, and takes out what somebody held back (ADR 46)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

import msgspec

from orchestrator.core.passages import Passage, Review
from orchestrator.files import passages
from orchestrator.files.passages import Found

Row = dict[str, Any]
Rows = Iterable[tuple[str, Row]]
HELD: Final = "[...]"
"""In place of what is held back; the copy says what it means."""


class Watched(msgspec.Struct, frozen=True):
    """A record set with free text. ``fields``: where; ``always``: somebody reads all of it."""

    fields: tuple[str, ...]
    always: bool


class Look(msgspec.Struct, frozen=True):
    """What to look for. ``sets``: "system/record_set" -> what is watched there; ``own``: the person's identifiers."""

    sets: dict[str, Watched] = {}
    own: frozenset[str] = frozenset()

    def __repr__(self) -> str:
        """Hide the person (I4)."""
        return f"Look(sets={sorted(self.sets)})"


class Proposed(msgspec.Struct, frozen=True):
    """A passage with what it looks like, and the text it stands in (for whoever decides; it is never kept)."""

    passage: Passage
    kind: str
    text: str


def texts(system: str, rows: Rows, look: Look) -> Iterator[tuple[str, int, str, str]]:
    """Give (place, row, field, text) of every free text."""
    counted: dict[str, int] = {}
    for record_set, row in rows:
        place = f"{system}/{record_set}"
        at = counted[place] = counted.get(place, -1) + 1
        watched = look.sets.get(place)
        for field in _fields(row, watched.fields) if watched is not None else ():
            value = row[field]
            if isinstance(value, str) and value.strip():
                yield place, at, field, value


def _fields(row: Row, paths: Iterable[str]) -> list[str]:
    """Give the names under which a row has what stands at these paths of the data map.

    Nested names are exported joined by dots, a list as one text: ``messages.body`` of a list is in ``messages``.
    """
    return sorted({name for name in row for path in paths if _same(name, path)})


def _same(name: str, path: str) -> bool:
    return path in ("*", name) or name.startswith(f"{path}.") or path.startswith(f"{name}.")


def proposals(system: str, rows: Rows, look: Look) -> Iterator[Proposed]:
    """Give what may be about others, in order."""
    for place, at, field, text in texts(system, rows, look):
        for one in passages.find(text, look.own):
            yield Proposed(Passage(place, at, field, one.start, one.end), one.kind, text)


def undecided(parts: Iterable[tuple[str, Rows]], look: Look, review: Review | None) -> dict[str, int]:
    """Give "system/record_set" -> how many passages nobody has decided about; empty: the copy may be made.

    A record set of which somebody has to read everything is in it, with 0, until somebody says that it was read.
    """
    found: dict[str, int] = {}
    standing = _by_text(review)
    for system, rows in parts:
        for place, at, field, text in texts(system, rows, look):
            if (look.sets[place].always or len(text) > passages.LONGEST) and (review is None or not review.done):
                found.setdefault(place, 0)
            known = standing.get((place, at, field), [])
            left = sum(not _covered(one, known) for one in passages.find(text, look.own))
            if left:
                found[place] = found.get(place, 0) + left
    return found


def _covered(one: Found, known: list[Passage]) -> bool:
    return any(passage.start <= one.start and one.end <= passage.end for passage in known)


def _by_text(review: Review | None) -> dict[tuple[str, int, str], list[Passage]]:
    found: dict[tuple[str, int, str], list[Passage]] = {}
    for passage in review.standing() if review is not None else ():
        found.setdefault((passage.place, passage.row, passage.field), []).append(passage)
    return found


def without(system: str, rows: Rows, review: Review | None) -> Iterator[tuple[str, Row]]:
    """Give the rows without what is held back."""
    held: dict[tuple[str, int], list[Passage]] = {}
    for passage, one in review.standing().items() if review is not None else ():
        if one.held:
            held.setdefault((passage.place, passage.row), []).append(passage)
    counted: dict[str, int] = {}
    for record_set, row in rows:
        place = f"{system}/{record_set}"
        at = counted[place] = counted.get(place, -1) + 1
        taken = held.get((place, at))
        yield record_set, (_cut(row, taken) if taken else row)


def _cut(row: Mapping[str, Any], taken: list[Passage]) -> Row:
    made = dict(row)
    for field in {one.field for one in taken}:
        text = made.get(field)
        if isinstance(text, str):
            made[field] = _cut_text(text, [one for one in taken if one.field == field])
    return made


def _cut_text(text: str, taken: list[Passage]) -> str:
    """Take out from the end on, so that places stay true; what overlaps is taken out as one."""
    joined: list[list[int]] = []
    for one in sorted(taken, key=lambda passage: (passage.start, passage.end)):
        if one.start >= len(text):
            continue
        if joined and one.start <= joined[-1][1]:
            joined[-1][1] = max(joined[-1][1], one.end)
        else:
            joined.append([one.start, one.end])
    for start, end in reversed(joined):
        text = text[:start] + HELD + text[end:]
    return text
