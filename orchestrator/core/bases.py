"""Legal bases as data maps and policies spell them, and the letter of GDPR Art. 6(1) that each is. Pure."""

from __future__ import annotations

import re
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
