"""Legal bases and purposes as data maps and policies spell them; the letter of GDPR Art. 6(1) that a basis is. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Final

_LETTERS: Final = {
    "consent": "a",
    "contract": "b",
    "pre_contractual": "b",
    "legal_obligation": "c",
    "vital_interest": "d",
    "vital_interests": "d",
    "public_task": "e",
    "public_interest": "e",
    "legitimate_interest": "f",
    "legitimate_interests": "f",
}
_ARTICLE: Final = re.compile(r"\b6\s*\(?1\)?\s*\(?([a-f])\)?", re.IGNORECASE)


def letter(basis: str) -> str:
    """Give the letter, ``a`` to ``f``; empty where the basis is not declared, or is one that nobody knows."""
    word = re.sub(r"[\s-]+", "_", basis.strip().lower())
    if word in _LETTERS:
        return _LETTERS[word]
    found = _ARTICLE.search(basis)
    return found[1].lower() if found else ""


def purpose_id(purpose: str) -> str:
    """Give the id by which a request names a purpose of a data map: ``customer care`` is ``customer_care``."""
    return "_".join(purpose.split())


def is_among(purpose: str, named: Collection[str]) -> bool:
    """Tell whether a purpose of a data map is one of these, as the map or as a request spells them."""
    return purpose in named or purpose_id(purpose) in named
