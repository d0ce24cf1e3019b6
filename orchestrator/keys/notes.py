"""Keys of the ledger: Ed25519 keys that sign checkpoints as C2SP notes, and those that check them.

A key of its own (ADR 37): whoever gets hold of the key of records can forge a record, and still not put it into a
ledger whose checkpoints others keep.
"""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from orchestrator.errors import VerificationError
from orchestrator.ledger import notes


class LedgerSigner:
    """Signs checkpoints under one name."""

    def __init__(self, name: str, private: bytes) -> None:
        """Take the name (the ledger's origin) and a 32-byte Ed25519 private key."""
        self._key = Ed25519PrivateKey.from_private_bytes(private)
        self.public = self._key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.name = name
        self.key_id = notes.key_id(name, notes.ED25519, self.public)

    def sign(self, data: bytes) -> bytes:
        """Give the 64-byte signature."""
        return self._key.sign(data)

    @property
    def vkey(self) -> str:
        """Give the public key as others pin it."""
        return notes.vkey(self.name, notes.ED25519, self.public)


class LedgerVerifier:
    """Checks signatures of one pinned key: a ledger's, or a witness's."""

    def __init__(self, name: str, kind: int, public: bytes) -> None:
        """Take the name, the type of signature (``notes.ED25519`` or ``notes.COSIGNATURE``) and the 32-byte key."""
        self._key = Ed25519PublicKey.from_public_bytes(public)
        self.name = name
        self.kind = kind
        self.public = public
        self.key_id = notes.key_id(name, kind, public)

    @classmethod
    def of(cls, line: str) -> LedgerVerifier:
        """Read a pinned key from its line of text.

        Raises:
            VerificationError: it is none.
        """
        return cls(*notes.read_vkey(line.strip()))

    def verify(self, signature: bytes, text: bytes) -> None:
        """Check one signature of a note's text.

        Raises:
            VerificationError: it is not this key's signature over this text.
        """
        if self.kind == notes.COSIGNATURE:
            seconds, signature = notes.cosigned_at(signature)
            text = notes.cosigned_text(seconds, text)
        try:
            self._key.verify(signature, text)
        except InvalidSignature:
            fix = "get it again from the issuer; do not rely on this one"
            raise VerificationError(
                f"the signature of {self.name} does not fit: the text was altered", fix=fix
            ) from None
