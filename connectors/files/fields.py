"""Fields of a record by path, and how their values compare with an identifier."""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal

from connectors.datamap import Match as Place
from connectors.files.found import TOKEN_TEXT, Query
from schemas.identifiers import MAX_LENGTH, Strength, canonical
from schemas.tasks import Link

Case = Literal["exact", "lower", "digits"]
Row = dict[str, str | int | float | bool | None]
_FLOAT_EXACT: Final = 2**53


class Several(list[Any]):
    """The values of a name that an object gives more than once; all of them count."""


def at(value: Any, path: str) -> Iterator[Any]:
    """Give every value at a path; lists are walked through, and a name may itself hold dots."""
    if isinstance(value, list):
        for item in value:
            yield from at(item, path)
    elif isinstance(value, dict):
        if path in value:
            yield from _leaves(value[path])
        for cut in (found.start() for found in re.finditer(r"\.", path)):
            if path[:cut] in value:
                yield from at(value[path[:cut]], path[cut + 1 :])


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list):
        for item in value:
            yield from _leaves(item)
    else:
        yield value


def text_of(value: Any) -> str | None:
    """Give a field's value as the text an identifier would have; None for what cannot be one."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) <= _FLOAT_EXACT else repr(value)
    return None


def strings(value: Any) -> Iterator[str]:
    """Give every text and number in a record."""
    if isinstance(value, dict):
        for item in value.values():
            yield from strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from strings(item)
    else:
        text = text_of(value)
        if text is not None:
            yield text


def fold(kind: str, case: Case, text: str) -> str:
    """Give the form in which a stored value and an identifier are compared."""
    if case == "digits":
        return re.sub(r"[^0-9]", "", text)
    known = canonical(kind, text)
    if kind == "ip" and known.startswith("::ffff:"):
        mapped = ipaddress.IPv6Address(known).ipv4_mapped if _is_ipv6(known) else None
        known = str(mapped) if mapped else known
    return known.lower() if case == "lower" else known


def _is_ipv6(text: str) -> bool:
    try:
        return ipaddress.ip_address(text).version == 6  # noqa: PLR2004 - IPv6
    except ValueError:
        return False


class Lookup:
    """One mapped place, and whose each value is."""

    def __init__(self, query: Query, kind: str, place: Place) -> None:
        self.path = place.field
        self.kind = kind
        self.case: Case = place.case
        self.owners: dict[str, set[int]] = {}
        for wanted in query.wanted:
            if wanted.kind == kind:
                self.owners.setdefault(fold(kind, place.case, wanted.value), set()).add(wanted.owner)
        self.owners.pop("", None)

    def of(self, text: str) -> set[int]:
        """Give the subjects this stored value belongs to."""
        return self.owners.get(fold(self.kind, self.case, text), set())


def lookups(query: Query, match: Mapping[str, tuple[Place, ...]]) -> list[Lookup]:
    """Give the lookups of every mapped place that somebody is searched by."""
    made = [Lookup(query, kind, place) for kind, places in match.items() for place in places if place.field != "*"]
    return [one for one in made if one.owners]


def link(kind: str, strength: Strength, value: Any) -> Link | None:
    """Make a link of a stored value; None if it is empty, a token, or no identifier."""
    text = text_of(value)
    known = canonical(kind, text) if text else ""
    if not known or len(known) > MAX_LENGTH or TOKEN_TEXT.search(known):
        return None
    return Link(kind, known, strength)


def mask_value(rule: str | int | None, tokens: list[str], old: Any) -> str | int | None:
    """Give what stands in a masked place. Tokens that stand there already stay, so nobody's record is lost."""
    if rule != "{random}":
        return rule
    known = TOKEN_TEXT.findall(old) if isinstance(old, str) else []
    return " ".join(sorted({*known, *tokens}))


def is_mask(rule: str | int | None, value: Any) -> bool:
    """Tell whether a place holds its replacement."""
    if rule != "{random}":
        return value == rule and type(value) is type(rule)
    return isinstance(value, str) and all(TOKEN_TEXT.fullmatch(part) for part in value.split(" "))


def flat(record: Mapping[str, Any]) -> Row:
    """Give a record as one row: nested names joined by dots, lists as JSON text."""
    row: Row = {}
    for name, value in record.items():
        if isinstance(value, dict):
            row.update({f"{name}.{inner}": one for inner, one in flat(value).items()})
        elif value is None or isinstance(value, bool | int | float):
            row[name] = value
        elif isinstance(value, list):
            row[name] = json.dumps(value, ensure_ascii=False, default=str)
        else:
            row[name] = str(value).encode("utf-8", "replace").decode()
    return row
