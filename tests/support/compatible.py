"""Whether a published schema may replace an older one: old readers and old records go on to be understood (ADR 50).

New records are read by old readers, and old records by new readers, so what is there stays exactly as it is: names,
types, forms, defaults, and what is required. New fields may come, if they are optional. Lists of words named in
``GROWING`` may get longer, and phrases named in ``PHRASES`` more; nothing else may.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

GROWING: Final = frozenset(
    {
        "right",
        "result",
        "headline",
        "requester",
        "origin",
        "identity",
        "Kept.why",
        "OwedLine.kind",
        "RecipientLine.role",
        "RecordSetLine.outcome",
        "RecordSetLine.also",
    }
)
"""Closed lists that may get longer; each word is announced in ``docs/completions.md`` before it is written."""
PHRASES: Final = frozenset({"not_searched", "RecipientLine.why_not"})
_SAME: Final = ("type", "pattern", "format", "const", "default", "minimum", "maximum", "minLength", "maxLength")

Schema = Mapping[str, Any]


def breaks(old: Schema, new: Schema) -> list[str]:
    """Name everything by which a schema breaks the promise; none if it may replace the older one."""
    return sorted(set(_Comparison(old, new).objects("", old, new, frozenset())))


def added_words(old: Schema, new: Schema) -> set[str]:
    """Give the words that a newer schema has in its growing lists, and the older one has not."""
    comparison = _Comparison(old, new)
    list(comparison.objects("", old, new, frozenset()))
    return comparison.added


class _Comparison:
    def __init__(self, old: Schema, new: Schema) -> None:
        self._old, self._new = old, new
        self.added: set[str] = set()

    def objects(self, where: str, old: Schema, new: Schema, seen: frozenset[str]) -> Iterator[str]:
        """Compare two objects with properties; ``where`` is the title of the object, empty for the whole."""
        if set(old.get("required", ())) != set(new.get("required", ())):
            yield f"{where or 'record'}: what is required is not what it was"
        if old.get("additionalProperties") != new.get("additionalProperties"):
            yield f"{where or 'record'}: additionalProperties"
        for name, one in old.get("properties", {}).items():
            path = f"{where}.{name}" if where else name
            if name not in new.get("properties", {}):
                yield f"{path}: is gone"
            else:
                yield from self.values(path, one, new["properties"][name], seen)

    def values(self, path: str, old: Schema, new: Schema, seen: frozenset[str]) -> Iterator[str]:
        """Compare what may stand somewhere."""
        if "$ref" in old or "$ref" in new:
            yield from self._references(path, old, new, seen)
            return
        words = set(old.get("enum", ())) if "enum" in old else None
        if words is not None and "enum" in new:
            yield from self._grown(path, words, set(new["enum"]))
        elif ("enum" in old) != ("enum" in new):
            yield f"{path}: a list of words"
        for name in _SAME:
            # The pattern of a list of words says what the list says.
            if not (name == "pattern" and words is not None) and old.get(name) != new.get(name):
                phrased = path in PHRASES and name == "pattern" and _phrases(old) <= _phrases(new)
                if not phrased:
                    yield f"{path}: {name}"
        for name in ("items", "additionalProperties", "propertyNames"):
            if isinstance(old.get(name), dict) and isinstance(new.get(name), dict):
                yield from self.values(path, old[name], new[name], seen)
            elif old.get(name) != new.get(name):
                yield f"{path}: {name}"
        yield from self._unions(path, old, new, seen)

    def _references(self, path: str, old: Schema, new: Schema, seen: frozenset[str]) -> Iterator[str]:
        if old.get("$ref") != new.get("$ref"):
            yield f"{path}: another type"
            return
        name = old["$ref"].rpartition("/")[2]
        if name not in seen:
            one, other = self._old["$defs"][name], self._new["$defs"][name]
            if "properties" in one:
                yield from self.objects(name, one, other, seen | {name})
            else:
                yield from self.values(path, one, other, seen | {name})

    def _unions(self, path: str, old: Schema, new: Schema, seen: frozenset[str]) -> Iterator[str]:
        before, after = _members(old), _members(new)
        if not before and not after:
            return
        yield from self._grown(path, set(before), set(after))
        for name in before.keys() & after.keys():
            yield from self.values(path, before[name], after[name], seen)

    def _grown(self, path: str, before: set[str], after: set[str]) -> Iterator[str]:
        if before - after:
            yield f"{path}: {', '.join(sorted(map(str, before - after)))} is gone"
        if after - before and path not in GROWING:
            yield f"{path}: {', '.join(sorted(map(str, after - before)))} is new in a list that does not grow"
        self.added |= after - before


def _members(schema: Schema) -> dict[str, Schema]:
    """Give the members of a union by what they are: the tag of an outcome, or the type."""
    tags = {ref: tag for tag, ref in schema.get("discriminator", {}).get("mapping", {}).items()}
    found: dict[str, Schema] = {}
    for one in schema.get("anyOf", ()):
        name = (
            tags.get(one.get("$ref", "")) or one.get("$ref") or ("union" if "anyOf" in one else one.get("type", "any"))
        )
        found[str(name)] = one
    return found


def _phrases(schema: Schema) -> set[str]:
    """Give the phrases by which a line may begin (``schemas.fields.line_of``)."""
    begins = re.match(r"\^\(\((.*?)\)\[\^", schema.get("pattern", ""))
    return set(begins[1].split("|")) if begins else {schema.get("pattern", "")}
