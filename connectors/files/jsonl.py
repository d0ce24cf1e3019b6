r"""JSON lines: an identifier counts in the fields the data map names, however it is spelled there.

Lines are first found by bytes and only those are parsed. A line with a ``\u`` escape could spell anything and is
parsed always. A line that may hold an identifier and cannot be parsed stops the work: it is never skipped.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from typing import Any, Final

from connectors.datamap import RecordSet
from connectors.errors import PermanentError
from connectors.files import dates, fields
from connectors.files.found import TOKEN, Match, Query
from connectors.files.needles import DigitFinder, Finder, hextet, mapped_group, plain_run, suffix_of
from connectors.files.text import Tokens, replaced
from schemas.identifiers import canonical
from schemas.tasks import Link

# An escape may spell any character; the others are normalised to ASCII (Kelvin sign, Greek question mark, varia).
_FORCING: Final = (rb"\u", "\u212a".encode(), "\u037e".encode(), "\u1fef".encode())
_ESCAPE: Final = re.compile(r"\\u([0-9a-fA-F]{4})")
_LINE: Final = re.compile(rb"[^\n]*\S[^\n]*")
_BACKSLASH: Final = 92


class JsonLines:
    """Reads and masks lines of JSON."""

    def __init__(self, query: Query, one: RecordSet) -> None:
        self._query = query
        self._set = one
        self._lookups = fields.lookups(query, one.match)
        self._anywhere = Tokens(query, one.match)
        self._has_anywhere = bool(self._anywhere.patterns or self._anywhere.suffixes or self._anywhere.every)
        self._every = self._anywhere.every
        whole: dict[bytes, bool] = dict.fromkeys(_FORCING, False) if query.wanted else {}
        suffixes = list(self._anywhere.suffixes)
        for pattern in self._anywhere.patterns:
            self._add(whole, plain_run(pattern.decode("latin-1")), complete=False)
        for lookup in self._lookups:
            for value in lookup.owners:
                self._add_value(whole, suffixes, lookup, value)
        if query.tokens:
            whole[b"erased-"] = False
        self._whole = list(whole.values())
        self._finder = Finder(list(whole), query.size)
        self._digits = DigitFinder(suffixes, query.size)

    def _add_value(self, whole: dict[bytes, bool], suffixes: list[bytes], lookup: fields.Lookup, value: str) -> None:
        if lookup.kind == "phone" or lookup.case == "digits":
            suffix = suffix_of(value)
            self._every |= suffix is None
            suffixes.extend([suffix] if suffix else [])
            return
        if lookup.kind == "ip" and (group := hextet(value)):
            self._add(whole, group, complete=False)
            return
        if lookup.kind == "ip" and (group := mapped_group(value)):
            self._add(whole, group, complete=False)
        run = plain_run(value)
        self._add(whole, run, complete=run == value.lower().encode("utf-8", "replace"))

    def _add(self, whole: dict[bytes, bool], pattern: bytes | None, *, complete: bool) -> None:
        if pattern is None:
            self._every = True
        else:
            whole[pattern] = whole.get(pattern, True) and complete

    def starts(self, chunk: bytes) -> set[int]:
        """Give where the lines worth a look start in a chunk of whole lines."""
        if self._every:
            return {hit.start() for hit in _LINE.finditer(chunk)}
        low = chunk.lower()
        found: set[int] = set()
        end_of_last = -1
        for number, start, end in self._finder.find(low):
            if start < end_of_last or (self._whole[number] and not _alone(low, start, end)):
                continue
            found.add(low.rfind(b"\n", 0, start) + 1)
            end_of_last = low.find(b"\n", start) + 1 or len(low)
        found.update(self._digits.lines(chunk))
        return found

    def examine(self, line: bytes) -> Match | None:
        """Say whose the line is; None if nobody's.

        Raises:
            PermanentError: ``unreadable_line``: it may hold an identifier and is no JSON object.
        """
        record = parse(line)
        if record is None:
            if self._may_hold(line):
                raise PermanentError("unreadable_line")
            return None
        owners = self._owners(record)
        tokens = frozenset(hit.decode() for hit in TOKEN.findall(line)) & self._query.tokens.keys()
        if not owners and not tokens:
            return None
        retain = self._set.retain
        anchor = (
            next((d for v in fields.at(record, retain.anchor) if (d := dates.of_value(v))), None) if retain else None
        )
        return Match(frozenset(owners), tokens, self._is_masked(record), anchor, self._links(record))

    def _owners(self, record: Mapping[str, Any]) -> set[int]:
        owners: set[int] = set()
        for lookup in self._lookups:
            for value in fields.at(record, lookup.path):
                text = fields.text_of(value)
                if text is not None:
                    owners |= lookup.of(text)
        if self._has_anywhere:
            for text in fields.strings(record):
                for span in self._anywhere.spans(text.encode("utf-8", "surrogateescape")):
                    owners |= span.owners
        return owners

    def _links(self, record: Mapping[str, Any]) -> tuple[Link, ...]:
        found = (
            fields.link(kind, place.strength, value)
            for kind, places in self._set.yields.items()
            for place in places
            for value in fields.at(record, place.field)
        )
        return tuple(dict.fromkeys(one for one in found if one))

    def _is_masked(self, record: Mapping[str, Any]) -> bool:
        rules = self._set.retain.mask if self._set.retain else {}
        return all(
            fields.is_mask(rule, value)
            for path, rule in rules.items()
            if path != "*"
            for value in fields.at(record, path)
        )

    def masked(self, line: bytes, masks: dict[int, str]) -> bytes:
        """Give the line with the masked fields replaced; spacing, order of names and line ending stay."""
        body = line.rstrip(b"\r\n")
        record = parse(body)
        if record is None:
            raise PermanentError("unreadable_line")
        names = sorted(set(masks.values()))
        for path, rule in (self._set.retain.mask if self._set.retain else {}).items():
            if path == "*":
                record = self._mask_strings(record, masks)
            else:
                _put(record, path, rule, names)
        compact = b'": ' not in body
        text = json.dumps(record, ensure_ascii=rb"\u" in body, separators=(",", ":") if compact else None)
        return text.encode("utf-8", "surrogateescape") + line[len(body) :]

    def _mask_strings(self, value: Any, masks: dict[int, str]) -> Any:
        if isinstance(value, dict):
            return {name: self._mask_strings(one, masks) for name, one in value.items()}
        if isinstance(value, list):
            return type(value)(self._mask_strings(one, masks) for one in value)
        text = fields.text_of(value)
        if text is None:
            return value
        raw = text.encode("utf-8", "surrogateescape")
        new = replaced(raw, self._anywhere.spans(raw), masks)
        return value if new == raw else new.decode("utf-8", "surrogateescape")

    def row(self, line: bytes) -> fields.Row:
        """Give the line as a row of an export."""
        return fields.flat(parse(line) or {})

    def _may_hold(self, line: bytes) -> bool:
        """Tell whether a line that cannot be parsed may hold an identifier of the batch, in any spelling."""
        text = _ESCAPE.sub(lambda hit: chr(int(hit[1], 16)), line.decode("utf-8", "replace")).replace("\\/", "/")
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        loose = unicodedata.normalize("NFC", text).lower()
        digits = re.sub(r"[^0-9]", "", loose)
        if any(token.decode() in self._query.tokens for token in TOKEN.findall(line)):
            return True
        addresses = {canonical("ip", part) for part in re.findall(r"[0-9a-f:]*:[0-9a-f:.]+", loose)}
        return any(
            wanted.value.lower() in loose
            or wanted.value in addresses
            or (wanted.kind == "phone" and (suffix_of(wanted.value) or b"").decode() in digits)
            for wanted in self._query.wanted
        )


def _alone(low: bytes, start: int, end: int) -> bool:
    r"""Tell whether a whole field could start and end here: `7` is not the value in `175`.

    A letter or digit before it may be the end of an escape (``\t7``), so a backslash there leaves it open.
    """
    if end < len(low) and low[end : end + 1].isalnum():
        return False
    return not low[start - 1 : start].isalnum() or start < 2 or low[start - 2] == _BACKSLASH  # noqa: PLR2004


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        for name in made:
            values = [value for other, value in pairs if other == name]
            made[name] = fields.Several(values) if len(values) > 1 else values[0]
    return made


def parse(line: bytes) -> dict[str, Any] | None:
    """Read a line; None if it is no JSON object."""
    try:
        text = line.decode("utf-8", "surrogateescape").removeprefix("\ufeff")
        record = json.loads(text, object_pairs_hook=_object)
    except (ValueError, RecursionError):
        return None
    return record if isinstance(record, dict) else None


def _put(value: Any, path: str, rule: str | int | None, names: list[str]) -> None:
    """Replace every value at a path, the way ``fields.at`` finds them."""
    if isinstance(value, list):
        for item in value:
            _put(item, path, rule, names)
    elif isinstance(value, dict):
        if path in value:
            value[path] = fields.mask_value(rule, names, _first(value[path]))
        for cut in (found.start() for found in re.finditer(r"\.", path)):
            if path[:cut] in value:
                _put(value[path[:cut]], path[cut + 1 :], rule, names)


def _first(value: Any) -> Any:
    return " ".join(str(item) for item in value) if isinstance(value, list) else value
