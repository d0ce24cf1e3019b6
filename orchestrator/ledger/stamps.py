"""Time-stamp tokens (RFC 3161) of checkpoints: how a note carries them, and what is asked of whoever checks one. Pure.

A token stands below the note as the signature of somebody else, of the type that C2SP signed-note leaves to everyone
(0xff): who does not know it skips it. It is the whole response, so that ``openssl ts -verify`` takes it as it is. What
was stamped is the text of the note, without the signatures below: others may sign later, and the token still fits.
"""

from __future__ import annotations

import hashlib
from typing import Final, Protocol

import msgspec

from orchestrator.errors import VerificationError
from orchestrator.ledger.notes import Note, Signature

LARGEST: Final = 1 << 15
"""Bytes of a response; one with a chain of certificates has some thousand."""
_NAME: Final = "rfc3161"
_KEY_ID: Final = hashlib.sha256(b"rfc3161\n\xffexpunge/rfc3161-time-stamp/v1").digest()[:4]
MARK: Final = f"\n\u2014 {_NAME} ".encode()
"""Stands in every note that carries a token, so that the others need not be parsed to see that they do not."""
_MOST: Final = 5
"""Tokens of one checkpoint; a note has room for them beside the signatures of witnesses."""


class Stamp(msgspec.Struct, frozen=True):
    """A checked time stamp: the authority ``name`` says that the ledger had ``size`` leaves at ``at`` (UTC)."""

    name: str
    at: str
    size: int


class Authority(Protocol):
    """Checks tokens under pinned certificates: see ``orchestrator.keys.stamps``."""

    def verify(self, token: bytes, text: bytes) -> tuple[str, str]:
        """Give name and time (RFC 3339, UTC) of a token over a text; raise VerificationError at the first doubt."""
        ...


def of(note: Note) -> tuple[bytes, ...]:
    """Give the tokens that a note carries; nothing of them is believed yet."""
    return tuple(one.body for one in note.signatures if (one.name, one.key_id) == (_NAME, _KEY_ID))


def added(note: Note, token: bytes) -> Note:
    """Give the note with one more token; one that it has is not taken twice.

    Raises:
        VerificationError: it has as many as it can carry.
    """
    if token in of(note):
        return note
    if len(of(note)) >= _MOST:
        raise VerificationError(f"the checkpoint has {_MOST} time stamps already", fix="stamp a newer one")
    return Note(note.text, (*note.signatures, Signature(_NAME, _KEY_ID, token)))
