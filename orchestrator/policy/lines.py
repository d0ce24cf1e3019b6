"""Where the entries of a TOML file stand. ``tomllib`` does not tell, and an error has to name its line."""

from __future__ import annotations

import re
from typing import Final

_HEADER: Final = re.compile(r"\s*(\[\[?)\s*([\w-]+(?:\s*\.\s*[\w-]+)*)\s*\]\]?\s*(?:#.*)?$")
_KEY: Final = re.compile(r"\s*([\w-]+)\s*=")


class Lines:
    """Lines of one file, by entry and key.

    An entry is (kind, number): ``("activity", 2)`` is the third ``[[activity]]``. A table inside one, such as
    ``[[recipient.transfer]]``, belongs to the entry it stands in: ``("recipient.4.transfer", 0)``.
    """

    def __init__(self, text: str) -> None:
        self.entries: dict[tuple[str, int], int] = {}
        self._keys: dict[tuple[str, int, str], int] = {}
        counts: dict[str, int] = {}
        place = ("", 0)
        quotes = ""
        for number, line in enumerate(text.splitlines(), 1):
            if not quotes:
                if head := _HEADER.match(line):
                    kind, _, inner = re.sub(r"\s", "", head[2]).partition(".")
                    if inner:
                        owner = f"{kind}.{place[1]}.{inner}"
                        self.entries[owner, counts.get(owner, 0)] = number
                        counts[owner] = counts.get(owner, 0) + 1
                        continue
                    place = (kind, counts.get(kind, 0))
                    counts[kind] = place[1] + 1
                    self.entries[place] = number
                elif key := _KEY.match(line):
                    self._keys.setdefault((*place, key[1]), number)
            quotes = _open_after(line, quotes)

    def line(self, kind: str, number: int, key: str = "") -> int | None:
        """Give the line of a key of an entry; of the entry where the key stands nowhere; None where neither does."""
        return self._keys.get((kind, number, key)) or self.entries.get((kind, number)) or self._keys.get(("", 0, kind))


def _open_after(line: str, quotes: str) -> str:
    """Tell which multi-line string is open after this line, if one is: headers inside it are text."""
    at = 0
    while at < len(line):
        if quotes:
            end = line.find(quotes, at)
            if end < 0:
                return quotes
            at, quotes = end + 3, ""
        elif line[at] == "#":
            return ""
        elif line[at : at + 3] in {'"""', "'''"}:
            quotes = line[at : at + 3]
            at += 3
        elif line[at] in "\"'":
            at = _end_of_string(line, at)
        else:
            at += 1
    return quotes


def _end_of_string(line: str, start: int) -> int:
    at = start + 1
    while at < len(line) and line[at] != line[start]:
        at += 2 if line[start] == '"' and line[at] == "\\" else 1
    return at + 1
