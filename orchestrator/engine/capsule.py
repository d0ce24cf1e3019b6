"""The capsule: everything that leads to the person, in one sealed blob per request (decision 9).

The core knows identifiers by reference only: ``ref = HMAC(secret of the request, kind, value)``. Values, handles
and the secret live here. When the capsule is destroyed, the references in journal and state are noise.
"""

from __future__ import annotations

import hmac
from typing import Any, Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orchestrator.errors import DependencyError
from orchestrator.ports import Chance
from schemas.identifiers import Identifier
from schemas.particulars import Corrections
from schemas.sealing import b64u

_NONCE: Final = 12
_SECRET: Final = 16
_REF: Final = 12


class Capsule(msgspec.Struct, array_like=True):
    """What leads to one person. ``identifiers``: ref -> (kind, value). ``handles``: system -> sealed row keys.

    ``corrections``: what a rectification writes; ``receipt``: the person's, to be given again. Both until the request
    closes.
    """

    secret: bytes
    identifiers: dict[str, tuple[str, str]]
    handles: dict[str, str]
    package_key: bytes = b""
    corrections: Corrections = {}
    receipt: str = ""

    def __repr__(self) -> str:
        """Hide everything (I4)."""
        return f"Capsule(identifiers=<{len(self.identifiers)} hidden>)"

    def __rich_repr__(self) -> list[tuple[str, Any]]:
        """Hide everything from rich's tracebacks too; msgspec's own would show it."""
        return [("identifiers", len(self.identifiers))]

    def copy(self) -> Capsule:
        """Copy what ``add`` and a new handle change."""
        return msgspec.structs.replace(self, identifiers=dict(self.identifiers), handles=dict(self.handles))

    def add(self, kind: str, value: str) -> str:
        """Take an identifier in and give its reference."""
        ref = b64u(hmac.digest(self.secret, f"{kind}\0{value}".encode(), "sha256")[:_REF])
        self.identifiers[ref] = (kind, value)
        return ref

    def values(self, refs: tuple[str, ...]) -> tuple[Identifier, ...]:
        """Give identifiers in clear."""
        return tuple(Identifier(*self.identifiers[ref]) for ref in refs)


_ENCODE: Final = msgspec.msgpack.Encoder().encode
_DECODE: Final = msgspec.msgpack.Decoder(Capsule).decode


class CapsuleBox:
    """Seals capsules with the store's key; the request id is bound in, so one cannot stand in for another."""

    def __init__(self, key: bytes, chance: Chance) -> None:
        self._aead = AESGCM(key)
        self._chance = chance

    def new(self) -> Capsule:
        """Give an empty capsule with a fresh secret."""
        return Capsule(self._chance(_SECRET), {}, {})

    def seal(self, request_id: str, capsule: Capsule) -> bytes:
        """Give the sealed bytes."""
        return self.seal_bytes(request_id, _ENCODE(capsule))

    def seal_bytes(self, request_id: str, plain: bytes) -> bytes:
        """Seal any bytes of a request at rest."""
        nonce = self._chance(_NONCE)
        return nonce + self._aead.encrypt(nonce, plain, request_id.encode())

    def open(self, request_id: str, sealed: bytes) -> Capsule:
        """Open a capsule.

        Raises:
            DependencyError: the store's key is not the one it was sealed with, or the row was altered.
        """
        return _DECODE(self.open_bytes(request_id, sealed))

    def open_bytes(self, request_id: str, sealed: bytes) -> bytes:
        """Open any bytes of a request at rest."""
        try:
            return self._aead.decrypt(sealed[:_NONCE], sealed[_NONCE:], request_id.encode())
        except InvalidTag:
            raise DependencyError(
                "sealed data of the store cannot be opened",
                why="the key keys/store.jwk is another one, or the database was altered",
                fix="restore the key or the database from the same backup",
            ) from None


def subject_ref(key: bytes, kind: str, value: str) -> bytes:
    """Give the digest by which requests of one person are matched (formats.md 5); only ever in the database."""
    return hmac.digest(key, b"dsr-subject-v1\0" + kind.encode() + b"\0" + value.encode(), "sha256")
