"""Byte patterns that lead to the records worth looking at; none that holds an identifier may be missed.

A needle only proposes; ``text`` and ``jsonl`` decide. So a needle may be too wide and never too narrow: where a
value can be spelled in many ways (phones, IPv6, escapes) it is a part that every spelling shares.
"""

from __future__ import annotations

import contextlib
import ipaddress
import itertools
import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import quote

import ahocorasick_rs

_DFA_LIMIT: Final = 20_000
"""Patterns above which the fast automaton would take more memory than it is worth."""

_DFA_PAYS: Final = 5_000
"""Bytes per pattern above which it searches so much faster that its making is paid for."""

_MOST_SPELLINGS: Final = 4
_SUFFIX_DIGITS: Final = 7
_FEWEST_DIGITS: Final = 4
_NOT_DIGITS: Final = bytes(byte for byte in range(256) if byte not in b"0123456789\n")
# Bytes that stand for themselves in JSON text whoever wrote it; a character before a non-ASCII one may be composed.
_PLAIN_RUN: Final = re.compile(r'[^\x00-\x1f"\\/\x7f-\U0010ffff]+')
_BEFORE_COMPOSED: Final = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")
_IPV4: Final = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}")
_SIMPLE: Final = re.compile(r"[A-Za-z0-9._~@-]+")
"""Values that URL encoding changes in one way only."""


class Finder:
    """Finds many patterns in lower-cased bytes at once."""

    def __init__(self, patterns: Sequence[bytes], size: int = 0) -> None:
        """Compile. ``size``: bytes that will be searched; the fast automaton takes five times as long to make."""
        self._automaton = None
        if patterns:
            kind = ahocorasick_rs.Implementation
            pays = size > _DFA_PAYS * len(patterns) and len(patterns) <= _DFA_LIMIT
            chosen = kind.DFA if pays else kind.ContiguousNFA
            self._automaton = ahocorasick_rs.BytesAhoCorasick(patterns, implementation=chosen)

    def __bool__(self) -> bool:
        return self._automaton is not None

    def find(self, low: bytes) -> list[tuple[int, int, int]]:
        """Give (pattern, start, end) of every occurrence, overlapping ones too."""
        return self._automaton.find_matches_as_indexes(low, overlapping=True) if self._automaton else []


class DigitFinder:
    """Finds lines by the digits they hold, whatever stands between them (phones)."""

    def __init__(self, suffixes: Sequence[bytes], size: int = 0) -> None:
        self._finder = Finder(sorted(set(suffixes)), size)

    def __bool__(self) -> bool:
        return bool(self._finder)

    def lines(self, chunk: bytes) -> Iterator[int]:
        """Give the start of each line whose digits, written without a gap, hold one of the suffixes."""
        if not self._finder:
            return
        digits = chunk.translate(None, _NOT_DIGITS)
        hits = self._finder.find(digits)
        if not hits:
            return
        starts = [0, *(found.end() for found in re.finditer(b"\n", chunk))]
        at = line = 0
        for _, start, _ in sorted(hits, key=lambda hit: hit[1]):
            line += digits.count(b"\n", at, start)
            at = start
            yield starts[line]


def suffix_of(value: str) -> bytes | None:
    """Give the last digits of a phone number, or None when it has too few to search by."""
    digits = re.sub(r"[^0-9]", "", value)
    return digits[-_SUFFIX_DIGITS:].encode() if len(digits) >= _FEWEST_DIGITS else None


def plain_run(value: str) -> bytes | None:
    """Give the longest part of a value that every JSON writer spells the same way, lower-cased; None if none."""
    runs = [run for part in _BEFORE_COMPOSED.split(value) for run in _PLAIN_RUN.findall(part)]
    stripped = [run.strip().lower().encode() for run in runs]
    return max(stripped, key=len, default=b"") or None


def hextet(value: str) -> bytes | None:
    """Give a group of an IPv6 address without leading zeros: every spelling of the address holds it."""
    if ":" not in value:
        return None
    try:
        address = ipaddress.IPv6Address(value)
    except ValueError:
        return None
    # The last two groups may be written as an IPv4 address.
    # Of equally long ones the last, since networks share the first.
    groups = [group.lstrip("0") for group in reversed(address.exploded.split(":")[:6])]
    return max(groups, key=len).encode() or b":"


def mapped_group(value: str) -> bytes | None:
    """Give what every hexadecimal spelling of an IPv4 address mapped into IPv6 holds: ``a00:`` for 10.0.0.1."""
    if not _IPV4.fullmatch(value):
        return None
    first, second, _, _ = value.split(".")
    return b"%x:" % (int(first) * 256 + int(second))


def spellings(value: str, *, any_case: bool) -> set[bytes]:
    """Give the ways a value is written in a text log: plain, URL-encoded, composed or not, UTF-8 or Latin-1."""
    if _SIMPLE.fullmatch(value):
        raw = value.encode()
        return {raw, raw.replace(b"@", b"%40")}
    texts = {unicodedata.normalize(form, value) for form in ("NFC", "NFD")}
    if any_case:
        texts = {spelt for text in texts for spelt in _cases(text)}
    found: set[bytes] = set()
    for text in texts:
        ways = {text.encode("utf-8", "surrogateescape")}
        if not text.isascii():
            with contextlib.suppress(UnicodeEncodeError):
                ways.add(text.encode("latin-1"))
        for one in ways:
            found |= {one, one.replace(b"@", b"%40"), quote(one, safe="@").encode(), quote(one, safe="").encode()}
            if b" " in one:
                found.add(quote(one, safe=" ").replace(" ", "+").encode())
    return found


def _cases(text: str) -> set[str]:
    """Give the text with each non-ASCII letter in both cases; ASCII letters are searched lower-cased anyway."""
    choices = [sorted({char, char.lower(), char.upper()}) if not char.isascii() else [char] for char in text]
    if sum(len(choice) > 1 for choice in choices) > _MOST_SPELLINGS:
        return {text, text.lower(), text.upper(), text.title()}
    return {"".join(picked) for picked in itertools.product(*choices)}
