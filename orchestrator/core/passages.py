"""Passages of a copy that may be about other people: where they are, and what was decided of each. Plain data (ADR 46).

A place is a record, a field and a stretch of characters; what stands there never leaves the exported parts.
"""

from __future__ import annotations

from typing import Final

import msgspec

GROUNDS: Final[dict[str, bool]] = {
    "rights_of_others": True,
    "trade_secret": True,
    "legal_privilege": True,
    "own_data": False,
    "known_to_person": False,
    "consent_of_other": False,
    "professional_role": False,
}
"""Ground -> whether what it is given for is held back. GDPR Art. 15(4), 20(4), recital 63; EDPB Guidelines 01/2022: a
balancing, never a refusal of everything."""
MOST: Final = 5_000
"""Passages of a request; with more, somebody has to think of another way than one by one."""


class Passage(msgspec.Struct, frozen=True, array_like=True, order=True):
    """One passage. ``row``: which record of its set, from 0, as exported; ``start``, ``end``: its characters."""

    place: str
    row: int
    field: str
    start: int
    end: int


class Decided(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """What somebody decided of some passages."""

    role: str
    ground: str
    passages: tuple[Passage, ...]

    @property
    def held(self) -> bool:
        """Whether they are held back."""
        return GROUNDS[self.ground]


class Review(msgspec.Struct, frozen=True, omit_defaults=True, forbid_unknown_fields=True):
    """The review of a copy.

    Attributes:
        since: When it began.
        found: "system/record_set" -> how many passages were undecided when it was last looked.
        decided: In order; of two decisions about the same passage the later one counts.
        done: Somebody has said that everything was looked at.
    """

    since: str
    found: dict[str, int] = {}
    decided: tuple[Decided, ...] = ()
    done: bool = False

    def standing(self) -> dict[Passage, Decided]:
        """Give what counts for each passage."""
        return {passage: one for one in self.decided for passage in one.passages}

    def held_back(self) -> dict[tuple[str, str], int]:
        """Give (place, ground) -> how many passages are held back."""
        counts: dict[tuple[str, str], int] = {}
        for passage, one in self.standing().items():
            if one.held:
                key = (passage.place, one.ground)
                counts[key] = counts.get(key, 0) + 1
        return dict(sorted(counts.items()))
