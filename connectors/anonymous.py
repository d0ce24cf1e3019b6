"""``[[anonymous]]`` of a data map: what a system makes of personal data so that nobody can be found in it any more.

It is no record set: nothing in it is searched or erased. So it has to say how it is made, and where that was judged
(GDPR recital 26); the policy names it as an output.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Final

import msgspec

from connectors.datamap import Location, read_toml

KEY: Final = "anonymous"
_EXAMPLE: Final = 'output = "statistics", method = "counts above ten", assessment = "DPIA-2026-03"'
_REFERENCE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,99}\Z")


class Declared(msgspec.Struct, frozen=True, kw_only=True):
    """One of them.

    Attributes:
        output: Id of the output in the policy.
        method: How it is made anonymous.
        assessment: Reference of the paper that judged it.
        made_from: Record sets of this map.
        file: The data map, and ``line`` in it.
    """

    output: str
    method: str
    assessment: str
    made_from: tuple[str, ...] = ()
    file: str = ""
    line: int | None = None


def declared(file: Path) -> list[Declared]:
    """Read what a data map declares anonymous.

    Raises:
        MisconfiguredError: it cannot be read; or one has no method, no assessment, or is made from what is not there.
    """
    raw, location = read_toml(file)
    return parse(raw, location)


def parse(raw: dict[str, Any], location: Location) -> list[Declared]:
    """Read them out of a data map that was read."""
    entries = raw.get(KEY, [])
    if not isinstance(entries, list):
        raise location.wrong(f"[[{KEY}]] is a table of its own", KEY, fix=_EXAMPLE)
    names = {str(one.get("name")) for one in raw.get("record_set", ()) if isinstance(one, dict)}
    return [_one(entry, names, location) for entry in entries]


def _one(entry: Any, names: set[str], location: Location) -> Declared:
    known = ("output", "method", "assessment", "made_from")
    if not isinstance(entry, dict):
        raise location.wrong(f"[[{KEY}]] is a table", KEY, fix=_EXAMPLE)
    label = str(entry.get("output", KEY))
    for key in entry:
        if key not in known:
            raise location.wrong(f"{KEY} {label!r}: unknown key {key!r}", KEY, key, fix=f"known: {', '.join(known)}")
    for key in known[:3]:
        if not isinstance(entry.get(key), str) or not entry[key].strip():
            what = f"{KEY} {label!r}: {key} is missing; without it the output is in scope"
            raise location.wrong(what, KEY, label, fix=_EXAMPLE)
    if not _REFERENCE.match(entry["assessment"]):
        raise location.wrong(
            f"{KEY} {label!r}: assessment is a reference", KEY, "assessment", fix='e.g. "DPIA-2026-03"'
        )
    made_from = entry.get("made_from", [])
    if not isinstance(made_from, list) or not all(isinstance(one, str) for one in made_from):
        raise location.wrong(f"{KEY} {label!r}: made_from is a list of record sets", KEY, "made_from", fix='["clicks"]')
    for one in made_from:
        if one not in names:
            what = f"{KEY} {label!r}: made from {one!r}, which is no record set here"
            raise location.wrong(what, KEY, "made_from", fix=f"known: {', '.join(sorted(names))}")
    if label in names:
        what = f"{KEY} {label!r}: a record set has that name: what is searched for persons is not anonymous"
        raise location.wrong(what, KEY, label, fix="take one of them out")
    return Declared(
        output=entry["output"],
        method=" ".join(entry["method"].split()),
        assessment=entry["assessment"],
        made_from=tuple(made_from),
        file=str(location.file),
        line=location.line(KEY, label),
    )
