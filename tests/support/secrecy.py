"""Searches everything the product wrote for personal values in every form of invariant I4.

All forms (``connectors.testing.canary``) of all values are searched for a sample of persons; for everybody else the
forms of the e-mail address, by which most of them were searched. More would take a gigabyte and prove no more.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import ahocorasick_rs
import msgspec

from connectors.testing.canary import canary_forms
from tests.support.company import made_up

SAMPLE: Final = 40


class Hit(msgspec.Struct, frozen=True, order=True):
    """A value where it must not be; the place is a file, the value is named by person and field."""

    place: str
    number: int
    field: str


class Search:
    """Knows the forms of many values."""

    def __init__(self, numbers: Sequence[int]) -> None:
        """Take the persons; every n-th is searched for by all values."""
        every = max(1, len(numbers) // SAMPLE)
        forms: dict[bytes, tuple[int, str]] = {}
        for place, number in enumerate(numbers):
            who = made_up(number)
            fields = who.__struct_fields__ if place % every == 0 else ("email",)
            for field in fields:
                forms |= dict.fromkeys(canary_forms(getattr(who, field)), (number, field))
        self._names = list(forms.values())
        self._finder = ahocorasick_rs.BytesAhoCorasick(
            list(forms), implementation=ahocorasick_rs.Implementation.ContiguousNFA
        )
        self.forms = len(forms)

    def of(self, data: bytes, place: str) -> set[Hit]:
        """Search bytes."""
        hits = self._finder.find_matches_as_indexes(data, overlapping=True) if data else []
        return {Hit(place, *self._names[number]) for number, _, _ in hits}

    def below(self, folders: Iterable[Path]) -> tuple[list[Hit], int, int]:
        """Search every file below these folders, and every file name; gives hits, number of files, bytes."""
        found: set[Hit] = set()
        files = size = 0
        for folder in folders:
            for file in sorted(one for one in folder.rglob("*") if not one.is_dir()):
                place = str(file.relative_to(folder.parent))
                data = file.read_bytes()
                found |= self.of(data, place) | self.of(place.encode(), f"name of {folder.name} file")
                files, size = files + 1, size + len(data)
        return sorted(found), files, size
