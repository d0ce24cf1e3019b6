"""What the data maps say of each record set, read without opening a system: for the record of processing (Art. 30)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from connectors.datamap import Expire, Retain, read_toml
from connectors.errors import MisconfiguredError
from orchestrator.errors import UsageError
from orchestrator.policy import Register
from orchestrator.report.processing import Gap, MappedSet
from orchestrator.runtime import placing
from orchestrator.settings import ConnectedSystem, Settings, as_usage


class _Set(msgspec.Struct):
    """What every connector's record sets have in common; what is a connector's own is passed over."""

    name: str
    title: str = ""
    purpose: str = ""
    basis: str = ""
    categories: tuple[str, ...] = ()
    personal: tuple[str, ...] = ()
    parent: str | None = None
    erase: str = "delete"
    retain: Retain | None = None
    expire: Expire | None = None


def record_sets(settings: Settings, register: Register | None) -> tuple[list[MappedSet], list[Gap]]:
    """Give every record set of every data map, and the systems that have none to read.

    Raises:
        UsageError: a data map is broken, with its line.
    """
    found: list[MappedSet] = []
    without: list[Gap] = []
    places = placing.places(settings, register)
    for one in settings.systems:
        if not one.settings.map_file.is_file():
            what = f"system {one.system} has no data map that can be read here"
            without.append(Gap("no-map", "30(1)(c)", what, str(settings.file), "name its map, or run this where it is"))
            continue
        place = places[one.system]
        found.extend(_sets(one, place.controller, place.country))
    return found, without


def _sets(one: ConnectedSystem, controller: str, country: str) -> Iterator[MappedSet]:
    try:
        raw, location = read_toml(one.settings.map_file)
    except MisconfiguredError as error:
        raise as_usage(error) from None
    known: dict[str, _Set] = {}
    for entry in raw.get("record_set", ()):
        each = _read(entry, one)
        known[each.name] = each
    for each in known.values():
        period = each.expire or each.retain
        yield MappedSet(
            system=one.system,
            name=each.name,
            file=str(one.settings.map_file),
            line=location.line("name", each.name) or 0,
            owner=one.owner,
            title=each.title,
            purpose=_purpose(each, known),
            basis=each.basis,
            categories=each.categories,
            fields=each.personal,
            text=period.text if period else "",
            months=period.months if period else 0,
            follows=each.erase == "with_parent",
            controller=controller,
            country=country,
        )


def _purpose(one: _Set, known: dict[str, _Set]) -> str:
    """Records that belong to others serve their purpose, unless they say another."""
    seen: set[str] = set()
    while not one.purpose and one.parent in known and one.name not in seen:
        seen.add(one.name)
        one = known[one.parent]
    return one.purpose


def _read(entry: Any, one: ConnectedSystem) -> _Set:
    try:
        return msgspec.convert(entry, _Set)
    except msgspec.ValidationError as error:
        where = str(one.settings.map_file)
        raise UsageError(f"a record set cannot be read: {error}", where=where, fix="see `expunge check`") from None
