"""What the data maps that are here name, to hold a command against: a misspelt record set or field is told at once.

No connector is opened. A host that takes requests in may have no data map: what cannot be read here is left to the
orchestrator, which asks a person (``unknown_field``, ``unknown_record_set``).
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from typing import Any

from connectors.datamap import read_toml
from connectors.errors import MisconfiguredError
from orchestrator.settings import Settings
from schemas.errors import SchemaError
from schemas.requests import RequestForm

Fields = dict[str, frozenset[str]]
"""Record set -> every field that the map names of it."""


class Mapped:
    """Systems, record sets and fields. A map is read once, and only when somebody asks about its system."""

    def __init__(self, settings: Settings) -> None:
        """Take the configuration."""
        self._files = {one.system: one.settings.map_file for one in settings.systems}
        self._read: dict[str, Fields] = {}

    def places(self) -> list[str]:
        """Give every system, and every record set as system/set."""
        return [*self._files, *(f"{system}/{name}" for system in self._files for name in self._fields(system))]

    def check(self, form: RequestForm) -> None:
        """Hold the corrections of one request against the maps.

        Raises:
            SchemaError: it corrects in a system, record set or field that there is not; names the nearest there is.
        """
        for path, fields in form.corrections.items():
            system, _, record_set = path.partition("/")
            where = f'$.corrections["{path}"]'
            if system not in self._files:
                raise _unknown("system", system, self._files, where)
            known = self._fields(system)
            if known and record_set not in known:
                raise _unknown("record set", path, [f"{system}/{one}" for one in known], where)
            named = known.get(record_set)  # empty: a map of a connector with keys of its own
            for field in fields:
                if named and field not in named:
                    raise _unknown("field", field, named, f'{where}["{field}"]')

    def _fields(self, system: str) -> Fields:
        if system not in self._read:
            try:
                raw, _ = read_toml(self._files[system])
            except MisconfiguredError:
                raw = {}  # `expunge check` says so
            sets = raw.get("record_set", ())
            tables = [one for one in sets if isinstance(one, dict)] if isinstance(sets, list) else []
            self._read[system] = {one["name"]: _named(one) for one in tables if isinstance(one.get("name"), str)}
        return self._read[system]


def _named(one: Mapping[str, Any]) -> frozenset[str]:
    """Give every field that a record set of a map names, whatever for."""
    lists = (one.get(key, ()) for key in ("personal", "rectify", "provided"))
    named = {field for each in lists if isinstance(each, list) for field in each if isinstance(field, str)}
    for key in ("match", "yields"):
        places = one.get(key, {})
        for many in places.values() if isinstance(places, dict) else ():
            named |= {each["field"] for each in many if isinstance(each, dict) and isinstance(each.get("field"), str)}
    return frozenset(named)


def _unknown(kind: str, name: str, known: Collection[str], where: str) -> SchemaError:
    close = difflib.get_close_matches(name, known, n=1)
    fix = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
    rule = f"request.corrections.{kind.replace(' ', '_')}"
    return SchemaError(rule, f"no data map has this {kind}", where=where, fix=fix)
