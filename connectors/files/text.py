r"""Text lines: an identifier counts where it stands as a whole token.

``10.0.0.1`` is not in ``10.0.0.11``, nor ``a@b.c`` in ``xa@b.c`` or ``a@b.co``. What stands beside a match is read
as the reader of the log would: ``%20``, ``\x22`` and ``\n`` are the characters they stand for. A dot, hyphen, plus
or at sign that joins the match to a further word makes it another token; at the end of a sentence it does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from connectors.datamap import Match as Place
from connectors.files import dates
from connectors.files.fields import fold
from connectors.files.found import TOKEN, Match, Query
from connectors.files.needles import DigitFinder, Finder, hextet, mapped_group, spellings, suffix_of

_ESCAPED_BEFORE: Final = re.compile(rb"(?:%|\\x|\\u00)([0-9A-Fa-f]{2})\Z")
_LETTER_BEFORE: Final = re.compile(rb"(?<!\\)\\[nrtbfv]\Z")
_ESCAPED_AFTER: Final = re.compile(rb"(?:%|\\x|\\u00)([0-9A-Fa-f]{2})")
_ADDRESS: Final = re.compile(rb"[0-9A-Fa-f:.]+")
_GAP: Final = rb"(?:\(0\)|[ ().\-/]|%20)*"
_FEWEST_COLONS: Final = 6
"""An IPv6 address without ``::`` has seven colons, or six before an IPv4 tail: `10:05:03` is none."""
_ANY_CASE: Final = {"email", "username", "ip"}


class Joins(NamedTuple):
    """Characters that join a token to a further word, on its left and on its right."""

    left: str
    right: str
    digits_only: str = ""


_JOINS: Final = {
    "email": Joins(".-+@", ".-"),
    "ip": Joins(".", "."),
    "username": Joins(".-@", ".-@"),
    "name": Joins(".-@", ".-@"),
}
# `C-123.json` holds the id C-123; `1.5` does not hold the id 1.
_IDS: Final = Joins("-@.", "-@.", ".")


class _Needle(NamedTuple):
    """A spelling of one value; ``exact``: the bytes it must have, None in any case."""

    joins: Joins
    owners: frozenset[int]
    exact: frozenset[bytes] | None


class Span(NamedTuple):
    """Where in a line an identifier of some subjects stands."""

    start: int
    end: int
    owners: frozenset[int]


class Tokens:
    """Finds the identifiers of a batch as whole tokens."""

    def __init__(self, query: Query, places: dict[str, tuple[Place, ...]]) -> None:
        """Compile the values of the query, for the kinds whose places include ``*``."""
        found: dict[bytes, list[_Needle]] = {}
        addresses: dict[bytes, dict[str, frozenset[int]]] = {}
        self._phones: list[tuple[re.Pattern[bytes], frozenset[int]]] = []
        self.suffixes: list[bytes] = []
        self.every = False
        owners: dict[tuple[str, str], set[int]] = {}
        for wanted in query.wanted:
            owners.setdefault((wanted.kind, wanted.value), set()).add(wanted.owner)
        for (kind, value), who in owners.items():
            for place in places.get(kind, ()):
                if place.field == "*":
                    self._add(found, addresses, kind, value, frozenset(who), place.case)
        self.patterns: list[bytes] = list(dict.fromkeys((*found, *addresses)))
        self._needles = [(tuple(found.get(pattern, ())), addresses.get(pattern)) for pattern in self.patterns]
        self._finder = Finder(self.patterns, query.size)

    def _add(
        self,
        found: dict[bytes, list[_Needle]],
        addresses: dict[bytes, dict[str, frozenset[int]]],
        kind: str,
        value: str,
        who: frozenset[int],
        case: str,
    ) -> None:
        if kind == "phone" or case == "digits":
            suffix = suffix_of(value)
            self._phones.append((_phone(value), who))
            self.every |= suffix is None
            self.suffixes.extend([suffix] if suffix else [])
            return
        if kind == "ip":
            group = hextet(value)
            part = group or mapped_group(value)
            if part:
                addresses.setdefault(part, {})[value] = who
            if group:
                return
        any_case = kind in _ANY_CASE or case == "lower"
        ways = spellings(value, any_case=any_case)
        for way in ways:
            exact = None if any_case else frozenset({way, _lower_hex(way)})
            found.setdefault(way.lower(), []).append(_Needle(_JOINS.get(kind, _IDS), who, exact))

    def hits(self, raw: bytes) -> Iterator[tuple[int, Span]]:
        """Give (place in the raw bytes, span) of each identifier but phones; ``raw`` may hold many lines."""
        for number, start, end in self._finder.find(raw.lower()):
            needles, addresses = self._needles[number]
            for needle in needles:
                if _stands(raw, start, end, needle):
                    yield start, Span(start, end, needle.owners)
            if addresses and (span := _ipv6(raw, start, end, addresses)):
                yield start, span

    def spans(self, line: bytes) -> list[Span]:
        """Give every identifier that stands in one line."""
        found = [span for _, span in self.hits(line)]
        for pattern, owners in self._phones:
            found.extend(Span(hit.start(), hit.end(), owners) for hit in pattern.finditer(line))
        return found


def _stands(raw: bytes, start: int, end: int, needle: _Needle) -> bool:
    if needle.exact is not None and raw[start:end] not in needle.exact:
        return False
    return not _joined_before(raw, start, needle.joins) and not _joined_after(raw, end, needle.joins)


def _ipv6(raw: bytes, start: int, end: int, addresses: dict[str, frozenset[int]]) -> Span | None:
    while start and _ADDRESS.fullmatch(raw, start - 1, start):
        start -= 1
    while end < len(raw) and _ADDRESS.fullmatch(raw, end, end + 1):
        end += 1
    for cut in (raw[start:end], raw[start:end].rstrip(b".:")):
        if b"::" not in cut and cut.count(b":") < _FEWEST_COLONS:
            continue
        owners = addresses.get(fold("ip", "exact", cut.decode("ascii")))
        if owners:
            return Span(start, start + len(cut), owners)
    return None


def _lower_hex(way: bytes) -> bytes:
    return re.sub(rb"%[0-9A-F]{2}", lambda found: found[0].lower(), way)


def _phone(value: str) -> re.Pattern[bytes]:
    digits = re.sub(r"[^0-9]", "", value).encode() or value.encode("utf-8", "surrogateescape")
    body = _GAP.join(re.escape(bytes([byte])) for byte in digits)
    return re.compile(rb"(?<![0-9])(?:(?:\+|%2[bB]|00)" + _GAP + rb")?" + body + rb"(?![0-9])")


def _word(char: str) -> bool:
    return char.isalnum() or char == "_"


def _joined_before(raw: bytes, at: int, joins: Joins) -> bool:
    char, start = _before(raw, at)
    if not char or char not in joins.left:
        return _word(char)
    further, _ = _before(raw, start)
    return further.isdigit() if char in joins.digits_only else _word(further)


def _joined_after(raw: bytes, at: int, joins: Joins) -> bool:
    char, end = _after(raw, at)
    if not char or char not in joins.right:
        return _word(char)
    further, _ = _after(raw, end)
    return further.isdigit() if char in joins.digits_only else _word(further)


def _before(raw: bytes, at: int) -> tuple[str, int]:
    """Give the character before a place, as the log's reader would see it, and where it starts."""
    tail = raw[max(0, at - 6) : at]
    if not tail:
        return "", 0
    escaped = _ESCAPED_BEFORE.search(tail)
    if escaped:
        return chr(int(escaped[1], 16)), at - len(escaped[0])
    if _LETTER_BEFORE.search(tail):
        return "\n", at - 2
    if tail[-1] < 0x80:  # noqa: PLR2004 - ASCII
        return chr(tail[-1]), at - 1
    for length in (2, 3, 4):
        try:
            char = tail[-length:].decode("utf-8")
        except UnicodeDecodeError:
            continue
        if len(char) == 1:
            return char, at - length
    return chr(tail[-1]), at - 1


def _after(raw: bytes, at: int) -> tuple[str, int]:
    """Give the character at a place, as the log's reader would see it, and where it ends."""
    head = raw[at : at + 6]
    if not head:
        return "", at
    escaped = _ESCAPED_AFTER.match(head)
    if escaped:
        return chr(int(escaped[1], 16)), at + len(escaped[0])
    if head[0] < 0x80:  # noqa: PLR2004 - ASCII
        return chr(head[0]), at + 1
    for length in (2, 3, 4):
        try:
            return head[:length].decode("utf-8"), at + length
        except UnicodeDecodeError:
            continue
    return chr(head[0]), at + 1


def replaced(line: bytes, spans: Sequence[Span], masks: dict[int, str]) -> bytes:
    """Put tokens in the place of identifiers; spans that overlap become one, with the tokens of all."""
    chosen = sorted(span for span in spans if span.owners & masks.keys())
    merged: list[Span] = []
    for span in chosen:
        if merged and span.start < merged[-1].end:
            last = merged.pop()
            span = Span(last.start, max(last.end, span.end), last.owners | span.owners)  # noqa: PLW2901 - grown
        merged.append(span)
    pieces: list[bytes] = []
    at = 0
    for start, end, owners in merged:
        names = sorted({masks[owner] for owner in owners if owner in masks})
        pieces += [line[at:start], " ".join(names).encode()]
        at = end
    return b"".join((*pieces, line[at:]))


class TextLines:
    """Reads and masks lines of text."""

    def __init__(self, query: Query, places: dict[str, tuple[Place, ...]]) -> None:
        self._query = query
        self._tokens = Tokens(query, places)
        self._digits = DigitFinder(self._tokens.suffixes, query.size)

    def starts(self, chunk: bytes) -> set[int]:
        """Give where the lines worth a look start in a chunk of whole lines."""
        if self._tokens.every:
            return {0, *(hit.end() for hit in re.finditer(rb"\n(?=.|\n)", chunk, re.DOTALL))}
        found = {chunk.rfind(b"\n", 0, at) + 1 for at, _ in self._tokens.hits(chunk)}
        found.update(self._digits.lines(chunk))
        if self._query.tokens and b"erased-" in chunk:
            found.update(chunk.rfind(b"\n", 0, hit.start()) + 1 for hit in TOKEN.finditer(chunk))
        return found

    def examine(self, line: bytes) -> Match | None:
        """Say whose the line is; None if nobody's."""
        owners = frozenset(owner for span in self._tokens.spans(line) for owner in span.owners)
        tokens = frozenset(hit.decode() for hit in TOKEN.findall(line)) & self._query.tokens.keys()
        if not owners and not tokens:
            return None
        return Match(owners, tokens, masked=True, anchor=dates.in_line(line), links=())

    def masked(self, line: bytes, masks: dict[int, str]) -> bytes:
        """Give the line with each subject's identifiers replaced by the subject's token."""
        return replaced(line, self._tokens.spans(line), masks)

    def row(self, line: bytes) -> dict[str, str | int | float | bool | None]:
        """Give the line as a row of an export."""
        return {"line": line.decode("utf-8", "replace")}
