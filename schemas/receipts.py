"""The receipt of a request: a secret that the person keeps, and the commitment in the record that it opens (ADR 43).

24 symbols of Crockford's base32 and his check symbol, shown in five groups: ``7Z9QX-...``. 119 bits of chance: nobody
guesses one. The commitment gives nothing away, and is derived from nothing but the receipt: of an identifier there is
no trace in it. Pure; whoever makes a receipt brings the chance.
"""

from __future__ import annotations

import hashlib
import re
from typing import Final

from schemas.errors import SchemaError
from schemas.fields import SHA256_PATTERN

CHANCE: Final = 15
"""Random bytes that a receipt is made of."""
GROUP: Final = 5
LENGTH: Final = 25
"""Symbols, the check symbol included."""
ALPHABET: Final = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's: no I, L, O (read as 1, 1, 0) and no U."""
TAG: Final = b"expunge-receipt-v1\0"
"""What is hashed before the symbols, so that a commitment is no other hash of ours."""
_CHECK: Final = 37
_BITS: Final = 5
_READ_AS: Final = str.maketrans("ILO", "110", "- \t\r\n\u00a0\u2010\u2011\u2012\u2013\u2014\u2212")
_FIX: Final = "compare it with the letter, character by character"


def made(chance: bytes) -> str:
    """Make a receipt, as it is shown to the person.

    Args:
        chance: ``CHANCE`` random bytes, fit for keys.

    Raises:
        ValueError: another number of bytes.
    """
    if len(chance) != CHANCE:
        raise ValueError("a receipt is made of 15 random bytes")
    drawn = int.from_bytes(chance, "big")
    # The remainder by 37 is drawn with the rest, below 32: so the check symbol is one of the alphabet too, and nobody
    # has to type Crockford's five others (* ~ $ = U).
    number = (drawn >> _BITS + 1) * _CHECK + drawn % len(ALPHABET)
    symbols = [ALPHABET[number >> _BITS * place & 31] for place in reversed(range(LENGTH - 1))]
    return _shown("".join(symbols) + ALPHABET[number % _CHECK])


def read(text: str) -> str:
    """Read a receipt as somebody typed it, and give it as it is shown.

    Small letters, missing or other dashes, spaces, O for 0 and I or L for 1 are forgiven.

    Raises:
        SchemaError: it is none, or mistyped; never with what was typed.
    """
    symbols = text.upper().translate(_READ_AS)
    for place, one in enumerate(symbols[:LENGTH]):
        if one not in ALPHABET:
            message = f"its character {place + 1} stands in no receipt"
            raise SchemaError("receipt.character", message, where="receipt", fix=_FIX)
    if len(symbols) != LENGTH:
        message = f"a receipt has {LENGTH} characters besides the dashes, and this has {len(symbols)}"
        raise SchemaError("receipt.length", message, where="receipt", fix=_FIX)
    number = 0
    for one in symbols[:-1]:
        number = number << _BITS | ALPHABET.index(one)
    if number % _CHECK != ALPHABET.index(symbols[-1]):
        raise SchemaError(
            "receipt.check", "mistyped: its last character does not fit the others", where="receipt", fix=_FIX
        )
    return _shown(symbols)


def commitment(receipt: str) -> str:
    """Give the commitment that a receipt opens: SHA-256 (hex) over ``TAG`` and its symbols, without the dashes.

    Raises:
        SchemaError: as ``read``.
    """
    return hashlib.sha256(TAG + read(receipt).replace("-", "").encode("ascii")).hexdigest()


def checked_commitment(text: str | None, *, where: str = "$.receipt_sha256") -> None:
    """Check the form of a commitment, where there is one.

    Raises:
        SchemaError: it is none. Never with what was given: it may be the receipt itself.
    """
    if text is None or re.match(SHA256_PATTERN, text):
        return
    fix = "the commitment of a receipt (docs/wire-format.md), and never the receipt: 64 hex digits, in small letters"
    raise SchemaError("receipt.commitment", "not a SHA-256", where=where, fix=fix)


def _shown(symbols: str) -> str:
    return "-".join(symbols[at : at + GROUP] for at in range(0, LENGTH, GROUP))
